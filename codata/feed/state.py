"""A position in a feed: one JSON object, the same on all ranks. Specified in `docs/spec/feed-order.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from cid_store.cid import CID
from cid_store.errors import InvalidCID, UsageError
from codata.feed import keyed
from codata.feed.errors import BadState, UnknownSpec, WrongDataset
from codata.feed.order import MAX_EPOCH, MAX_SEED, MAX_WINDOW, check_range

SPEC: Final = "codata/feed/1"
MAX_SOURCES: Final = 1024
MAX_WEIGHT: Final = 1 << 31

Sources = tuple[tuple[CID, int], ...]
"""The datasets of a mix with their weights."""

_RANGES: Final = {
    "seed": MAX_SEED,
    "epoch": MAX_EPOCH,
    "sample_in_epoch": keyed.MAX_SIZE,
    "window": MAX_WINDOW,
}


@dataclass(frozen=True)
class State:
    """`sample_in_epoch` samples of epoch `epoch` were yielded, over all ranks. `window` 0 is dataset order.

    Either `dataset` names what is fed, or `mix` does.
    """

    dataset: CID | None
    seed: int
    epoch: int
    sample_in_epoch: int
    window: int
    mix: Sources | None = None

    def __post_init__(self) -> None:
        for name, limit in _RANGES.items():
            check_range(name, getattr(self, name), 0, limit)

    def to_value(self) -> dict[str, object]:
        """The JSON form."""
        return {
            "spec": SPEC,
            "dataset": None if self.dataset is None else str(self.dataset),
            "seed": self.seed,
            "epoch": self.epoch,
            "sample_in_epoch": self.sample_in_epoch,
            "window": self.window,
            "mix": None if self.mix is None else [[str(cid), weight] for cid, weight in self.mix],
        }

    @classmethod
    def from_value(cls, value: object) -> State:
        """Read the JSON form; raises `UnknownSpec` or `BadState`."""
        if not isinstance(value, Mapping) or "spec" not in value:
            raise BadState("a feed's state is a JSON object with a key 'spec'")
        if value["spec"] != SPEC:
            raise UnknownSpec(f"the state follows {_short(value['spec'])}; this version implements {SPEC!r}")
        expected = {"spec", "dataset", "mix", *_RANGES}
        if set(value) != expected:
            odd = ", ".join(sorted(_short(key) for key in expected.symmetric_difference(value)))
            raise BadState(f"keys missing from the state, or not known: {odd}"[:300])
        if (value["dataset"] is None) == (value["mix"] is None):
            raise BadState("a state names either a dataset or a mix")
        try:
            dataset = None if value["dataset"] is None else _cid(value["dataset"])
            mix = None if value["mix"] is None else _sources(value["mix"])
            return cls(dataset=dataset, mix=mix, **{name: value[name] for name in _RANGES})
        except (UsageError, InvalidCID) as e:
            raise BadState(f"the state is damaged: {e.message}") from None

    def next_epoch(self) -> State:
        """The start of the epoch after this one; after the last there is, the first."""
        return replace(self, epoch=(self.epoch + 1) % MAX_EPOCH, sample_in_epoch=0)

    def expect(self, dataset: CID | None, mix: Sources | None) -> None:
        """Raise `WrongDataset` unless this is a position in `dataset`, or in `mix`."""
        if (self.dataset, self.mix) != (dataset, mix):
            raise WrongDataset(
                f"the state belongs to {_describe(self.dataset, self.mix)}, not to {_describe(dataset, mix)}",
                cid=self.dataset,
            )


def _describe(dataset: CID | None, mix: Sources | None) -> str:
    if mix is None:
        return f"dataset {dataset}"
    return "a mix of " + ", ".join(f"{cid} by {weight}" for cid, weight in mix[:8])


def _cid(value: object) -> CID:
    if not isinstance(value, str):
        raise BadState(f"a dataset is named by its CID, not by {_short(value)}")
    return CID(value)


def _sources(value: object) -> Sources:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_SOURCES:
        raise BadState(f"a mix is a list of 1 to {MAX_SOURCES} pairs of dataset and weight")
    return tuple(_source(entry) for entry in value)


def _source(entry: object) -> tuple[CID, int]:
    if not isinstance(entry, list | tuple) or len(entry) != 2:
        raise BadState(f"a mix's entry is a pair of dataset and weight, not {_short(entry)}")
    check_range("a weight", entry[1], 1, MAX_WEIGHT)
    return _cid(entry[0]), entry[1]


def _short(value: object) -> str:
    return repr(value)[:80]
