"""The RPC of a Kubo node, by way of ipfshttpclient: the one module that knows that library.

Every call asks the node alone and never the network, except `provide`. Nothing that comes back is trusted
here: blocks are proven by the store, lengths are bounded while they are read.

What is worked around in ipfshttpclient 0.7: `connect` refuses every node since 0.8, so a `Client` is made
directly; `dag.imprt` asserts that exactly one object comes back, so its answer is streamed; `dag.export`
ignores the error that a node appends to a broken stream, so that a CAR cut short looks whole; `block rm`,
`routing provide` and the names of pins are missing, and are asked for by the client's own request method.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, BinaryIO, Final, NamedTuple
from urllib.parse import urlsplit

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, InvalidCID, LimitExceeded, StoreError, UsageError

# Its own patch of `requests` passes a parameter that urllib3 2 warns of at each connection, and 3 refuses.
os.environ.setdefault("PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS", "no")
import ipfshttpclient  # type: ignore[import-untyped]
from ipfshttpclient import exceptions

_SCHEMES: Final = {"ipfs+http": "http", "ipfs+https": "https"}
_PORT: Final = 5001
_TIMEOUT: Final = (10, 300)  # seconds: to connect; between two bytes, which pinning a large DAG can make long
_PIECE: Final = 256 * 1024  # bytes of an upload in one write
_MAX_TEXT: Final = 300  # characters of a node's own words that an error repeats


class KuboError(StoreError):
    """A Kubo node refused a request or can't be reached."""

    default_next = "see that the node runs and that the URL names its RPC, as ipfs+http://127.0.0.1:5001"


class RemotePin(NamedTuple):
    """A pin as the node lists it: `kind` is `recursive` or `direct`."""

    cid: CID
    kind: str
    name: str


