"""Commands on keeping: name, pin, unpin, pins, where, gc, check."""

from __future__ import annotations

from typing import Annotated

import typer

from codata_cli import copies, services
from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, size, table
from codata_cli.providers import OnOption

RefArgument = Annotated[str, typer.Argument(metavar="REF", help="A name or CID.")]
ServiceOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="URL", help="At a pinning service: pinning+https://host/path; or at a provider."
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(name)
    app.command()(pin)
    app.command()(unpin)
    app.command()(pins)
    app.command()(copies.where)
    app.command()(gc)
    app.command()(check)


def name(
    name_: Annotated[str, typer.Argument(metavar="NAME")],
    ref: Annotated[str | None, typer.Argument(metavar="REF", help="What it is to stand for.")] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Forget the name; what it stood for stays.")
    ] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Give a CID a name, or take a name away."""
    from cid_store.errors import UsageError

    with session(home, json, store) as (opened, out):
        if remove and ref is not None:
            raise UsageError(
                "--remove takes a name and no REF", next_step=f"codata name {name_} --remove forgets {name_}"
            )
        if remove:
            opened.names.forget(name_)
            out.result({"name": name_, "cid": None}, f"{name_} is forgotten")
        elif ref is None:
            raise UsageError("give a REF for the name, or --remove")
        else:
            root = opened.resolve(ref)
            opened.names.give(name_, root)
            out.result({"name": name_, "cid": root}, f"{name_} is {root}")


def pin(
    ref: RefArgument,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="Keep it in another store, at a pinning service, or at providers: then it may be repeated.",
        ),
    ] = None,
    copies_: Annotated[
        int | None,
        typer.Option("--copies", min=1, help="On how many of the providers each shard is to be. Default: 2."),
    ] = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Keep a root and all that belongs to it, whatever `gc` does: here, in another store, or at providers.

    Exit code 5 if fewer copies are there at the end than were asked for.
    """
    from cid_store.errors import UsageError
    from codata.closure import whole
    from codata_cli.sending import send

    with session(home, json, store) as (opened, out):
        root = opened.resolve(ref)
        if to and all(map(copies.is_provider, to)):
            return copies.spread(opened, out, root, to, copies_)
        if len(to or ()) > 1 or copies_ is not None:
            raise UsageError(
                "copies are spread over providers", next_step="name each as --to https://… or --to http://…"
            )
        if to and services.is_service(to[0]):
            services.pin_at(out, root, ref, to[0])
            return 0
        if to:
            send(opened, out, root, to[0])
            return 0
        blocks = whole(opened.store, root)
        opened.keeper.pin(root)
        out.result({"root": root, "blocks": blocks}, f"pinned {root}: {blocks} blocks")
        return 0


def unpin(
    ref: RefArgument,
    at: ServiceOption = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Drop a pin. Names keep what they stand for; `gc` then frees what nothing keeps."""
    from codata.errors import UnknownName

    with session(home, json, store) as (opened, out):
        root = opened.resolve(ref)
        if at is not None and copies.is_provider(at):
            copies.release(opened, out, root, at)
            return
        if at is not None:
            services.unpin_at(out, root, at)
            return
        if not opened.keeper.unpin(root):
            raise UnknownName(f"{root} is not pinned", cid=root, next_step="`codata pins` lists what is")
        out.result({"root": root}, f"unpinned {root}")


def pins(
    at: ServiceOption = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """What is pinned."""
    if at is not None:
        services.pins_at(Output(json), at)
        return
    with session(home, json, store) as (opened, out):
        rows = [{"cid": p.cid, "kind": p.kind, "note": p.note} for p in opened.keeper.pins()]
        out.result({"pins": rows}, table(["cid", "kind", "note"], [tuple(r.values()) for r in rows]))


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Delete what no pin and no name keeps.

    Tables between the stages of runs go too: they can be made again.
    """
    from codata.collect import collect

    with session(home, json, store) as (opened, out):
        report = collect(opened, dry_run=dry_run)
        verb = "would free" if dry_run else "freed"
        out.result(
            {"blocks": report.blocks, "bytes": report.bytes, "dry_run": dry_run},
            f"{verb} {size(report.bytes)} in {report.blocks} blocks",
        )


def check(
    ref: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="With --remote: what providers say that they hold.")
    ] = None,
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask providers for random blocks of REF, and check what comes.")
    ] = False,
    on: OnOption = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=1, max=100_000, help="With --remote: blocks of each provider. Default: 44."
        ),
    ] = None,
    repair: Annotated[bool, typer.Option(help="Mend what can be mended; set damaged bytes aside.")] = True,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Hash everything in the store again, and hold the index against the disk.

    Exit code 4 if something is damaged. With --remote: 3 if a provider does not hold what it says, 4 if
    nobody holds a part, 5 if a provider could not be asked or gave fewer answers than asked for.
    """
    from cid_store.errors import UsageError
    from codata.collect import local

    with session(home, json, store) as (opened, out):
        if remote and ref is not None:
            return copies.check(opened, out, opened.resolve(ref), on, sample)
        if remote or ref is not None or on or sample is not None:
            raise UsageError("a check of providers is: codata check REF --remote")
        report = local(opened).check(repair=repair)
        found = [*report.damage, *report.leftovers]
        rows = [{"kind": f.kind, "cid": f.cid, "where": str(f.where), "done": f.done} for f in found]
        value = {"ok": report.ok, "blocks": report.blocks, "bytes": report.bytes, "findings": rows}
        text = f"{report.blocks} blocks, {size(report.bytes)}: " + ("all good" if report.ok else "damaged")
        out.result(
            value, text + "".join(f"\n{r['kind']}: {r['cid'] or r['where']}: {r['done']}" for r in rows)
        )
        return 0 if report.ok else 4
