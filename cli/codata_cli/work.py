"""Commands on work: plan, run, jobs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

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
from codata_cli.foreseen import estimate_text, preview_text
from codata_cli.output import Output, lines, note, size, table
from codata_cli.providers import (
    AuditOption,
    DeadlineOption,
    NoHomeOption,
    OnOption,
    PatienceOption,
    PreferOption,
    account_text,
    account_value,
    bring_dataset,
    providers,
    share,
    wish,
)

if TYPE_CHECKING:
    from cid_store.cid import CID
    from codata.home import Home
    from codata.records.job import Job

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="A job file, a ready-made job's name, or a CID.")
]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="The first input: a name or CID.")]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=REF", help="Another input; may be repeated."),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=0, metavar="ROWS", help="A trial on the first rows.")
]
KeepDroppedOption = Annotated[
    bool,
    typer.Option(
        "--keep-dropped", help="Keep what steps drop as a second output, `dropped`, with step and reason."
    ),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(plan)
    app.command()(run)
    app.command()(jobs)


def _load(
    home: Home, job: str, dataset: str, inputs: list[str] | None, limit: int | None, dropped: bool
) -> tuple[Job, dict[str, CID]]:
    """The job and its inputs, checked against each other before anything runs."""
    from cid_store.errors import UsageError
    from codata.dataset import Dataset
    from codata.jobs import keep_dropped, limited, load
    from codata.plan.plan import check_schemas
    from codata.show import dataset_of

    loaded = load(job, home.store)
    given = {loaded.inputs[0]: dataset_of(home, dataset)}
    for text in inputs or []:
        name, equals, ref = text.partition("=")
        if not equals or name not in loaded.inputs[1:]:
            others = ", ".join(loaded.inputs[1:]) or "none"
            raise UsageError(
                f"--input {text!r} is not NAME=REF of this job", next_step=f"its other inputs are: {others}"
            )
        given[name] = dataset_of(home, ref)
    if missing := [n for n in loaded.inputs if n not in given]:
        raise UsageError(
            f"the job also needs {', '.join(missing)}", next_step=f"add --input {missing[0]}=REF"
        )
    if limit is not None:
        loaded = limited(loaded, limit)
    if dropped:
        loaded = keep_dropped(loaded)
    check_schemas(loaded, {name: Dataset(home.store, root).schema for name, root in given.items()})
    return loaded, given


def plan(
    job: JobArgument,
    dataset: DatasetArgument,
    input_: InputOption = None,
    limit: LimitOption = None,
    keep_dropped: KeepDroppedOption = False,
    on: OnOption = None,
    prefer: PreferOption = "time",
    deadline: DeadlineOption = None,
    no_home: NoHomeOption = False,
    home: HomeOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """What a run would do: stages, tasks, what is done already, what is read. Nothing runs.

    Stages whose inputs exist are known; what later ones read is estimated, by what such tasks gave before
    (seen), or else as if every row stayed (assumed). With --on, also which provider would run what and why,
    what moves, and what it costs.
    """
    from codata.estimate import DRAWS, estimate

    wanted = wish(prefer, deadline)
    with session(home, json, store) as (opened, out):
        if on:
            bring_dataset(opened, on, dataset)
        loaded, inputs = _load(opened, job, dataset, input_, limit, keep_dropped)
        if on:
            with providers(opened, on, list(inputs.values()), wanted=wanted, no_home=no_home) as where:
                found, seen = where.foresee(loaded, inputs)
            placement, placed = {"placement": seen.to_value(DRAWS)}, "\n\n" + preview_text(seen, DRAWS)
        else:
            found, placement, placed = estimate(opened, loaded, inputs), {}, ""
        value = {
            "job": loaded.save(opened.store),
            "stages": [stage.to_value() for stage in found.stages],
            "complete": found.complete,
            "ends": found.ends,
            "draws_99_1": DRAWS,
            **placement,
        }
        out.result(value, estimate_text(found, DRAWS) + placed)


def run(
    job: JobArgument,
    dataset: DatasetArgument,
    input_: InputOption = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="A name for the (first) output; NAME.run then names the run."),
    ] = None,
    limit: LimitOption = None,
    keep_dropped: KeepDroppedOption = False,
    home: HomeOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    tls: TlsOption = None,
    on: OnOption = None,
    prefer: PreferOption = "time",
    deadline: DeadlineOption = None,
    no_home: NoHomeOption = False,
    audit: AuditOption = None,
    patience: PatienceOption = 300,
    leave: Annotated[bool, typer.Option("--leave", help="Leave results with the providers.")] = False,
    json: JsonOption = False,
) -> int:
    """Run a job on a dataset. What was done before is not done again; a stopped run goes on where it was.

    With --on, tasks go to the providers that hold what they read. Exit code 3 where one was found false: its
    work is not used, and the result is right.
    """
    from cid_store.errors import UsageError
    from codata.execute.ahead import expect
    from codata.names import check_name
    from codata_cli.progress import progress

    if name:
        check_name(name)
        check_name(f"{name}.run")
    if on and cluster:
        raise UsageError("--on and --cluster exclude each other")
    wanted, _ = wish(prefer, deadline), share(audit)
    with ExitStack() as stack:
        opened, out = stack.enter_context(session(home, json, store))
        if on:
            bring_dataset(opened, on, dataset)
        else:
            where = stack.enter_context(executor(workers, cluster, tls, opened.store_url))
            expect(opened, opened.resolve(dataset), where)
        from codata.execute.run import run as start  # only now: it takes long, and workers start meanwhile

        loaded, inputs = _load(opened, job, dataset, input_, limit, keep_dropped)
        if on:
            where = stack.enter_context(
                providers(
                    opened,
                    on,
                    list(inputs.values()),
                    wanted=wanted,
                    no_home=no_home,
                    audit=audit,
                    patience=patience,
                    workers=workers,
                )
            )
        with progress(json) as bar:
            result = start(opened, loaded, inputs, where, bar, leave=leave)
        outputs = dict(result.outputs)
        first = next(iter(outputs.values()))
        if name:
            opened.names.give(name, first)
            opened.names.give(f"{name}.run", result.run)
            for extra, root in list(outputs.items())[1:]:
                opened.names.give(f"{name}.{extra}", root)
        for task in result.conflicts:
            note(f"warning: trusted executors disagree about task {task}; it was run again here")
        value = {
            "run": result.run,
            "output": first,
            "outputs": outputs,
            "tasks": result.tasks,
            "executed": result.executed,
            "reused": result.reused,
            "bytes_moved": result.bytes_moved,
            "seconds": round(result.seconds, 3),
            **account_value(result.account),
        }
        shown = {k: v for k, v in value.items() if k != ("outputs" if len(outputs) == 1 else "output")}
        shown |= {"bytes_moved": size(result.bytes_moved), "seconds": result.seconds}
        shown = {k: v for k, v in shown.items() if k not in account_value(result.account)}
        text = lines(shown)
        if result.account.providers:
            text += "\n\n" + account_text(result.account)
        out.result(value, text)
        return 3 if result.account.false else 0


def jobs(
    steps: Annotated[
        bool, typer.Option("--steps", help="List the steps and their parameters instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """The ready-made jobs, or every step with its parameters."""
    from codata.catalogue import ready_jobs, step_list

    rows = step_list() if steps else ready_jobs()
    if steps:
        text = "\n\n".join(
            f"{r['name']} (version {r['version']}, {r['kind']})\n  {r['about']}\n  {r['parameters']}"
            for r in rows
        )
    else:
        text = table(["job", "what it does"], [(r["name"], r["about"]) for r in rows])
    Output(json).result({"steps" if steps else "jobs": rows}, text)
