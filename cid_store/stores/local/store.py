"""The local store: blocks and whole files in one folder, shared by any number of threads and processes.

docs/spec/local-store.md says what lies where; docs/decisions/0003-local-store.md says why nothing that was
reported as stored is lost, whoever is killed and whatever runs at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self
from urllib.parse import unquote

from cid_store import multihash
from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CorruptBlock, UsageError
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import FileSource, Store, is_stream, open_source
from cid_store.stores.local import entries
from cid_store.stores.local import pins as pin_files
from cid_store.stores.local.check import check
from cid_store.stores.local.collect import collect
from cid_store.stores.local.current import Current
from cid_store.stores.local.entries import Place
from cid_store.stores.local.files import CHUNK, SMALL, head_of
from cid_store.stores.local.folder import Folder, named_errors, read_all
from cid_store.stores.local.intake import take_buffer, take_stream
from cid_store.stores.local.locks import locked
from cid_store.stores.local.mapped import MappedReader, leaves_of
from cid_store.stores.local.process import Process, durable
from cid_store.stores.local.report import CheckReport
from cid_store.unixfs import FileReader

_LOOKS: Final = 5  # how often a block is looked up again that `gc` moved between look and read


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is held: distinct blocks, files kept whole, and bytes on disk in files and packs."""

    blocks: int
    files: int
    bytes: int


