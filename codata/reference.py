"""The reference page of all steps, made from their docstrings and parameter models.

`python -m codata.reference FILE` writes it; `make docs` does so for docs/steps.md.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from cid_store.cid import CID
from codata import steps
from codata.ops import Params
from codata.steps import FilterStep, GlobalStep, ImportStep, RowStep, Step

_OWN: Final = ("codata", "codata_jobs")
"""Packages whose steps the page lists: others that are installed have pages of their own."""

_HEAD: Final = """\
# Reference of steps

What each step does and takes: made from the code by `make docs`, never edited. A step's result changes only
with its version. A job lists steps as `- name: {parameters}` (spec/job.md); how steps become tasks, and
golden values, are in spec/steps.md.

A *filter* keeps or drops rows. A *map* gives a row for each row. A *global* step sees all rows. Filters, and
global steps with an output `dropped`, say why a row goes: with `annotate: COLUMN` they keep all rows and
write the reason into a new column; `codata run --keep-dropped` writes the rows that are dropped into a second
output, with `dropped_by` and `reason`. Engines are libraries whose versions enter the task.
"""

_LABEL: Final = re.compile(r"^(Rule|Source|Engines?|Memory):", re.MULTILINE)

_BOUNDS: Final = {Ge: ("ge", "from {}"), Gt: ("gt", "above {}"), Le: ("le", "to {}"), Lt: ("lt", "below {}")}
_SHOWN: Final = 64  # characters of a default


def page() -> str:
    """All our steps as Markdown, by name."""
    own = [s for s in steps.every() if type(s).__module__.split(".")[0] in _OWN and _is_written(s)]
    contents = "\n".join(f"- [`{s.name}`](#{_anchor(s.name)}) {_summary(s)}" for s in own)
    return "\n".join([_HEAD, contents, *(f"\n{_step(s)}" for s in own), ""])


def _is_written(step: Step) -> bool:
    """Whether a job file can name it: imports are written by `codata add`."""
    return not isinstance(step, ImportStep)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower())


def _summary(step: Step) -> str:
    return " ".join((inspect.getdoc(type(step)) or "").split("\n\n")[0].split())


def _step(step: Step) -> str:
    about = _LABEL.sub(r"\n**\1:**", inspect.getdoc(type(step)) or "").replace("\n\n\n", "\n\n")
    lines = [f"## `{step.name}`", "", f"{_kind(step)}, version {step.version}", "", about, ""]
    if notes := _notes(step.params):
        lines += [notes, ""]
    lines += list(_parameters(step))
    return "\n".join(lines).rstrip()


def _kind(step: Step) -> str:
    if isinstance(step, FilterStep):
        return "Filter"
    if isinstance(step, RowStep):
        return "Map"
    assert isinstance(step, GlobalStep)
    more = (
        [f"input{'s' * (len(step.inputs) > 2)} {_names(step.inputs[1:])} as parameters"]
        if step.inputs[1:]
        else []
    )
    more += [f"outputs {_names(step.outputs)}"] if step.outputs[1:] else []
    more += ["sealed input"] if step.sealed_input else []
    return "; ".join(["Global", *more])


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _notes(model: type[Params]) -> str:
    """What the model's own docstring says, where fields do not say it themselves."""
    if all(field.description for field in model.model_fields.values()):
        return ""
    return inspect.cleandoc(model.__doc__ or "")


def _parameters(step: Step) -> Iterator[str]:
    fields = {name: f for name, f in step.params.model_fields.items() if name != "annotate"}
    if not fields:
        yield "No parameters."
        return
    yield "| parameter | type | if left out | |"
    yield "|---|---|---|---|"
    for name, field in fields.items():
        cells = (f"`{name}`", type_text(field), _default(field), " ".join((field.description or "").split()))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "refused"
    value = field.get_default(call_default_factory=True, validated_data={})
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 2] + '…'}`"


def type_text(field: FieldInfo) -> str:
    """A field's type in words, with its bounds."""
    return _bounded(field.annotation, field.metadata)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if a is types.NoneType else _type(a) for a in arguments)
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"map to {_type(arguments[1])}"
    plain: dict[Any, str] = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "true or false",
        CID: "file",
        Any: "any",
    }
    return plain.get(annotation) or str(getattr(annotation, "__name__", annotation))


def _bounded(annotation: Any, metadata: Any) -> str:
    return (
        ", ".join([_type(annotation), *_bounds(metadata)])
        .replace(", to ", " to ")
        .replace(", below ", " below ")
    )


def _bounds(metadata: Any) -> Iterator[str]:
    for item in metadata:
        if type(item) in _BOUNDS:
            attribute, words = _BOUNDS[type(item)]
            yield words.format(getattr(item, attribute))
        elif isinstance(item, MinLen) and item.min_length > 1:
            yield f"at least {item.min_length}"
        elif isinstance(item, MinLen) and item.min_length == 1:
            yield "not empty"
        elif isinstance(item, MaxLen):
            yield f"at most {item.max_length}"


def main(path: str) -> None:
    """Write the page."""
    Path(path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
