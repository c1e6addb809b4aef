"""What can go wrong with tasks on a provider. Each kind names the status that tells it."""

from __future__ import annotations

from typing import ClassVar

from cid_store.errors import CidStoreError, UsageError


class Refused(CidStoreError):
    """Root of these."""

    status: ClassVar[int] = 400

    @property
    def more(self) -> dict[str, str]:
        """What is told besides kind, message, CID and next step."""
        return {}


class NotAllowed(Refused):
    """Something that no rule of the provider allows. `rule`: which one refused."""

    status = 403
    default_next = "ask the provider's owner to allow it in [provider.tasks], or ask another provider"

    def __init__(
        self, message: str, *, cid: str | None = None, next_step: str | None = None, rule: str = ""
    ) -> None:
        super().__init__(message, cid=cid, next_step=next_step)
        self.rule = rule

    @property
    def more(self) -> dict[str, str]:
        """The rule."""
        return {"rule": self.rule}


class TooManyTasks(NotAllowed):
    """As many tasks of one DID as its rule lets wait."""

    status = 429
    default_next = "submit more when some of these have ended"


class OverQuota(NotAllowed):
    """As many bytes of one DID as its rule lets be kept."""

    status = 507
    default_next = "take results and release them (DELETE /tasks/CID), or wait until they expire"


class DiskFull(Refused):
    """The provider's disk has no room for more."""

    status = 507
    default_next = "ask another provider, or come again later"


class Replayed(Refused):
    """A signed request that came before."""

    status = 401
    default_next = "sign each request anew, with a nonce of its own"


class WrongAuthority(Refused):
    """A request that was signed for another host."""

    status = 401
    default_next = "sign for the URL under which this provider is announced"


class UnknownTask(Refused):
    """A task that the asker has not submitted here, or whose results have expired."""

    status = 404
    default_next = "submit it (POST /tasks)"


class MissingInput(Refused):
    """A task's record or input that is neither here nor to be fetched."""

    status = 404
    default_next = "push it (POST /blocks), or name a source that the provider's settings allow"


class TooManyInputs(Refused):
    """A task with more inputs than are looked at."""

    status = 400
    default_next = "divide the task, or send fewer in one request"


class BadBlocks(UsageError):
    """A CAR that is not what it claims to be, or has no place here."""

    default_next = "send a CARv1 whose blocks have the bytes that their CIDs name"
