"""Long lists as Merkle trees of pages.

Where a page ends is decided by its items, not by their position (as in a prolly tree): inserting one item
changes the pages on one path, and two lists that share a stretch share its pages. Specified in
docs/spec/pages.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from codata.errors import BadRecord
from codata.records.base import MAX_RECORD
from codata.records.fields import Fields, Value

MEAN_ITEMS = 256  # an item ends its page with probability 1/256
MAX_ITEMS = 2048
MAX_BYTES = 512 * 1024  # of encoded items: a page stays under the 1 MiB that a record may have
MAX_ITEM = 128 * 1024
MAX_COUNT = 1 << 24
"""Items of one list. Bounds the work on a hostile one: few pages can link each other so that they count to
any number."""
MAX_DEPTH = 16  # levels; a level holds at most half as many pages as the one below, and in fact 1/256 of them

_ENDS = (1 << 32) // MEAN_ITEMS
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class _Page:
    count: int
    items: list[Value]
    children: list[tuple[int, CID]]


def put(store: Store, items: Iterable[Value]) -> CID:
    """Store `items` as pages and return the root. Memory is bounded by one page a level, plus page links."""
    links = [(count, cid) for count, cid in _level(store, ((1, item) for item in items), "items")]
    if not links:
        return _write(store, 0, "items", [])
    while len(links) > 1:
        links = list(_level(store, ((count, _link(count, cid)) for count, cid in links), "pages"))
    if links[0][0] > MAX_COUNT:
        raise BadRecord(f"a list of {links[0][0]} items is over the limit of {MAX_COUNT}")
    return links[0][1]


def _link(count: int, cid: CID) -> Value:
    return {"count": count, "page": cid}


def _level(store: Store, entries: Iterable[tuple[int, Value]], kind: str) -> Iterator[tuple[int, CID]]:
    page: list[Value] = []
    count = size = 0
    for weight, item in entries:
        encoded = dag_cbor.encode(item)
        if len(encoded) > MAX_ITEM:
            raise BadRecord(f"a list item of {len(encoded)} bytes is over the limit of {MAX_ITEM}")
        if page and size + len(encoded) > MAX_BYTES:
            yield count, _write(store, count, kind, page)
            page, count, size = [], 0, 0
        page.append(item)
        count += weight
        size += len(encoded)
        # A page of links holds at least two, so that every level is shorter than the one below.
        ends = int.from_bytes(hashlib.sha256(encoded).digest()[:4], "big") < _ENDS
        if (ends and (kind == "items" or len(page) > 1)) or len(page) == MAX_ITEMS:
            yield count, _write(store, count, kind, page)
            page, count, size = [], 0, 0
    if page:
        yield count, _write(store, count, kind, page)


def _write(store: Store, count: int, kind: str, entries: list[Value]) -> CID:
    return store.put(dag_cbor.encode({"codata": "page/1", "count": count, kind: entries}), DAG_CBOR)


def _read(store: Store, cid: CID, expect: int | None = None, depth: int = 0) -> _Page:
    """The page `cid`, of which its parent says that it holds `expect` items."""
    if depth > MAX_DEPTH:
        raise BadRecord(f"a list is nested deeper than {MAX_DEPTH} levels", cid=cid)
    data = store.get(cid)
    if len(data) > MAX_RECORD:
        raise BadRecord(f"page {cid} of {len(data)} bytes is over the limit of {MAX_RECORD}", cid=cid)
    f = Fields(dag_cbor.decode(data), "page/1", cid=cid)
    count = f.count("count")
    if count > MAX_COUNT:
        raise f.bad(f"counts {count} items; the limit is {MAX_COUNT}")
    if expect is not None and count != expect:
        raise f.bad(f"holds {count} items where its parent counts {expect}")
    page = _leaf(f, count) if f.has("items") else _inner(f, count)
    f.done()
    return page


def _leaf(f: Fields, count: int) -> _Page:
    items = f.items("items")
    if len(items) != count:
        raise f.bad(f"counts {count} items and holds {len(items)}")
    return _Page(count, items, [])


def _inner(f: Fields, count: int) -> _Page:
    children = []
    for entry in f.items("pages"):
        e = Fields(entry, "page/1", tag=False, cid=f.cid)
        children.append((e.count("count"), e.link("page")))
        e.done()
    # No page below the root is empty: a list's count bounds the pages that are read for it.
    if not children or sum(n for n, _ in children) != count or not all(n for n, _ in children):
        raise f.bad("does not count what its pages count")
    return _Page(count, [], children)


def count(store: Store, root: CID) -> int:
    """How many items the list claims; every reader checks the claim page by page. At most `MAX_COUNT`."""
    return _read(store, root).count


def items(store: Store, root: CID, start: int = 0) -> Iterator[Value]:
    """The items from `start` on, in order, reading only the pages that hold them."""
    yield from _items(store, root, None, start, 0)


def _items(store: Store, cid: CID, expect: int | None, start: int, depth: int) -> Iterator[Value]:
    page = _read(store, cid, expect, depth)
    yield from page.items[start:]
    for n, child in page.children:
        if start < n:
            yield from _items(store, child, n, start, depth + 1)
        start = max(0, start - n)


def at(store: Store, root: CID, index: int) -> Value:
    """The item at `index`; reads one page a level. Raises `IndexError`."""
    for item in items(store, root, index):
        return item
    raise IndexError(index)


def cids(store: Store, root: CID) -> Iterator[CID]:
    """The page blocks themselves, root first."""
    yield from _cids(store, root, None, 0)


def _cids(store: Store, cid: CID, expect: int | None, depth: int) -> Iterator[CID]:
    page = _read(store, cid, expect, depth)
    yield cid
    for n, child in page.children:
        yield from _cids(store, child, n, depth + 1)


def first_difference(store: Store, a: CID, b: CID) -> int | None:
    """The index of the first item in which two lists differ, or None. Equal pages are not fetched where the
    trees align."""
    base = depth = 0
    while a != b:
        left, right = _read(store, a, None, depth), _read(store, b, None, depth)
        skipped, one, two = _first_child(left, right)
        if one is None or two is None or one[0] != two[0]:
            rest = zip_longest(items(store, a, skipped), items(store, b, skipped), fillvalue=_NOTHING)
            return next((base + i for i, (x, y) in enumerate(rest, skipped) if x is not y and x != y), None)
        base, depth, a, b = base + skipped, depth + 1, one[1], two[1]
    return None


def _first_child(a: _Page, b: _Page) -> tuple[int, tuple[int, CID] | None, tuple[int, CID] | None]:
    """The first children that differ, and how many items lie before them."""
    skipped = 0
    for left, right in zip_longest(a.children, b.children):
        if left != right:
            return skipped, left, right
        skipped += left[0]
    return 0, None, None
