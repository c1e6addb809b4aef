"""Job files: YAML, or the same as Python values, to job records.

    codata: job/1
    inputs: [data, labels]            # default: [data]
    steps:
      - text.normalize: {column: text}
        as: clean                     # a name for what comes out; default: only the next step sees it
      - join: {with: labels, on: [id]}
        from: clean                   # default: the step before, for the first step the first input
        checkpoint: true              # what follows does not fuse with this step
    outputs: {joined: clean}          # default: {output: the last step}

Names in the file leave no trace in the record: two files that do the same have one CID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Any, Final

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import EncodeError, InvalidCID, UsageError
from codata import steps
from codata.documents import parse_yaml
from codata.errors import JobError
from codata.ops import check_params
from codata.plan.stage import dump
from codata.records.job import MAX_STEPS, Job, Ref, StepCall

MAX_FILE: Final = 1024 * 1024
"""Bytes of a job file."""

_KEYS: Final = {"codata", "inputs", "steps", "outputs", "about"}
_STEP_KEYS: Final = {"as", "from", "checkpoint"}

Resolve = Callable[[str], CID]


def load(ref: str, store: Store) -> Job:
    """The job of a file, of a ready-made job's name, or of a CID in `store`. Raises `JobError`."""
    path = Path(ref)
    if path.is_file():
        return parse(_read(path), artifacts(store, path.parent), ref)
    ready = dict(ready_made())
    if ref in ready:
        return parse(ready[ref], artifacts(store, Path()), ref)
    try:
        return Job.load(store, CID(ref))
    except InvalidCID:
        raise JobError(
            f"there is no job {ref!r}: neither a file, nor a ready-made job, nor a CID",
            next_step=f"the ready-made jobs are: {', '.join(sorted(ready)) or 'none'}",
        ) from None


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as f:
            text = f.read(MAX_FILE + 1)
    except (OSError, UnicodeDecodeError) as e:
        raise JobError(f"can't read the job file {path}: {e}") from None
    if len(text) > MAX_FILE:
        raise JobError(f"the job file {path} is over {MAX_FILE} bytes")
    return text


def ready_made() -> Iterator[tuple[str, str]]:
    """The jobs that installed packages bring: name and YAML text."""
    for entry in metadata.entry_points(group="codata.jobs"):
        for file in resources.files(import_module(entry.value)).iterdir():
            if file.name.endswith(".yaml"):
                yield file.name.removesuffix(".yaml"), file.read_text(encoding="utf-8")


def artifacts(store: Store, folder: Path) -> Resolve:
    """How a job's file parameters become CIDs: a CID as it is, a path (from `folder`) by keeping the file."""

    def resolve(value: str) -> CID:
        try:
            return CID(value)
        except InvalidCID:
            pass
        path = folder / value
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        with path.open("rb") as f:
            return store.put_file(f)

    return resolve


def parse(text: str, resolve: Resolve, what: str = "job") -> Job:
    """The job of YAML text; raises `JobError` naming the line or the step."""
    return build(parse_yaml(text, what), resolve, what)


def build(document: object, resolve: Resolve, what: str = "job") -> Job:
    """The job of a parsed document (also for jobs written in Python). Raises `JobError`."""
    if not isinstance(document, dict) or document.get("codata") != "job/1":
        raise JobError(f"{what} does not begin with `codata: job/1`")
    if extra := set(document) - _KEYS:
        raise JobError(f"{what} has unknown keys: {', '.join(sorted(map(str, extra)))}")
    inputs = document.get("inputs", ["data"])
    if not _names(inputs) or len(set(inputs)) != len(inputs):
        raise JobError(f"{what}: `inputs` is a list of different names")
    written = document.get("steps")
    if not isinstance(written, list) or not written or len(written) > MAX_STEPS:
        raise JobError(f"{what}: `steps` is a list of 1 to {MAX_STEPS} steps")
    builder = _Builder(what, inputs, resolve)
    for number, item in enumerate(written):
        builder.add(number, item)
    return builder.job(document.get("outputs"))


def _names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v for v in value)


