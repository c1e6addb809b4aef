"""What a provider can do to whoever asks it for work."""

from __future__ import annotations

from cid_store.errors import StoreError
from codata.errors import FalseClaim, HomeError, TaskFailed


class ProviderError(StoreError):
    """A provider did not do what it was asked."""

    default_next = "name another provider with --on, or leave this one out"


class ProviderUnreachable(ProviderError):
    """A provider that does not answer, or broke off."""

    default_next = "see whether it runs and can be reached, or name another provider"


class ProviderStalled(ProviderError):
    """A provider that answers and gets nowhere."""

    default_next = "see what it is busy with, or name another provider"


class ProviderBusy(ProviderStalled):
    """A provider that serves as many requests as it can."""


class ProviderFull(ProviderError):
    """A provider that has no room, or gives this DID no more."""

    default_next = "ask its owner for more room, or name another provider"


class ProviderRefused(ProviderError):
    """A provider whose rules do not allow what it was asked."""

    default_next = "ask its owner to allow this DID, or name another provider"


class ProviderLied(FalseClaim):
    """A provider whose bytes, receipt or signature are not what they claim to be."""

    default_next = "do not use this provider; what it said is kept as evidence"


class NoPlace(TaskFailed):
    """A task that no provider can run, with each one's reason."""

    default_next = "name other providers with --on, or let this home run it (without --no-home)"


class OwnStoreFailed(HomeError):
    """The home's own store failed at what a provider gave or was to be given: that is no provider's fault."""

    default_next = "see whether the disk is full, and run `codata check`; then the same command again"
