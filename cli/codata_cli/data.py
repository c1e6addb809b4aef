"""Commands on data: add, cid, ls, show, head, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli import unixfs
from codata_cli.common import (
    ClusterOption,
    HomeOption,
    JsonOption,
    StoreOption,
    TlsOption,
    WorkersOption,
    executor,
    session,
)
from codata_cli.output import Output, lines, size, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from codata.home import Home

ProfileOption = Annotated[
    str, typer.Option("--profile", help="UnixFS: unixfs-v1-2025, or unixfs-v0-2015 as older Kubo.")
]

_KINDS = {"manifest/1": "dataset", "run/1": "run", "job/1": "job", "source/1": "source"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(add)
    app.command()(cid)
    app.command()(ls)
    app.command()(show)
    app.command()(head)
    app.command()(export)


def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, globs, folders.")],
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="A name for the dataset; NAME.run then names the run.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", help="auto, parquet, arrow, csv, jsonl, text or files.")
    ] = "auto",
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="F", help="YAML or JSON: the types of columns.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="CSV: the character between fields.")] = None,
    header: Annotated[bool, typer.Option(help="CSV: whether the first line names the columns.")] = True,
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep one file or folder as it is, with no rows read.")
    ] = False,
    profile: ProfileOption = "unixfs-v1-2025",
    hidden: Annotated[bool, typer.Option("--hidden", help="With --raw: keep hidden files too.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    tls: TlsOption = None,
    json: JsonOption = False,
) -> None:
    """Import files as a dataset: rows under one canonical identity, with a receipt for every file.

    The same rows in the same order give the same dataset CID, whatever format they come from.
    """
    if raw:
        with session(home, json, store) as (opened, out):
            unixfs.add_raw(opened, out, paths, name, profile, hidden)
        return
    from codata.add import add as run
    from codata_cli.progress import progress

    options: dict[str, Any] = {"header": header, "delimiter": delimiter}
    with session(home, json, store) as (opened, out), executor(workers, cluster, tls) as where:
        with progress(json) as shown:
            added = run(opened, paths, where, format_=format_, schema=schema, options=options, progress=shown)
        if name:
            opened.names.give(name, added.dataset)
            opened.names.give(f"{name}.run", added.run)
        value = {
            "dataset": added.dataset,
            "rows": added.rows,
            "shards": added.shards,
            "bytes": added.bytes,
            "new_bytes": added.new_bytes,
            "run": added.run,
        }
        text = lines({**value, "bytes": size(added.bytes), "new_bytes": size(added.new_bytes)})
        out.result(value, text)


def cid(
    path: Annotated[Path, typer.Argument(help="A file or a folder.")],
    profile: ProfileOption = "unixfs-v1-2025",
    hidden: Annotated[bool, typer.Option("--hidden", help="Count hidden files too.")] = False,
    json: JsonOption = False,
) -> None:
    """The CID that a file or folder has in IPFS. Nothing is stored."""
    from cid_store.unixfs import AddOptions, measure_tree

    named = measure_tree(path, AddOptions(unixfs.profile_of(profile), hidden=hidden))
    Output(json).result({"cid": named.cid, "bytes": named.size}, named.cid)


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
    from codata.records.base import kind_of
    from codata.records.manifest import Manifest

    with session(home, json, store) as (opened, out):
        if ref is not None:
            unixfs.list_entries(opened, out, ref)
            return
        rows: list[dict[str, Any]] = []
        for name, root in opened.names.all().items():
            held = opened.store.has(root)
            kind = kind_of(opened.store, root) if held else None
            manifest = Manifest.load(opened.store, root) if kind == Manifest.kind else None
            rows.append(
                {
                    "name": name,
                    "cid": root,
                    "kind": _KINDS.get(kind, kind)
                    if kind
                    else (_plain_kind(opened, root) if held else "missing"),
                    "rows": manifest.rows if manifest else None,
                    "bytes": manifest.size if manifest else None,
                }
            )
        text = table(
            ["name", "kind", "rows", "size", "cid"],
            [
                (
                    r["name"],
                    r["kind"],
                    r["rows"],
                    size(r["bytes"]) if r["bytes"] is not None else None,
                    r["cid"],
                )
                for r in rows
            ],
        )
        out.result(
            {"names": rows, "runs": opened.ledger.runs()},
            text if rows else "nothing has a name yet: codata add PATH --name NAME",
        )


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
    from codata.dataset import Dataset
    from codata.show import dataset_of, table_text

    with session(home, json, store) as (opened, out):
        taken = Dataset(opened.store, dataset_of(opened, ref)).head(rows)
        out.result({"rows": taken.to_pylist()}, table_text(taken))


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