class _Builder:
    """Collects a job's steps; knows what each name in the file stands for."""

    def __init__(self, what: str, inputs: list[str], resolve: Resolve) -> None:
        self._what, self._inputs, self._resolve = what, inputs, resolve
        self._known: dict[str, Ref] = {name: Ref(name) for name in inputs}
        self._calls: list[StepCall] = []
        self._last = Ref(inputs[0])

    def add(self, number: int, item: object) -> None:
        """Take the next step as written."""
        where = f"{self._what}: step {number + 1}"
        if isinstance(item, str):
            item = {item: {}}
        names = [k for k in item if k not in _STEP_KEYS] if isinstance(item, dict) else []
        if not isinstance(item, dict) or len(names) != 1 or not isinstance(names[0], str):
            raise JobError(f"{where} is not written as `- name: {{parameters}}`")
        step = steps.find(names[0])
        where = f"{where} ({step.name})"
        raw = item[names[0]] or {}
        if not isinstance(raw, dict):
            raise JobError(f"{where}: the parameters are a map")
        inputs = {step.inputs[0]: self._ref(item["from"], where) if "from" in item else self._last}
        for name in step.inputs[1:]:
            if name not in raw:
                raise JobError(f"{where}: needs a second input, as `{name}: NAME`")
            inputs[name] = self._ref(raw[name], where)
        own = {k: v for k, v in raw.items() if k not in step.inputs[1:]}
        params = check_params(step.params, own, where, {"artifact": self._resolve})
        checkpoint = item.get("checkpoint", False)
        if not isinstance(checkpoint, bool):
            raise JobError(f"{where}: `checkpoint` is true or false")
        try:
            self._calls.append(StepCall(step.name, step.version, dump(params), inputs, checkpoint))
        except TypeError as e:
            raise JobError(f"{where}: {e}") from None
        self._last = Ref(step.outputs[0], number)
        if "as" in item:
            self._name(item["as"], step, number, where)

    def _name(self, name: object, step: steps.Step, number: int, where: str) -> None:
        if not isinstance(name, str) or not name or name in self._known:
            raise JobError(f"{where}: `as` is a name that nothing else in the job has")
        self._known[name] = Ref(step.outputs[0], number)
        self._known |= {f"{name}.{out}": Ref(out, number) for out in step.outputs[1:]}

    def _ref(self, name: object, where: str) -> Ref:
        if not isinstance(name, str) or name not in self._known:
            known = ", ".join(self._known)
            raise JobError(f"{where}: nothing before it is called {name!r}", next_step=f"there are: {known}")
        return self._known[name]

    def job(self, outputs: object) -> Job:
        """The job; raises `JobError` for steps that lead nowhere."""
        if outputs is None:
            refs = {"output": self._last}
        elif isinstance(outputs, dict) and outputs and all(isinstance(k, str) for k in outputs):
            refs = {k: self._ref(v, f"{self._what}: outputs") for k, v in outputs.items()}
        elif _names(outputs):
            assert isinstance(outputs, list)
            refs = {k: self._ref(k, f"{self._what}: outputs") for k in outputs}
        else:
            raise JobError(f"{self._what}: `outputs` is a list of names, or a map of output names to names")
        used = {r.step for c in self._calls for r in c.inputs.values()} | {r.step for r in refs.values()}
        for number, call in enumerate(self._calls):
            if number not in used:
                raise JobError(f"{self._what}: nothing uses what step {number + 1} ({call.step}) gives")
        job = Job(tuple(self._inputs), tuple(self._calls), refs)
        try:
            job.encode()
        except EncodeError as e:
            raise JobError(f"{self._what}: {e.message}") from None
        return job


def limited(job: Job, rows: int) -> Job:
    """The same job on the first `rows` rows of its first input."""
    if rows < 0:
        raise UsageError(f"--limit takes a number of rows, not {rows}")
    first = job.inputs[0]

    def moved(ref: Ref) -> Ref:
        if ref.step is not None:
            return Ref(ref.name, ref.step + 1)
        return Ref("out", 0) if ref.name == first else ref

    limit = StepCall("limit", 1, {"rows": rows}, {"data": Ref(first)})
    calls = tuple(
        StepCall(c.step, c.version, c.params, {k: moved(r) for k, r in c.inputs.items()}, c.checkpoint)
        for c in job.steps
    )
    return Job(job.inputs, (limit, *calls), {k: moved(r) for k, r in job.outputs.items()})


def keep_dropped(job: Job) -> Job:
    """The same job with one more output, `dropped`: what its steps drop, in the order of the steps.

    Each row has the columns that it had when it was dropped, the step's name and the reason. Raises
    `UsageError` for a job that drops nothing or has such an output.
    """
    drops = [n for n, call in enumerate(job.steps) if "dropped" in steps.find(call.step).outputs]
    if not drops:
        raise UsageError(
            "no step of this job gives rows that it dropped", next_step="run it without --keep-dropped"
        )
    if "dropped" in job.outputs:
        raise UsageError(
            "the job has an output `dropped` of its own", next_step="run it without --keep-dropped"
        )
    calls, last = list(job.steps), Ref("dropped", drops[0])
    for number in drops[1:]:
        calls.append(StepCall("concat", 1, {}, {"data": last, "with": Ref("dropped", number)}))
        last = Ref("out", len(calls) - 1)
    return Job(job.inputs, tuple(calls), {**job.outputs, "dropped": last})


def import_job(format_: str, params: Mapping[str, Any]) -> Job:
    """The job of an import: one step over a source."""
    step = steps.find(f"import.{format_}")
    checked = check_params(step.params, dict(params), step.name)
    call = StepCall(step.name, step.version, dump(checked), {"source": Ref("source")})
    return Job(("source",), (call,), {"dataset": Ref("out", 0)})