class LocalStore(Store, Keeper):
    """A store in a folder. `fsync`: what is reported as stored survives a power failure, not only a kill.

    Without it, `persist` does the same afterwards for chosen blocks: for results whose intermediates may be
    lost. From its first write until `close` or `settle` an open store protects from `gc` all that is put
    meanwhile.
    """

    scheme = "local"

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = True) -> None:
        self.folder = Folder(Path(path).absolute())
        self._current = Current(self.folder, fsync=fsync)
        with self._errors("opening the store"):
            self.folder.prepare()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store at `local:PATH`, or at `file:///PATH` with percent escapes."""
        scheme, _, path = url.partition(":")
        if scheme == "file":
            if not path.startswith("///"):
                raise UsageError(
                    f"{url!r} names another host", next_step="write file:/// and an absolute path"
                )
            path = unquote(path[2:])
        if not path or "\0" in path:
            raise UsageError(f"{url!r} names no folder", next_step="write local: and a path")
        return cls(path)

    def __str__(self) -> str:
        return f"the store at {self.folder.root}"

    @property
    def fsync(self) -> bool:
        """Whether all that is put survives a power failure at once, and not only when it is `persist`ed."""
        return self._current.fsync

    @property
    def bytes_stored(self) -> int:
        """Bytes that came new to the disk through this object: none for what was held already."""
        return self._current.stored

    def __reduce__(self) -> tuple[object, ...]:
        return _reopen, (str(self.folder.root), self.fsync)

    def close(self) -> None:
        """Close the index and end the hold."""
        self._current.close()

    def _here(self) -> Process:
        return self._current.process()

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        with named_errors(doing, self.folder.root):
            yield

    # -- blocks ----------------------------------------------------------------------------------------------

    def _read(self, cid: CID) -> bytes:
        with self._errors("reading"):
            for _ in range(_LOOKS):
                found = self._places(cid)
                for place in found:
                    data = self._read_place(place)
                    if data is not None:
                        return data
                if not found:
                    raise self._missing(cid)
        raise CorruptBlock(f"block {cid} should lie in {self._path(found[0])}, which lacks it", cid=cid)

    def _places(self, cid: CID) -> list[Place]:
        with self._here().index.reading() as db:
            return entries.places(db, cid.multihash)

    def _read_place(self, place: Place) -> bytes | None:
        try:
            fd = os.open(self._path(place), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            data = read_all(fd, place.length, place.start)
        finally:
            os.close(fd)
        return data if len(data) == place.length else None

    def _path(self, place: Place) -> Path:
        return self.folder.container(place.is_file, place.name)

    def _write(self, blocks: Sequence[Block]) -> None:
        with self._errors("storing blocks"):
            self._current.commit(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        keys = [cid.multihash for cid in cids]
        with self._errors("reading"), self._here().index.reading() as db:
            held = entries.held(db, keys)
        return [key in held for key in keys]

    def _delete(self, cids: Sequence[CID]) -> None:
        keys = [cid.multihash for cid in cids]
        with self._errors("deleting"), locked(self.folder.lock), self._here().index.writing() as db:
            # A file of several blocks stays for the others' sake; `gc` takes it when nobody needs any.
            alone = [f for f in (entries.file_of(db, key) for key in keys) if f and f.size <= CHUNK]
            entries.drop_keys(db, keys)
            entries.drop_containers(db, [file.id for file in alone])
            for file in alone:
                self.folder.file(CID(file.name)).unlink(missing_ok=True)

    def _cids(self) -> Iterator[CID]:
        with self._errors("reading"):
            last = b""
            while page := self._page(last):
                yield from (cid for _, cid in page)
                last = page[-1][0]

    def _page(self, last: bytes) -> list[tuple[bytes, CID]]:
        with self._here().index.reading() as db:
            return entries.cids_after(db, last)

    # -- files -----------------------------------------------------------------------------------------------

    def put_file(self, source: FileSource) -> CID:
        """Keep a file's bytes, contiguous and once: from a path, a stream, or anything with the buffer
        protocol.
        """
        if isinstance(source, str | os.PathLike):
            with open_source(source) as f:
                return self._put_stream(f)
        if is_stream(source):
            return self._put_stream(source)
        view = memoryview(source).cast("B")
        if len(view) < SMALL:
            return self.put(view)
        with self._errors("storing a file"):
            return take_buffer(self._current, view)

    def _put_stream(self, source: BinaryIO) -> CID:
        head = head_of(source)
        if len(head) < SMALL:
            return self.put(head)
        with self._errors("storing a file"):
            return take_stream(self._current, source, head)

    def open_file(self, root: CID) -> FileReader:
        """A reader; over a map where the file was put whole. Raises `BlockNotFound`, `CorruptBlock`."""
        with self._errors("reading"):
            with self._here().index.reading() as db:
                file = entries.file_of(db, root.multihash)
            if file is not None:
                # Gone in between: `gc` took the file, and the plain reader says what is missing.
                with suppress(FileNotFoundError):
                    return MappedReader(
                        self.folder.file(CID(file.name)),
                        root,
                        list(leaves_of(self, root)),
                        self._here().proven,
                    )
        return super().open_file(root)

    # -- keeping and forgetting ------------------------------------------------------------------------------

    def relax(self) -> None:
        """Write without fsync until `persist`. Raises `UsageError` once the store has been used."""
        if self._current.used:
            raise UsageError("a store is relaxed before it is used", next_step="relax it right after opening")
        self._current.fsync = False

    def persist(self, cids: Iterable[CID]) -> None:
        """Make blocks, and files whose root they are, survive a power failure. Raises `BlockNotFound`."""
        with self._errors("making blocks durable"), locked(self.folder.lock, shared=True):
            paths: set[Path] = set()
            for cid in cids:
                found = self._places(cid)
                if not found:
                    raise self._missing(cid)
                paths.add(self._path(found[0]))
                with self._here().index.reading() as db:
                    file = entries.file_of(db, cid.multihash)
                if file:
                    paths.add(self.folder.file(CID(file.name)))
            durable(self.folder, sorted(paths))
            self._here().index.persist()

    def touch(self, cids: Sequence[CID]) -> list[bool]:
        """Which of these blocks are held, in order; those are now as safe from `gc` as if they had just been
        put.
        """
        keys = [cid.multihash for cid in cids]
        with self._errors("writing"):
            held = self._here().touch(keys)
        return [key in held for key in keys]

    def sizes(self, cids: Sequence[CID]) -> list[int | None]:
        """As the index has them: none is read."""
        keys = [cid.multihash for cid in cids]
        with self._errors("reading"), self._here().index.reading() as db:
            found = entries.sizes(db, keys)
        return [
            len(cid.digest) if cid.hash_code == multihash.IDENTITY else found.get(key)
            for cid, key in zip(cids, keys, strict=True)
        ]

    def settle(self) -> None:
        """Stop protecting what was put until now: all of it that should stay is pinned."""
        self._here().hold.release()

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Keep `cid`; a second pin of it replaces the first."""
        with self._errors("pinning"):
            pin_files.save(self.folder, Pin.checked(cid, kind, note), fsync=self.fsync)

    def unpin(self, cid: CID) -> bool:
        """Drop the pin of `cid`; False if there was none."""
        with self._errors("unpinning"):
            return pin_files.drop(self.folder, cid, fsync=self.fsync)

    def pins(self) -> Iterator[Pin]:
        """Every pin, sorted by CID."""
        with self._errors("reading the pins"):
            yield from pin_files.load(self.folder)

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Delete every block that `keep` does not name, except what others may still be working with.

        Those are blocks put since this call, or since the first write of any other store object that is open.
        This object `settle`s: what it has put is deleted too unless it is in `keep`.
        """
        with self._errors("collecting garbage"):
            self.settle()
            return collect(self.folder, self._here().index, keep, dry_run=dry_run)

    def check(self, *, repair: bool = True) -> CheckReport:
        """Hash everything again and hold index and disk against each other. Nothing good is deleted."""
        with self._errors("checking the store"):
            return check(self.folder, repair=repair)

    def stats(self) -> StoreStats:
        """Counts; reads the whole index."""
        with self._errors("reading"), self._here().index.reading() as db:
            (blocks,) = db.execute("SELECT count(DISTINCT key) FROM blocks").fetchone()
            files, size = db.execute("SELECT count(root), coalesce(sum(size), 0) FROM containers").fetchone()
        return StoreStats(blocks, files, size)


def _reopen(path: str, fsync: bool) -> LocalStore:
    return LocalStore(path, fsync=fsync)
