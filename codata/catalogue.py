"""What can be run here: ready-made jobs, and steps with their parameters."""

from __future__ import annotations

import inspect
from typing import Any

import yaml

from codata import steps
from codata.jobs import ready_made
from codata.steps import ImportStep, RowStep


def ready_jobs() -> list[dict[str, Any]]:
    """The ready-made jobs: name, what it does, the YAML."""
    found = []
    for name, text in sorted(ready_made()):
        about = str(yaml.safe_load(text).get("about", "")).strip()
        found.append({"name": name, "about": about, "job": text})
    return found


def step_list() -> list[dict[str, Any]]:
    """Every step: name, version, kind, what it does, parameters."""
    found = []
    for step in steps.every():
        if isinstance(step, ImportStep):
            continue
        kind = "row-wise" if isinstance(step, RowStep) else "global"
        about = inspect.getdoc(type(step)) or ""
        parameters = ", ".join(_parameter(n, f) for n, f in step.params.model_fields.items())
        found.append(
            {
                "name": step.name,
                "version": step.version,
                "kind": kind,
                "inputs": list(step.inputs),
                "outputs": list(step.outputs),
                "about": about.split("\n\n")[0].replace("\n", " "),
                "parameters": parameters or "no parameters",
                "schema": step.params.model_json_schema(),
            }
        )
    return found


def _parameter(name: str, field: Any) -> str:
    return f"{name} (needed)" if field.is_required() else f"{name} = {field.default!r}"
