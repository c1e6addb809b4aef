"""The golden values of docs/spec/unixfs.md are what the code makes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from cid_store.unixfs import PROFILES, Built, Metadata, Mtime, Profile, small_file, stream_file
from cid_store.unixfs.build import discard
from cid_store.unixfs.directory import build_directory
from cid_store.unixfs.hamt import name_hash

SPEC = (Path(__file__).parents[2] / "docs" / "spec" / "unixfs.md").read_text()


def _build(content: str, profile: Profile) -> Built:
    if content.startswith("0*"):
        return stream_file(profile, discard, bytes(int(content[2:])))
    if content == "meta":
        return small_file(profile, discard, b"hello world", Metadata(0o640, Mtime(1604320482, 5)))
    leaf = stream_file(profile, discard, b"hello world")
    names = {"empty": [], "small": ["a", "B"], "sharded": [str(i) for i in range(1000)]}[content]
    if content == "sharded":
        profile = replace(profile, threshold=0)
    return build_directory(profile, discard, [(name, leaf) for name in names])


def test_golden_cids() -> None:
    rows = re.findall(r"^\| `(\S+)` \| `(unixfs-\S+)` \| (\d+) \| `(\w+)` \|$", SPEC, re.MULTILINE)
    assert len(rows) == 15
    for content, profile, tsize, cid in rows:
        built = _build(content, PROFILES[profile])
        assert (built.cid, built.tsize) == (cid, int(tsize)), (content, profile)


def test_golden_hashes() -> None:
    rows = re.findall(r"^\| `(\S+)` \| `([0-9a-f]{16})` \|$", SPEC, re.MULTILINE)
    assert len(rows) == 3
    for name, expected in rows:
        assert f"{name_hash(name.encode()):016x}" == expected


def test_the_table_of_profiles() -> None:
    for profile in PROFILES.values():
        assert profile.name in SPEC
        for number in (profile.chunk, profile.threshold):
            assert f"{number:,}" in SPEC
        assert re.search(rf"most links in a file's node.*\b{profile.max_links}\b", SPEC)
