"""The command `stats`: distributions of a dataset's columns, and what steps dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, session

if TYPE_CHECKING:
    from codata_jobs.stats_summary import Chart

    from codata.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(stats)


def stats(
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="A dataset, dropped rows, or what the step stats gave.")
    ],
    column: Annotated[
        list[str] | None, typer.Option("--column", "-c", help="Only this column; may be repeated.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the picture into this file too.")
    ] = None,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """How long the texts of a dataset are, how large its numbers; or what was dropped, by step and reason.

    Nothing is recorded: the step `stats` makes the same table with a receipt.
    """
    from codata_jobs import stats_picture

    from codata.dataset import Dataset
    from codata.show import dataset_of
    from codata.steps import DROPPED_BY, REASON

    with session(home, json, store) as (opened, out):
        found = Dataset(opened.store, dataset_of(opened, ref))
        dropped = not column and {DROPPED_BY, REASON} <= set(found.schema.names)
        value, charts = _dropped(found) if dropped else _distributions(found, column)
        if svg is not None:
            svg.write_text(stats_picture.svg(charts), encoding="utf-8")
            value["path"] = svg
        out.result(value, stats_picture.text(charts) or f"there is nothing to draw in {found.rows} rows")


def _dropped(found: Dataset) -> tuple[dict[str, Any], list[Chart]]:
    """Rows by step and reason, steps in the order in which they first come."""
    from collections import Counter

    from codata_jobs.stats_summary import dropped_charts

    from codata.steps import DROPPED_BY, REASON

    counts: Counter[tuple[str, str]] = Counter()
    for table in found.tables():
        grouped = table.group_by([DROPPED_BY, REASON], use_threads=False).aggregate([([], "count_all")])
        for row in grouped.to_pylist():
            counts[str(row[DROPPED_BY]), str(row[REASON])] += row["count_all"]
    steps = {step: i for i, step in enumerate(dict.fromkeys(step for step, _ in counts))}
    rows = sorted(((s, r, n) for (s, r), n in counts.items()), key=lambda x: (steps[x[0]], -x[2], x[1]))
    listed = [{"step": step, "reason": reason, "rows": count} for step, reason, count in rows]
    return {"rows": found.rows, "dropped": listed}, dropped_charts(rows)


def _distributions(found: Dataset, columns: list[str] | None) -> tuple[dict[str, Any], list[Chart]]:
    from codata_jobs.stats_bins import merged
    from codata_jobs.stats_measure import measured
    from codata_jobs.stats_summary import charts, is_stats, summaries

    from codata.steps import need

    if is_stats(found.schema):
        bins = merged(list(found.tables()))
        wanted = columns or bins["column"].unique().to_pylist()
    else:
        need(found.schema, columns or [], "stats")
        wanted = columns or found.schema.names
        bins = merged([measured(table, wanted) for table in found.tables()])
    chosen = [s for s in summaries(bins) if s.column in wanted]
    return {"rows": found.rows, "measures": [s.value() for s in chosen]}, charts(chosen)
