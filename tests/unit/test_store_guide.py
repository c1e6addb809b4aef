"""The guide's example is a store: it runs the contract that the guide has it run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cid_store.stores import BACKENDS

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "stores.md"
_PAGE = _GUIDE.read_text(encoding="utf-8")


def _example() -> dict[str, Any]:
    """What the section on writing a store defines."""
    section = _PAGE.partition("## Write a store")[2]
    names: dict[str, Any] = {"__name__": __name__}
    for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        exec(compile(code, str(_GUIDE), "exec"), names)
    return names


TestFolderStore = _example()["TestFolderStore"]


def test_it_has_fifty_lines() -> None:
    code = re.search(r"```python\n(.*?)```", _PAGE.partition("## Write a store")[2], re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) <= 50


@pytest.mark.parametrize("scheme", sorted(BACKENDS))
def test_every_kind_of_store_is_in_the_guide(scheme: str) -> None:
    assert f"`{scheme}:" in _PAGE or f" `{scheme}:" in _PAGE or scheme in ("http", "ipfs+https")
