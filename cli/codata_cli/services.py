"""Pins at an IPFS pinning service, named by a URL like pinning+https://host/path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codata_cli.output import Output, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from cid_store.pinning import PinningService, RemotePin

_MAX_NAME = 255  # characters that a service takes


def is_service(url: str) -> bool:
    """Whether a URL names a pinning service, and not a store."""
    return url.startswith("pinning+")


def pin_at(out: Output, root: CID, ref: str, url: str) -> None:
    """Ask the service for a pin, unless it has one or is at it; says how it is getting on."""
    from cid_store.pinning import PinningService

    with PinningService(url) as service:
        known = next((p for p in _pins_of(service, root) if p.status != "failed"), None)
        pin = known or service.add(root, name="" if ref.startswith(root) else ref[:_MAX_NAME])
    value = {
        "root": root,
        "to": url,
        "request": pin.request,
        "status": pin.status,
        "delegates": list(pin.delegates),
    }
    about = f" ({pin.details})" if pin.details else ""
    out.result(
        value,
        f"{root} is {pin.status} at {url}{about}\nrun the same command again to see how it is getting on",
    )


def pins_at(out: Output, url: str) -> None:
    """List the service's pins."""
    from cid_store.pinning import PinningService

    with PinningService(url) as service:
        rows = [
            {"cid": p.cid, "status": p.status, "name": p.name, "created": p.created, "request": p.request}
            for p in service.pins()
        ]
    shown = [(r["cid"], r["status"], r["name"], r["created"]) for r in rows]
    out.result({"pins": rows}, table(["cid", "status", "name", "created"], shown))


def unpin_at(out: Output, root: CID, url: str) -> None:
    """Drop every pin of `root` at the service, and every request for one."""
    from cid_store.pinning import PinningService
    from codata.errors import UnknownName

    with PinningService(url) as service:
        found = _pins_of(service, root)
        for pin in found:
            service.remove(pin.request)
    if not found:
        raise UnknownName(
            f"{root} is not pinned at {url}", cid=root, next_step=f"`codata pins --at {url}` lists what is"
        )
    out.result({"root": root, "at": url, "removed": len(found)}, f"unpinned {root} at {url}")


def _pins_of(service: PinningService, root: CID) -> list[RemotePin]:
    # Not every service keeps to the filter.
    return [p for p in service.pins([root]) if p.cid.to_v1() == root.to_v1()]
