"""The table `[provider.pins]`: from where pins are fetched, and how much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PinSettings:
    """What may be set."""

    origins: tuple[str, ...] = ()
    """URLs of the gateways that pins are fetched from. No other address is ever asked."""
    max_bytes: int = 1 << 40
    """Bytes of blocks that all pins of one token may have, also of those that were here before. Of pins that
    were removed, they count until garbage is collected."""
    max_pins: int = 10_000
    """Requests that one token may have, whatever became of them."""
    fetches: int = 2
    """Pins that are fetched at once."""
    seconds: int = 24 * 3600
    """How long one fetch may take."""
    keep_free: int = 1 << 30
    """Bytes of disk below which nothing more is fetched."""
