"""The peers of text steps: where each one's Python is, which steps it has, and whether its rules are ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pairs import Cost, command

SAME = ""
"""Of a step whose rules are ours: what stays is compared document by document."""

_VERSION = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


@dataclass(frozen=True)
class Peer:
    """A library that does the same work, run by `script` in an environment of its own.

    `rules` has each step that the library can do: `SAME`, or what it does instead.
    """

    name: str
    distribution: str
    script: str
    rules: Mapping[str, str]

    def interpreter(self, environments: Path) -> Path:
        """The Python of the peer's environment, or this one where it has none of its own."""
        # Not resolved: the link's place is what tells Python its environment.
        own = environments.absolute() / self.name / "bin" / "python"
        return own if own.exists() else Path(sys.executable)

    def version(self, environments: Path) -> str | None:
        """The version that would be measured; None where the library is not installed."""
        asked = [str(self.interpreter(environments)), "-P", "-c", _VERSION, self.distribution]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def run(self, environments: Path, step: str, lines: Path, out: Path, workers: int) -> Cost:
        """One step over a folder of JSON lines; what stays is in OUT/kept. Raises `RuntimeError`."""
        script = Path(__file__).with_name(self.script)
        # Without the folder of the script on the path: its modules would hide others of their names.
        return command(
            self.interpreter(environments), "-P", script, step, lines.absolute(), out, str(workers)
        )


DATATROVE = Peer(
    "datatrove",
    "datatrove",
    "datatrove_peer.py",
    dict.fromkeys(("gopher-c4", "repetition", "fineweb", "exact", "minhash", "fineweb-like"), SAME),
)

DOLMA = Peer(
    "dolma",
    "dolma",
    "dolma_peer.py",
    {
        "gopher-c4": "taggers gopher_v2 and c4_v2, thresholds of Dolma 1.5: words stand between white space, "
        "their median length counts, all stop words count, a document with `javascript` goes, no number of "
        "sentences is asked for",
        "repetition": "tagger gopher_v2, thresholds of Dolma 1.5: words stand between white space, every "
        "n-gram that occurs twice counts, also where it overlaps another, no paragraphs",
        "exact": SAME,
        "fineweb-like": "gopher_v2 for quality and repetition, paragraphs seen before taken out by a Bloom "
        "filter instead of near-duplicates, pii_regex_with_counts_fast_v2; neither C4 nor FineWeb",
    },
)

JUICER = Peer(
    "data-juicer",
    "py-data-juicer",
    "juicer_peer.py",
    {
        "gopher-c4": "words_num (50 to 100,000), alphanumeric, special_characters, average_line_length, "
        "maximum_line_length; stopwords and flagged_words are left out, as their lists would be fetched",
        "repetition": "character_repetition and word_repetition: n-grams of 10, at most half repeated",
        "exact": SAME,
        "minhash": "14 bands of 8 rows over 5-grams as well, but of words between white space, and by other "
        "hash functions",
        "fineweb-like": "the operators of repetition, quality and minhash as above, then clean_email and "
        "clean_ip",
    },
)

PEERS = (DATATROVE, DOLMA, JUICER)


def here(environments: Path, wanted: list[str] | None) -> tuple[list[Peer], list[str]]:
    """The peers that can be measured, of those wanted or of all; and a line for each of what was found."""
    peers, said = [], []
    for peer in PEERS:
        if wanted and peer.name not in wanted:
            continue
        version = peer.version(environments)
        if version is None:
            said.append(
                f"{peer.name}: not measured, as it is not installed in {environments / peer.name}; "
                f"`python scripts/peers.py {peer.name}` says why it can't be, or does it"
            )
        else:
            peers.append(peer)
            said.append(f"{peer.name}: {peer.distribution} {version}")
    return peers, said