class KuboRpc:
    """A node's RPC at a URL such as `ipfs+http://127.0.0.1:5001`. Thread-safe."""

    def __init__(self, url: str) -> None:
        address, base = _multiaddr(url)
        self.url = url
        # A session keeps connections: one for each request would cost more than the request.
        options = {"base": base, "timeout": _TIMEOUT, "session": True, "chunk_size": _PIECE}
        self._local = ipfshttpclient.Client(address, offline=True, **options)
        self._online = ipfshttpclient.Client(address, **options)

    def close(self) -> None:
        """Close the connections."""
        self._local.close()
        self._online.close()

    def block_get(self, cid: CID, limit: int) -> bytes:
        """A block's bytes, unproven. Raises `BlockNotFound`; `LimitExceeded` beyond `limit` bytes."""
        with self._errors(cid), closing(self._local.block.get(cid, stream=True)) as pieces:
            return _gather(pieces, limit, cid)

    def block_has(self, cid: CID) -> bool:
        """Whether the node holds a block."""
        try:
            with self._errors(cid):
                self._local.block.stat(cid)
        except BlockNotFound:
            return False
        return True

    def block_rm(self, cids: Sequence[CID]) -> None:
        """Forget blocks; absent ones are ignored. Raises `KuboError` for one that is pinned."""
        for item in self._call("/block/rm", cids, {"force": "true"}):
            if item.get("Error"):
                raise KuboError(
                    f"{self.url} keeps block {item.get('Hash')}: {_words(item['Error'])}",
                    next_step="unpin what holds it first",
                )

    def refs_local(self) -> Iterator[CID]:
        """Every block held, as raw CIDs: nodes keep blocks by multihash."""
        with self._errors(), closing(self._local.unstable.refs.local(stream=True)) as refs:
            for ref in refs:
                if ref.get("Err"):
                    raise KuboError(f"{self.url} stopped listing: {_words(ref['Err'])}")
                yield self._cid(ref.get("Ref"))

    def dag_import(self, car: BinaryIO, *, pin_roots: bool) -> int:
        """Hand a CAR to the node; returns how many blocks it took. Raises `KuboError` for a root that it
        did not pin."""
        options = {"pin-roots": _flag(pin_roots), "stats": "true", "allow-big-block": "true"}
        blocks = 0
        with self._errors(), closing(self._local.dag.imprt(car, opts=options, stream=True)) as items:
            for item in items:
                root = item.get("Root") or {}
                if root.get("PinErrorMsg"):
                    cid = str((root.get("Cid") or {}).get("/"))
                    raise KuboError(f"{self.url} did not pin {cid}: {_words(root['PinErrorMsg'])}", cid=cid)
                blocks += int((item.get("Stats") or {}).get("BlockCount", 0))
        return blocks

    def dag_export(self, root: CID) -> Generator[bytes]:
        """The CAR of a DAG in pieces. It may end early without any sign: see that it is whole."""
        with self._errors(root), closing(self._local.dag.export(root, stream=True)) as pieces:
            yield from pieces

    def pin_add(self, cid: CID, *, recursive: bool, name: str) -> None:
        """Pin what the node holds. Raises `BlockNotFound` when a block of it is absent."""
        options = {"name": name} if name else {}
        with self._errors(cid):
            self._local.pin.add(cid, recursive=_flag(recursive), opts=options)

    def pin_rm(self, cid: CID) -> bool:
        """Drop a pin; false if there was none."""
        try:
            with self._errors(cid):
                self._local.pin.rm(cid)
        except KuboError as e:
            if "not pinned" in e.message:
                return False
            raise
        return True

    def pin_ls(self, kind: str) -> Iterator[RemotePin]:
        """The pins of a kind, `recursive` or `direct`."""
        for item in self._call("/pin/ls", (), {"type": kind, "names": "true", "stream": "true"}):
            yield RemotePin(self._cid(item.get("Cid")), kind, str(item.get("Name") or ""))

    def provide(self, cids: Sequence[CID], *, recursive: bool) -> None:
        """Tell the network that this node holds `cids`, or all below them; raises `KuboError`."""
        items = self._call("/routing/provide", cids, {"recursive": _flag(recursive)}, self._online)
        for item in items:
            if item.get("Type") == 3:  # QueryError, in the events of routing
                raise KuboError(f"{self.url} could not provide: {_words(item.get('Extra'))}")

    def version(self) -> str:
        """The node's version."""
        with self._errors():
            return str(self._local.version()["Version"])

    def _call(
        self, path: str, args: Sequence[CID], options: Mapping[str, str], client: Any = None
    ) -> Iterator[dict[str, Any]]:
        http = (client or self._local)._client
        with (
            self._errors(),
            closing(http.request(path, args, opts=options, decoder="json", stream=True)) as items,
        ):
            yield from items

    def _cid(self, text: object) -> CID:
        try:
            return CID(str(text))
        except InvalidCID as e:
            raise KuboError(f"{self.url} answered with {_words(text)!r} for a CID") from e

    @contextmanager
    def _errors(self, cid: CID | None = None) -> Iterator[None]:
        """What ipfshttpclient raises, as errors of this package."""
        try:
            yield
        except exceptions.ErrorResponse as e:
            words = _words(e)
            if "not found" in words or "could not find" in words:
                raise BlockNotFound(
                    f"{self.url} does not hold {cid or 'a block'}: {words}", cid=cid
                ) from None
            raise KuboError(f"{self.url} refused: {words}", cid=cid) from None
        except exceptions.Error as e:
            raise KuboError(f"{self.url} can't be reached: {_words(e)}", cid=cid) from None
        except OSError as e:  # a connection cut in the middle of a body
            raise KuboError(f"the answer of {self.url} broke off: {_words(e)}", cid=cid) from None


def _gather(pieces: Iterator[bytes], limit: int, cid: CID) -> bytes:
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise LimitExceeded(f"block {cid} is over {limit} bytes", cid=cid)
        taken.append(piece)
    return b"".join(taken)


def _multiaddr(url: str) -> tuple[str, str]:
    """The address and the path of the API that a URL names; raises `UsageError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError as e:
        raise UsageError(
            f"{url!r} is no URL of a Kubo node: {e}", next_step="write ipfs+http://host:5001"
        ) from None
    if parts.scheme not in _SCHEMES or not host or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"{url!r} is no URL of a Kubo node",
            next_step="write ipfs+http://host:5001, without user or options",
        )
    try:
        kind = f"ip{ipaddress.ip_address(host).version}"
    except ValueError:
        kind = "dns"
    return f"/{kind}/{host}/tcp/{port}/{_SCHEMES[parts.scheme]}", f"{parts.path.rstrip('/')}/api/v0"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _words(what: object) -> str:
    return str(what)[:_MAX_TEXT]
