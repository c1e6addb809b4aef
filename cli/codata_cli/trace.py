"""The command trace."""

from __future__ import annotations

from typing import Annotated

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, WorkersOption, executor, session


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(trace)


def trace(
    ref: Annotated[str, typer.Argument(metavar="OUTPUT", help="A dataset, or a run with one output.")],
    row: Annotated[int, typer.Argument(metavar="ROW", min=0, help="A row's number, from 0.")],
    home: HomeOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> int:
    """Where a row came from: the steps that touched it, back to files, lines and records.

    Only the tasks on the row's way run again. Exit code 5 if an operation on it does not say where its rows
    come from.
    """
    from codata.trace.text import as_text
    from codata.trace.trace import trace as lead_back
    from codata_cli.progress import progress

    with session(home, json, store) as (opened, out), executor(workers, None, None) as where:
        with progress(json) as shown:
            way = lead_back(opened, ref, row, where, shown)
        out.result(way.to_value(), as_text(way))
        return 0 if way.whole else 5
