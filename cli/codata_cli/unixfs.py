"""Commands on files and folders as they are: add --raw, ls REF, cat, get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli import common
from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, lines, pour, size, table

if TYPE_CHECKING:
    from cid_store.cid import CID
    from cid_store.unixfs import AddOptions
    from codata.home import Home

PathArgument = Annotated[
    str, typer.Argument(metavar="REF[/PATH]", help="A name or CID of a file or folder, or a path below it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(cat)
    app.command()(get)


def options(profile: str, hidden: bool, mode: bool, mtime: bool) -> AddOptions:
    """What of the disk goes into a CID; raises `UsageError` for a profile that is not known."""
    from cid_store.unixfs import AddOptions
    from cid_store.unixfs.profiles import by_name

    return AddOptions(by_name(profile), hidden=hidden, mode=mode, mtime=mtime)


def add_raw(opened: Home, out: Output, paths: list[str], name: str | None, options: AddOptions) -> None:
    """Keep one file or folder as it is."""
    from cid_store.errors import UsageError
    from codata.files import keep
    from codata.names import check_name

    if len(paths) != 1:
        raise UsageError(
            "--raw takes one file or folder", next_step="add a folder that holds them, or one after another"
        )
    if name:
        check_name(name)
    kept = keep(opened, common.path(paths[0]), options)
    if name:
        opened.names.give(name, kept.root)
    value = {"root": kept.root, "bytes": kept.bytes, "new_bytes": kept.new_bytes}
    grown = "-" if kept.new_bytes is None else size(kept.new_bytes)
    out.result(value, lines({**value, "bytes": size(kept.bytes), "new_bytes": grown}))


def list_entries(opened: Home, out: Output, ref: str) -> None:
    """What a folder holds; of anything else, what it is."""
    from cid_store.unixfs import ls, stat

    root = opened.resolve(ref)
    found = stat(opened.store, root)
    if found.kind == "directory":
        rows = [_row(e.name, e.kind, e.size, e.cid) for e in ls(opened.store, root)]
    else:
        rows = [_row(ref.rstrip("/").rpartition("/")[2], found.kind, found.size, root)]
    shown = [
        (_plain(r["name"]), r["kind"], size(r["bytes"]) if r["kind"] == "file" else None, r["cid"])
        for r in rows
    ]
    out.result(
        {"root": root, "kind": found.kind, "entries": rows}, table(["name", "kind", "size", "cid"], shown)
    )


def _row(name: str, kind: str, bytes_: int, cid: CID) -> dict[str, Any]:
    return {"name": name, "kind": kind, "bytes": bytes_, "cid": cid}


def _plain(name: str) -> str:
    # A name comes from whoever made the folder, and may hold what commands a terminal.
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def cat(ref: PathArgument, home: HomeOption = None, store: StoreOption = None) -> None:
    """Write a file's bytes to stdout, every block proven first."""
    with session(home, False, store) as (opened, _):
        _pour(opened, opened.resolve(ref))


def _pour(opened: Home, root: CID) -> None:
    reader = opened.store.open_file(root)
    pour(reader.chunks())


def get(
    ref: PathArgument,
    dest: Annotated[
        str | None,
        typer.Argument(help="The file or folder to write; - is stdout. Default: the last name of REF, here."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there. Folders are merged.")
    ] = False,
    max_entries: Annotated[
        int,
        typer.Option(
            "--max-entries",
            min=1,
            metavar="N",
            help="The most files, folders and links: a few blocks can name endlessly many.",
        ),
    ] = 100_000,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write a file or folder to disk, every block proven first and nothing outside DEST."""
    from cid_store.errors import UsageError
    from cid_store.unixfs import ExportOptions, export_tree

    if dest == "-" and json:
        raise UsageError(
            "--json and the file's bytes can't both have stdout", next_step="give a DEST, or drop --json"
        )
    with session(home, json, store) as (opened, out):
        root = opened.resolve(ref)
        if dest == "-":
            _pour(opened, root)
            return
        path = Path(dest or ref.rstrip("/").rpartition("/")[2])
        done = export_tree(opened.store, root, path, ExportOptions(overwrite=force, max_entries=max_entries))
        value = {
            "root": root,
            "path": str(path),
            "files": done.files,
            "directories": done.directories,
            "symlinks": done.symlinks,
            "bytes": done.bytes,
        }
        out.result(value, lines({**value, "bytes": size(done.bytes)}))
