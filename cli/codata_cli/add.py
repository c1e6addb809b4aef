"""Commands on taking data in: add, cid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from codata_cli import common, unixfs
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
from codata_cli.output import Output, lines, size

ProfileOption = Annotated[
    str, typer.Option("--profile", help="UnixFS: unixfs-v1-2025, or unixfs-v0-2015 as older Kubo.")
]


HiddenOption = Annotated[bool, typer.Option("--hidden", help="UnixFS: hidden files too.")]
ModeOption = Annotated[bool, typer.Option("--mode", help="UnixFS: permissions too; the CID then shows them.")]
MtimeOption = Annotated[bool, typer.Option("--mtime", help="UnixFS: times too; the CID then shows them.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(add)
    app.command()(cid)


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
    hidden: HiddenOption = False,
    mode: ModeOption = False,
    mtime: MtimeOption = False,
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
            unixfs.add_raw(opened, out, paths, name, unixfs.options(profile, hidden, mode, mtime))
        return
    from codata.add import add as run
    from codata.names import check_name
    from codata_cli.progress import progress

    if name:
        check_name(name)
        check_name(f"{name}.run")
    options: dict[str, Any] = {"header": header, "delimiter": delimiter}
    with (
        session(home, json, store) as (opened, out),
        executor(workers, cluster, tls, opened.store_url) as where,
    ):
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
        grown = None if added.new_bytes is None else size(added.new_bytes)
        text = lines({**value, "bytes": size(added.bytes), "new_bytes": grown})
        out.result(value, text)


def cid(
    path: Annotated[Path, typer.Argument(parser=common.path, help="A file or a folder.")],
    profile: ProfileOption = "unixfs-v1-2025",
    hidden: HiddenOption = False,
    mode: ModeOption = False,
    mtime: MtimeOption = False,
    json: JsonOption = False,
) -> None:
    """The CID that a file or folder has in IPFS. Nothing is stored."""
    from cid_store.unixfs import measure_tree

    named = measure_tree(path, unixfs.options(profile, hidden, mode, mtime))
    Output(json).result({"cid": named.cid, "bytes": named.size}, named.cid)
