"""Commands for Filecoin: piece; deal prepare, aggregate, verify-inclusion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session
from codata_cli.output import Output, lines, size, table
from codata_cli.sizes import parse_size

if TYPE_CHECKING:
    from cid_store.piece import PieceInfo

PieceSizeOption = Annotated[
    str,
    typer.Option(
        "--piece-size", metavar="SIZE", help="Padded size of a deal's piece, as 32GiB: a power of two."
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        min=1,
        metavar="N",
        help="Threads that hash. Default: one a core. Results are the same.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(piece)
    deal = typer.Typer(help="Filecoin deals.", no_args_is_help=True)
    deal.command()(prepare)
    deal.command()(aggregate)
    deal.command("verify-inclusion")(verify_inclusion)
    app.add_typer(deal, name="deal")


def _value(info: PieceInfo) -> dict[str, Any]:
    return {
        "piece_cid": info.piece_cid,
        "piece_cid_v2": info.piece_cid_v2,
        "piece_size": info.piece_size,
        "payload_size": info.payload_size,
    }


def piece(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any file; for deals, a CAR.")],
    piece_size: Annotated[
        str | None,
        typer.Option("--piece-size", metavar="SIZE", help="Pad to this. Default: the least that holds it."),
    ] = None,
    workers: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """The Filecoin piece commitment of a file, in one pass."""
    from cid_store.piece import commp

    info = commp(file, workers)
    if piece_size is not None:
        info = info.padded_to(parse_size(piece_size))
    Output(json).result(_value(info))


def prepare(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A name or CID: a dataset, a run, a folder.")],
    out_: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the CARs and the manifest go.")],
    piece_size: PieceSizeOption = "32GiB",
    name: Annotated[
        str | None, typer.Option(help="The dataset's name in the manifest. Default: its CID.")
    ] = None,
    workers: ThreadsOption = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write all that belongs to REF as CARs that fit pieces, with pieces.json and pieces.csv."""
    from codata.deals import prepare as run

    with session(home, json, store) as (opened, out):
        root = opened.resolve(ref)
        made = run(opened.store, root, out_, parse_size(piece_size), name=name or root, threads=workers)
        pieces = [{"path": str(out_ / p.filename), **_value(p.piece)} for p in made.pieces]
        total = sum(p.piece.payload_size for p in made.pieces)
        rows = [(p["path"], p["piece_cid"], size(p["payload_size"])) for p in pieces]
        out.result(
            {"root": root, "bytes": total, "path": str(out_), "pieces": pieces},
            table(["car", "piece", "size"], rows),
        )


def aggregate(
    files: Annotated[
        list[Path], typer.Argument(metavar="CAR…", help="The files, in the order they are to lie in.")
    ],
    piece_size: PieceSizeOption = "32GiB",
    out_: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write deal and inclusion proofs here, as JSON."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Write the deal's bytes here too.")
    ] = None,
    workers: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Place small CARs in one deal, each provable on its own (FRC-0058)."""
    from json import dumps

    from cid_store.piece import commp
    from cid_store.piece.aggregate import Aggregate
    from cid_store.piece.document import to_document

    made = Aggregate.of([commp(f, workers) for f in files], parse_size(piece_size))
    document = to_document(made, [f.name for f in files])
    if data is not None:
        _write_deal(made, files, data, workers)
    if out_ is not None:
        _replace(out_, dumps(document, indent=1).encode())
    value = {k: document[k] for k in ("piece_cid", "piece_cid_v2", "piece_size", "segments")}
    rows = [(s["name"], s["offset"], s["piece_size"], s["piece_cid"]) for s in document["segments"]]
    head = lines({k: v for k, v in value.items() if k != "segments"})
    Output(json).result(value, f"{head}\n\n{table(['file', 'offset', 'size', 'piece'], rows)}")


def _write_deal(made: Any, files: list[Path], path: Path, workers: int | None) -> None:
    from contextlib import ExitStack

    from codata.fresh import fresh

    with ExitStack() as opened:
        payloads = [opened.enter_context(f.open("rb")) for f in files]
        made.write(opened.enter_context(fresh(path)), payloads, workers)


def _replace(path: Path, content: bytes) -> None:
    from codata.fresh import fresh

    with fresh(path) as file:
        file.write(content)


def verify_inclusion(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `deal aggregate --out` wrote.")],
    json: JsonOption = False,
) -> None:
    """Check that the pieces of a file of proofs lie in its deal. Exit code 3 if one does not.

    Whether that deal is on chain is not known here: compare its piece CID.
    """
    from cid_store.errors import UsageError
    from cid_store.piece.document import MAX_DOCUMENT, verify_document

    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    with file.open("rb") as f:
        deal, pieces = verify_document(f.read(MAX_DOCUMENT + 1))
    value = {"deal": deal.piece_cid, "piece_size": deal.piece_size, "pieces": [p.piece_cid for p in pieces]}
    Output(json).result(
        value, f"{len(pieces)} pieces lie in the deal {deal.piece_cid} of {deal.piece_size} bytes"
    )
