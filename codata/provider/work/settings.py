"""The table `[provider.tasks]`: who may have tasks performed, at which price, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from cid_store.errors import UsageError
from cid_store.stores.gateway.origin import Origin
from codata.execute.executors import available_cores
from codata.provider.errors import BadSettings

SANDBOXES: Final = ("auto", "bubblewrap", "unshare", "limits")

_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What one DID may use: the first three hold for each task, the others for all that is the DID's here."""

    memory: int = 4 * _GIB
    """Bytes of memory that a task's process may write to (RLIMIT_DATA)."""
    seconds: int = 3600
    """Seconds of wall time that a task may take."""
    file_bytes: int = 4 * _GIB
    """Bytes of the largest file that a task's process may write. The store's own index is one."""
    tasks: int = 10_000
    """Tasks that wait or run."""
    upload: int = 64 << 20
    """Bytes of one request to `/blocks`."""
    quota: int = 64 * _GIB
    """Bytes kept, of what was pushed and of what tasks gave."""
    lasting: int = 1024 * _GIB
    """Bytes kept without end: copies of datasets. None for whom only `*` lets in, unless its rule says so."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the allow-list. A limit of 0 is that of `[provider.tasks.limits]`."""

    did: str = ""
    """Whom it lets in; `*` is everybody who signs."""
    steps: tuple[str, ...] = ("*",)
    """Patterns for names of operations, and for those of the steps within `rows`."""
    memory: int = 0
    seconds: int = 0
    file_bytes: int = 0
    tasks: int = 0
    upload: int = 0
    quota: int = 0
    lasting: int = 0

    def limits(self, usual: Limits) -> Limits:
        """What holds under this rule."""
        own = {name: getattr(self, name) for name in Limits.__slots__}
        given = {name: value for name, value in own.items() if value}
        if self.did == "*":
            given.setdefault("lasting", 0)
        return replace(usual, **given)


@dataclass(frozen=True, slots=True)
class Price:
    """What is asked, in a unit that the parties agree on: decimals as text, exact."""

    cpu_second: str = "0"
    gigabyte: str = "0"
    """For 10^9 bytes that a task reads and writes."""

    def of(self, cpu_us: int, size: int) -> Decimal:
        """The price of so many microseconds of CPU and bytes read and written."""
        return Decimal(self.cpu_second) * cpu_us / 10**6 + Decimal(self.gigabyte) * size / 10**9


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What may be set."""

    enabled: bool = True
    """Whether tasks are taken at all."""
    open: bool = False
    """Whether requests without a signature are taken for the home's own. On loopback only."""
    allow: tuple[Rule, ...] = field(default=(), metadata={"tables": Rule})
    """Who may ask for what. Default: the DIDs that the home trusts, everything. Its own DID always may."""
    sources: tuple[str, ...] = ()
    """URLs of the gateways that inputs may be fetched from. No other address is ever asked."""
    workers: int = field(default_factory=available_cores)
    """Tasks performed at once."""
    sandbox: str = "auto"
    """What a task's process is shut in by: the first of the others that works, or the one named here."""
    price: Price = field(default_factory=Price)
    bandwidth: int = 0
    """Bytes a second that the offer names; 0: none is named."""
    expires_after: int = 7 * 24 * 3600
    """Seconds that things are kept: what was pushed, and what a task gave, since it was last submitted."""
    keep_free: int = _GIB
    """Bytes of disk below which nothing more is taken."""
    collect: bool = False
    """Whether garbage is collected when something has expired: all that the home does not keep is deleted."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.sandbox not in SANDBOXES:
            raise BadSettings(
                f"there is no sandbox {self.sandbox[:80]!r}", next_step=f"choose of {', '.join(SANDBOXES)}"
            )
        for amount in (self.price.cpu_second, self.price.gigabyte):
            _check_amount(amount)
        for url in self.sources:
            try:
                Origin.parse(url)
            except UsageError as e:
                raise BadSettings(f"provider.tasks.sources: {e.message}", next_step=e.next_step) from None
        for number, rule in enumerate(self.allow, 1):
            if rule.did != "*" and not rule.did.startswith("did:key:z"):
                raise BadSettings(
                    f"rule {number} of provider.tasks.allow names no DID",
                    next_step='write did = "did:key:z6Mk…", or "*" for everybody who signs',
                )


def _check_amount(text: str) -> None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or len(text) > 40:
        raise BadSettings(f"{text[:80]!r} is no price", next_step='write a decimal as text, such as "0.002"')
