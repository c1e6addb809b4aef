"""Commands on what work is worth: verify, diff, lineage."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from codata_cli.common import HomeOption, JsonOption, StoreOption, WorkersOption, executor, session
from codata_cli.output import lines


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(verify)
    app.command()(diff)
    app.command()(lineage)


def verify(
    ref: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's CID, or the name or CID of what a run gave.")
    ],
    full: Annotated[bool, typer.Option("--full", help="Run every task again.")] = False,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Run N drawn tasks again.")
    ] = None,
    detect: Annotated[
        str | None,
        typer.Option(
            "--detect", metavar="D", help="Draw enough to find a wrong share D, such as 1%. Default: 5%."
        ),
    ] = None,
    confidence: Annotated[
        str, typer.Option("--confidence", metavar="C", help="How surely --detect finds it.")
    ] = "99%",
    home: HomeOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> int:
    """Check a run: its structure, then tasks run again from their recorded inputs alone.

    Writes a signed attestation.
    """
    from cid_store.errors import UsageError
    from codata.show import run_of
    from codata.verify.sample import Sampling, parse_share
    from codata.verify.verify import verify as check
    from codata_cli.progress import progress

    if sum((full, sample is not None, detect is not None)) > 1:
        raise UsageError("--full, --sample and --detect exclude each other")
    chosen = Sampling(
        full, sample, None if full or sample else parse_share(detect or "5%"), parse_share(confidence)
    )
    with session(home, json, store) as (opened, out), executor(workers, None, None) as where:
        with progress(json) as shown:
            found = check(opened, run_of(opened, ref), chosen, where, shown)
        wrong = [v for v in found.verdicts if v.word not in ("identical", "equal")]
        value: dict[str, Any] = {
            "verdict": found.verdict,
            "tasks": found.tasks,
            "checked": found.checked,
            "attestation": found.attestation,
            "detects": found.detects,
        }
        if found.evidence:
            value["evidence"] = found.evidence
        if wrong:
            value["wrong"] = [
                {"task": v.task, "stage": v.stage, "verdict": v.word, "evidence": v.evidence} for v in wrong
            ]
        text = lines({k: v for k, v in value.items() if k != "wrong"})
        text += "".join(f"\n{v.word}: {v.stage}: task {v.task}: {v.evidence}" for v in wrong[:10])
        out.result(value, text)
        return found.exit_code


def diff(
    a: Annotated[str, typer.Argument(metavar="RUN_A")],
    b: Annotated[str, typer.Argument(metavar="RUN_B")],
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Where two runs part: the first differing task, the first differing rows, the likely cause.

    Exit code 3 if they do.
    """
    from codata.show import run_of
    from codata.verify.diff import diff as compare

    with session(home, json, store) as (opened, out):
        found = compare(opened.store, run_of(opened, a), run_of(opened, b))
        text = "\n".join(
            t for t in (found.what, found.rows, found.cause and f"likely cause: {found.cause}") if t
        )
        out.result(vars(found), text)
        return 0 if found.same else 3


def lineage(
    ref: Annotated[str, typer.Argument(metavar="REF", help="A dataset or a run.")],
    format_: Annotated[str, typer.Option("--format", "-f", help="text, or mermaid for a graph.")] = "text",
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """What a dataset was made from, back to the files: runs, steps, rows, who ran and who verified."""
    from cid_store.errors import UsageError
    from codata.lineage import as_mermaid, as_text, trace

    if format_ not in ("text", "mermaid"):
        raise UsageError(f"there is no format {format_!r}", next_step="use text or mermaid")
    with session(home, json, store) as (opened, out):
        found = trace(opened, opened.resolve(ref))
        out.result(
            {"runs": [r.to_value() for r in found]},
            as_mermaid(found) if format_ == "mermaid" else as_text(found),
        )
