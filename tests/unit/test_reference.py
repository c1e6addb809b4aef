"""The reference page of steps: made from the code, and as the code is now."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from codata import steps
from codata.ops import Params
from codata.reference import main, page, type_text
from codata.steps import Artifact, ImportStep, Step

PAGE = Path(__file__).parents[2] / "docs" / "steps.md"

WRITTEN = [step for step in steps.every() if not isinstance(step, ImportStep)]


def test_the_page_is_as_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_it_is_written_whole(tmp_path: Path) -> None:
    main(str(tmp_path / "steps.md"))
    made = (tmp_path / "steps.md").read_text(encoding="utf-8")
    assert made == page()
    assert re.findall(r"^## `(.*)`$", made, re.MULTILINE) == [step.name for step in WRITTEN]


@pytest.mark.parametrize("step", WRITTEN, ids=lambda step: step.name)
def test_every_step_states_its_rule_and_its_parameters(step: Step) -> None:
    about = inspect.getdoc(type(step)) or ""
    assert "Rule:" in about
    notes = inspect.cleandoc(step.params.__doc__ or "") + about
    for name, field in step.params.model_fields.items():
        assert field.description or f"`{name}`" in notes, name


class Sample(Params):
    """One of each."""

    text: str
    choice: Literal["a", "b"] | None = None
    whole: int = Field(ge=1, lt=8)
    share: Annotated[float, Field(gt=0)]
    texts: list[Annotated[str, Field(max_length=5)]] = Field(min_length=2, max_length=9)
    some: list[int] = Field(min_length=1)
    flags: dict[str, bool]
    file: Artifact
    anything: Any


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("text", "text"),
        ("choice", "`a` or `b` or null"),
        ("whole", "integer, from 1 below 8"),
        ("share", "number, above 0"),
        ("texts", "list of text, at least 2, at most 9"),
        ("some", "list of integer, not empty"),
        ("flags", "map to true or false"),
        ("file", "file"),
        ("anything", "any"),
    ],
)
def test_types_in_words(name: str, wanted: str) -> None:
    assert type_text(Sample.model_fields[name]) == wanted
