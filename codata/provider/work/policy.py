"""Who may have which tasks performed, and within which limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from codata.plan.rows import RowsParams
from codata.provider.work.errors import NotAllowed
from codata.provider.work.settings import Limits, Rule, TaskSettings


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a rule gives: its name, for people; patterns of names; limits."""

    rule: str
    steps: tuple[str, ...]
    limits: Limits

    def refused(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no pattern fits."""
        return [name for name in names if not any(fnmatchcase(name, pattern) for pattern in self.steps)]


class Policy:
    """The rules of one provider. `me`: its own DID; `trusted`: asked at each request, since trust changes."""

    def __init__(self, settings: TaskSettings, me: str, trusted: Callable[[], Iterable[str]]) -> None:
        self._settings, self._me, self._trusted = settings, me, trusted

    def admit(self, did: str) -> Allowed:
        """What the first rule for a DID gives; raises `NotAllowed` where none lets it in."""
        found = next(self._rules(did), None)
        if found is None:
            raise NotAllowed(f"no rule lets {did} in", rule=self._closed())
        return found

    def allow(self, did: str, names: list[str]) -> Allowed:
        """The first rule that lets `did` run operations and steps of these names; raises `NotAllowed`."""
        refused: list[str] = []
        for rule in self._rules(did):
            lacking = rule.refused(names)
            if not lacking:
                return rule
            refused.append(f"{rule.rule} does not allow {', '.join(lacking[:8])}")
        if not refused:
            raise NotAllowed(f"no rule lets {did} in", rule=self._closed())
        raise NotAllowed("; ".join(refused[:8]), rule=refused[0].partition(" does not")[0])

    def _rules(self, did: str) -> Iterator[Allowed]:
        usual = self._settings.limits
        if did == self._me:
            yield Allowed("the provider's own DID", ("*",), usual)
        for number, rule in enumerate(self._settings.allow, 1):
            if rule.did in (did, "*"):
                yield _named(number, rule, usual)
        if not self._settings.allow and did in self._trusted():
            yield Allowed("DIDs that the provider trusts", ("*",), usual)

    def _closed(self) -> str:
        if self._settings.allow:
            return f"provider.tasks.allow ({len(self._settings.allow)} rules)"
        return "only the provider's own DID and those that it trusts"


def _named(number: int, rule: Rule, usual: Limits) -> Allowed:
    return Allowed(f"rule {number} ({rule.did})", rule.steps, rule.limits(usual))


def names_of(operation: str, params: object) -> list[str]:
    """The names that a rule must allow: the operation's, and those of the steps within `rows`."""
    inside = [call.step for call in params.steps] if isinstance(params, RowsParams) else []
    return list(dict.fromkeys([operation, *inside]))
