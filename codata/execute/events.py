"""What happens while tasks are with providers."""

from __future__ import annotations

from dataclasses import dataclass

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.execute.worker import Outcome
from codata.records.receipt import Receipt
from codata.records.run import RunRow
from codata.remote.errors import OwnStoreFailed
from codata.remote.member import Member


@dataclass(frozen=True, slots=True)
class Ended:
    """A member ended a task; its receipt is proven and here."""

    member: Member
    row: RunRow
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Failed:
    """A task did not end well at a member. `lacking`: for want of inputs."""

    member: Member
    task: CID
    error: CidStoreError
    lacking: bool = False


@dataclass(frozen=True, slots=True)
class Broke:
    """A member is given up; these tasks had not ended there."""

    member: Member
    tasks: tuple[CID, ...]
    error: CidStoreError


@dataclass(frozen=True, slots=True)
class Beat:
    """Something changed at a member."""

    member: Member


@dataclass(frozen=True, slots=True)
class Home:
    """What became of a task at home."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stopped:
    """The home itself failed: nothing can go on, and no member is to blame."""

    error: OwnStoreFailed


Event = Ended | Failed | Broke | Beat | Home | Stopped
