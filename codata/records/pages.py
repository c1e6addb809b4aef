"""Long lists as Merkle trees of pages.

Where a page ends is decided by its items, not by their position (as in a prolly tree): inserting one item changes the
pages on one path, and two lists that share a stretch share its pages. Specified in docs/spec/pages.md.
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
from codata.records.fields import Fields, Value

MEAN_ITEMS = 256  # an item ends its page with probability 1/256
MAX_ITEMS = 2048
MAX_BYTES = 512 * 1024  # of encoded items: a page stays under the 1 MiB that a record may have
MAX_ITEM = 128 * 1024
MAX_DEPTH = 8  # far above any list that fits the limits below it

_ENDS = (1 << 32) // MEAN_ITEMS


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
        entries = ((count, {"count": count, "page": cid}) for count, cid in links)
        links = list(_level(store, entries, "pages"))
    return links[0][1]


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


def _read(store: Store, cid: CID) -> _Page:
    f = Fields(dag_cbor.decode(store.get(cid)), "page/1", cid=cid)
    count = f.count("count")
    if f.has("items"):
        items = f.items("items")
        f.done()
        if len(items) != count:
            raise f.bad(f"counts {count} items and holds {len(items)}")
        return _Page(count, items, [])
    children = []
    for entry in f.items("pages"):
        e = Fields(entry, "page/1", tag=False, cid=cid)
        children.append((e.count("count"), e.link("page")))
        e.done()
    f.done()
    if not children or sum(n for n, _ in children) != count:
        raise f.bad("does not count what its pages count")
    return _Page(count, [], children)


def count(store: Store, root: CID) -> int:
    """How many items the list claims; every reader checks the claim page by page."""
    return _read(store, root).count


def items(store: Store, root: CID, start: int = 0) -> Iterator[Value]:
    """The items from `start` on, in order, reading only the pages that hold them."""
    yield from _items(store, root, None, start, 0)


def _items(store: Store, cid: CID, expect: int | None, start: int, depth: int) -> Iterator[Value]:
    page = _read(store, cid)
    if expect is not None and page.count != expect:
        raise BadRecord(f"page {cid} holds {page.count} items where its parent counts {expect}", cid=cid)
    if depth > MAX_DEPTH:
        raise BadRecord(f"list is nested deeper than {MAX_DEPTH} levels", cid=cid)
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
    yield root
    for _, child in _read(store, root).children:
        yield from cids(store, child)


def first_difference(store: Store, a: CID, b: CID) -> int | None:
    """The index of the first item in which two lists differ, or None. Equal pages are never fetched."""
    base = 0
    while a != b:
        page_a, page_b = _read(store, a), _read(store, b)
        if page_a.children and page_b.children:
            step = _first_child(page_a, page_b)
            if step is None:
                return base + min(page_a.count, page_b.count) if page_a.count != page_b.count else None
            skipped, a_next, b_next = step
            base += skipped
            if a_next is None or b_next is None or a_next[0] != b_next[0]:
                rest_a, rest_b = items(store, a, skipped), items(store, b, skipped)
                return _first_item(rest_a, rest_b, base)
            if (found := first_difference(store, a_next[1], b_next[1])) is not None:
                return base + found
            return None
        return _first_item(items(store, a), items(store, b), base)
    return None


def _first_child(
    a: _Page, b: _Page
) -> tuple[int, tuple[int, CID] | None, tuple[int, CID] | None] | None:
    skipped = 0
    for left, right in zip_longest(a.children, b.children):
        if left != right:
            return skipped, left, right
        skipped += left[0]
    return None


def _first_item(a: Iterator[Value], b: Iterator[Value], base: int) -> int | None:
    missing = object()
    for i, (left, right) in enumerate(zip_longest(a, b, fillvalue=missing)):
        if left != right:
            return base + i
    return None
