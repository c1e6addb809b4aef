"""Tables of config.toml as settings: frozen dataclasses, whose defaults say what each setting is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Final, TypeVar, cast

from codata.provider.errors import BadSettings

T = TypeVar("T")

_SHOWN: Final = 300  # characters of an error


def read(kind: type[T], table: object, name: str) -> T:
    """The settings in the table `[name]`; a field that is a dataclass itself is a table within it, and one
    whose metadata has `tables`, a dataclass, is a list of such tables.

    Unknown keys are refused, so that a misspelt limit is not one that is not there. Raises `BadSettings`.
    """
    if not isinstance(table, Mapping):
        raise BadSettings(f"`{name}` in config.toml is no table", next_step=f"begin it with [{name}]")
    known = {field.name: field for field in fields(cast("Any", kind))}
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise BadSettings(
                f"there is no setting {key[:80]!r} in [{name}]"[:_SHOWN],
                next_step=f"the settings are {', '.join(known)}",
            )
        entries = known[key].metadata.get("tables")
        if entries is not None:
            given[key] = _entries(entries, value, f"{name}.{key}")
        else:
            given[key] = _value(f"{name}.{key}", value, _default(known[key]))
    return kind(**given)


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _entries(kind: type[Any], value: object, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise BadSettings(f"`{name}` in config.toml is no list of tables", next_step=f"write [[{name}]]")
    return tuple(read(kind, entry, name) for entry in value)


def _value(name: str, value: object, default: object) -> object:
    """A value of the kind that its default has."""
    if is_dataclass(default):
        return read(type(default), value, name)
    if isinstance(default, tuple):
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        wants = "a list of strings"
    elif isinstance(default, bool):
        fits, wants = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
        wants = "a whole number above 0"
    else:
        fits, wants = isinstance(value, str), "a string"
    if not fits:
        raise BadSettings(f"the setting {name} is {wants}, not {value!r}"[:_SHOWN])
    return tuple(cast("list[str]", value)) if isinstance(value, list) else value
