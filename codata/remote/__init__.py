"""A provider as its client sees it: what it offers, holds and does. None of it is believed unchecked."""

from codata.remote.client import Client
from codata.remote.errors import (
    ProviderError,
    ProviderFull,
    ProviderLied,
    ProviderRefused,
    ProviderStalled,
    ProviderUnreachable,
)
from codata.remote.offer import Offer
from codata.remote.state import State

__all__ = [
    "Client",
    "Offer",
    "ProviderError",
    "ProviderFull",
    "ProviderLied",
    "ProviderRefused",
    "ProviderStalled",
    "ProviderUnreachable",
    "State",
]
