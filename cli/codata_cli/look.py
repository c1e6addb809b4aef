"""Commands on what is here: ls, show, head, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli import unixfs
from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import size, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from codata.home import Home

_KINDS = {"manifest/1": "dataset", "run/1": "run", "job/1": "job", "source/1": "source"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(ls)
    app.command()(show)
    app.command()(head)
    app.command()(export)


def ls(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="[REF[/PATH]]", help="A folder to list. Without one: the names here."),
    ] = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Names, what they stand for, and the runs that are known; or the entries of a folder."""
    with session(home, json, store) as (opened, out):
        if ref is not None:
            unixfs.list_entries(opened, out, ref)
            return
        rows = [_row(opened, name, root) for name, root in opened.names.all().items()]
        cells = [
            (r["name"], r["kind"], r["rows"], None if r["bytes"] is None else size(r["bytes"]), r["cid"])
            for r in rows
        ]
        text = table(["name", "kind", "rows", "size", "cid"], cells)
        out.result(
            {"names": rows, "runs": opened.ledger.runs()},
            text if rows else "nothing has a name yet: codata add PATH --name NAME",
        )


def _row(opened: Home, name: str, root: CID) -> dict[str, Any]:
    """A name, and what it stands for as far as that is held here."""
    from codata.records.base import kind_of
    from codata.records.manifest import Manifest

    if not opened.store.has(root):
        return {"name": name, "cid": root, "kind": "missing", "rows": None, "bytes": None}
    kind = kind_of(opened.store, root)
    manifest = Manifest.load(opened.store, root) if kind == Manifest.kind else None
    return {
        "name": name,
        "cid": root,
        "kind": _KINDS.get(kind, kind) if kind else _plain_kind(opened, root),
        "rows": manifest.rows if manifest else None,
        "bytes": manifest.size if manifest else None,
    }


def _plain_kind(opened: Home, root: CID) -> str:
    """What is no record: a file or folder, or any other block."""
    from cid_store.unixfs import stat
    from cid_store.unixfs.errors import BadUnixFS

    try:
        return {"other": "block"}.get(found := stat(opened.store, root).kind, found)
    except BadUnixFS:
        return "block"


def show(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A name or CID of anything.")],
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """What a CID is: a dataset with columns and shards, a run with its steps, a record with its fields."""
    from codata.show import show as describe

    with session(home, json, store) as (opened, out):
        shown = describe(opened, opened.resolve(ref))
        out.result(shown.value, shown.text)


def head(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A dataset.")],
    rows: Annotated[int, typer.Option("--rows", "-r", min=1, help="How many rows.")] = 10,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """The first rows of a dataset."""
    from cid_store.errors import UsageError
    from codata.dataset import Dataset
    from codata.show import dataset_of, table_text

    with session(home, json, store) as (opened, out):
        taken = Dataset(opened.store, dataset_of(opened, ref)).head(rows)
        try:
            out.result({"rows": taken.to_pylist()}, table_text(taken))
        except (OverflowError, ValueError) as e:  # a date beyond the years 1 to 9999, an unknown time zone
            raise UsageError(
                f"these rows can't be shown: {e}",
                next_step="write them to a file: codata export REF FILE.parquet",
            ) from None


def export(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A dataset.")],
    dest: Annotated[Path, typer.Argument(help="The file to write.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", "-f", help="parquet, arrow, jsonl or csv. Default: by the file's suffix."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write a dataset to a file, every byte proven on the way."""
    from codata.dataset import Dataset
    from codata.export import export as run
    from codata.show import dataset_of

    with session(home, json, store) as (opened, out):
        written = run(Dataset(opened.store, dataset_of(opened, ref)), dest, format_, force=force)
        out.result({"rows": written.rows, "bytes": written.bytes, "path": written.path})
