"""The same CARs from a provider and from Kubo: scopes, byte ranges and repetition, on paths of every kind.

Left out is what the two do differently: paths that lead nowhere (404 here, there the blocks as far as they
go), ranges wholly outside a file (400 here), paths that end inside a node, and `entity-bytes` without
`dag-scope=entity`, which it implies here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.conformance.gateways import codata_gateway, kubo_gateway
from tests.conformance.published import published
from tests.unit.gateway_serving import blocks_of

PATHS = {
    "gateway-raw-block": ("", "/dir", "/dir/ascii.txt"),
    "trustless_gateway_car/dir-with-dag-cbor-with-links": (
        "",
        "/document",
        "/document/files/single",
    ),
    "trustless_gateway_car/dir-with-duplicate-files": ("", "/ascii-copy.txt", "/multiblock.txt"),
    "trustless_gateway_car/single-layer-hamt-with-multi-block-files": ("/1.txt", "/685.txt"),
    "trustless_gateway_car/subdir-with-mixed-block-files": ("", "/subdir", "/subdir/multiblock.txt"),
}
SCOPES = ("", "&dag-scope=block", "&dag-scope=entity", "&dag-scope=all")
SIZES = {"ascii.txt": 31, "ascii-copy.txt": 31, "single": 12}  # of every other file: 1,026 bytes


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with ExitStack() as stack:
        urls = [stack.enter_context(kubo_gateway(tmp_path_factory.mktemp("kubo")))]
        urls += [stack.enter_context(codata_gateway(tmp_path_factory.mktemp("codata")))]
        kubo, codata = (stack.enter_context(httpx.Client(base_url=url, timeout=60)) for url in urls)
        yield codata, kubo


def _ranges(path: str) -> list[str]:
    """Byte ranges of a file that do not lie wholly outside it, some of them from its end."""
    size, draw = SIZES.get(path.rpartition("/")[2], 1026), random.Random(path)
    edges = ["0:*", "0:0", "0:-1", f"{size - 1}:*", "-1:*", f"-{2 * size}:-2", f"0:{2 * size}"]
    for _ in range(6):
        first, last = sorted(draw.choices(range(size), k=2))
        edges.append(f"{draw.choice((first, first - size))}:{draw.choice((last, last - size))}")
    return edges


@pytest.mark.parametrize(
    ("fixture", "path"), [(fixture, path) for fixture, paths in PATHS.items() for path in paths]
)
def test_the_same_blocks_in_the_same_order(
    both: tuple[httpx.Client, httpx.Client], fixture: str, path: str
) -> None:
    ranges = [f"&dag-scope=entity&entity-bytes={one}" for one in _ranges(path)]
    for query in (*SCOPES, *ranges):
        for dups in ("", "&car-dups=y", "&car-dups=n"):
            url = f"/ipfs/{published(fixture).root}{path}?format=car{query}{dups}"
            ours, theirs = (_seen(client.get(url)) for client in both)
            assert ours == theirs, url


def _seen(answer: httpx.Response) -> tuple[object, ...]:
    assert answer.status_code == 200
    return blocks_of(answer.content), answer.headers["content-type"], answer.headers["x-ipfs-roots"]
