"""What makes a plan's driver go back."""

from __future__ import annotations

from cid_store.errors import BlockNotFound
from codata.errors import FalseClaim


class InputsGone(BlockNotFound):
    """A task whose inputs went with whoever held them; they are made again."""


class Distrusted(FalseClaim):
    """An executor was found false: nothing that it did in this run is used."""

    def __init__(self, message: str, *, did: str) -> None:
        super().__init__(message)
        self.did = did
