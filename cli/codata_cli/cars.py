"""Commands on CARs: car create, import, ls, verify, split, index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, size, table
from codata_cli.sizes import parse_size

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A CAR file.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    car = typer.Typer(help="CAR files: blocks to take along.", no_args_is_help=True)
    car.command()(create)
    car.command("import")(import_)
    car.command("ls")(list_blocks)
    car.command()(verify)
    car.command()(split)
    car.command()(index)
    app.add_typer(car, name="car")


def create(
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="A name or CID; for a run, all that its verification needs.")
    ],
    file: FileArgument,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write a root and all that belongs to it to a CAR."""
    from cid_store.errors import UsageError
    from codata.carry import create as write

    with session(home, json, store) as (opened, out):
        if file.exists() and not force:
            raise UsageError(
                f"{file} is there already", next_step="choose another path, or --force to replace it"
            )
        made = write(opened.store, opened.resolve(ref), file)
        text = f"{file}: {made.blocks} blocks, {size(made.bytes)}, root {made.root}"
        out.result({"root": made.root, "blocks": made.blocks, "bytes": made.bytes}, text)


def import_(
    file: FileArgument, home: HomeOption = None, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Take in every block of a CAR, each proven, and pin the roots."""
    from codata.carry import bring

    with session(home, json, store) as (opened, out):
        report = bring(opened, file)
        value = {
            "root": report.roots[0] if report.roots else None,
            "roots": list(report.roots),
            "blocks": report.blocks,
            "bytes": report.bytes,
        }
        out.result(value)


def list_blocks(file: FileArgument, json: JsonOption = False) -> None:
    """The blocks of a CAR: CID, offset, length. Nothing is hashed."""
    from cid_store.car import open_car

    with open_car(file) as car:
        rows = [(s.cid, s.offset, s.block_length) for s in car.sections()]
        value = {
            "version": car.version,
            "root": car.roots[0] if car.roots else None,
            "roots": list(car.roots),
            "blocks": len(rows),
            "bytes": sum(size for _, _, size in rows),
            "sections": [{"cid": cid, "offset": offset, "bytes": size} for cid, offset, size in rows],
        }
        text = table(["cid", "offset", "bytes"], rows)
        Output(json).result(value, f"version {car.version}, roots: {', '.join(car.roots) or 'none'}\n{text}")


def verify(file: FileArgument, json: JsonOption = False) -> int:
    """Hash every block of a CAR and see that its DAGs are whole.

    Exit code 4 if bytes are wrong or missing.
    """
    from codata.carry import verify as verify_car

    report = verify_car(file)
    value = {
        "root": report.roots[0] if report.roots else None,
        "roots": list(report.roots),
        "version": report.version,
        "blocks": report.blocks,
        "bytes": report.bytes,
        "missing": [*report.missing_roots, *report.missing],
        "complete": report.complete,
    }
    Output(json).result(value)
    return 0 if report.complete else 4


def split(
    file: FileArgument,
    size_: Annotated[str, typer.Option("--size", metavar="SIZE", help="The most bytes of a part, as 32GiB.")],
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the parts go.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Remove parts of an earlier cut first.")] = False,
    json: JsonOption = False,
) -> None:
    """Cut a CAR into CARs of at most a given size, each block proven. The same input gives the same parts."""
    from cid_store.car import open_car, split_car

    most = parse_size(size_)
    parts, blocks, total = [], 0, 0
    with open_car(file) as car:
        roots = list(car.roots)
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder, file.stem, force)
    for path in split_car(file, most, folder, stem=file.stem):
        with open_car(path) as part:
            count = sum(1 for _ in part.sections())
        parts.append({"path": str(path), "blocks": count, "bytes": path.stat().st_size})
        blocks, total = blocks + count, total + path.stat().st_size
    rows = [tuple(p.values()) for p in parts]
    value = {
        "root": roots[0] if roots else None,
        "roots": roots,
        "blocks": blocks,
        "bytes": total,
        "parts": parts,
    }
    Output(json).result(value, table(["part", "blocks", "bytes"], rows))


def _clear(folder: Path, stem: str, force: bool) -> None:
    """See that no part of an earlier cut stays among the new ones: it would pass for one of them."""
    from cid_store.errors import UsageError

    named = re.compile(re.escape(stem) + r"-[0-9]{5}\.car")
    earlier = sorted(path for path in folder.iterdir() if named.fullmatch(path.name))
    if earlier and not force:
        raise UsageError(
            f"{folder} holds {len(earlier)} parts of an earlier cut, as {earlier[0].name}",
            next_step="choose another --out, or --force to remove them",
        )
    for path in earlier:
        path.unlink()


def index(
    file: FileArgument,
    dest: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The index's file. Default: FILE.idx.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the CARv2 index of a CAR (MultihashIndexSorted), made from its blocks and no index of its own."""
    from cid_store.car import index_car, open_car
    from codata.fresh import fresh

    path = dest or file.with_name(f"{file.name}.idx")
    with open_car(file) as car:
        sections = [s.block_length for s in car.sections()]
        roots = list(car.roots)
    with fresh(path) as out:
        written = index_car(file, out)
    value = {
        "root": roots[0] if roots else None,
        "roots": roots,
        "blocks": len(sections),
        "bytes": sum(sections),
        "index_bytes": written,
        "path": str(path),
    }
    Output(json).result(value)
