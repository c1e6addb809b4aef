"""GET `/offer`: what this provider gives, to whom asks, and at which price."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from codata import ops, steps
from codata.execute.perform import environment
from codata.provider.work.children import settings_of
from codata.provider.work.custody import Custody
from codata.provider.work.gate import Asker, Gate
from codata.provider.work.queue import Queue
from codata.provider.work.runner import Runner
from codata.provider.work.settings import TaskSettings


@dataclass(frozen=True)
class Offer:
    """What serves `/offer`. `version`: of this package."""

    gate: Gate
    custody: Custody
    queue: Queue
    runner: Runner
    settings: TaskSettings
    version: str

    async def answer(self, request: Request) -> Response:
        """The offer to the one who asks."""
        asker = await self.gate.admit(request)
        value = await to_thread.run_sync(self._value, asker)
        return JSONResponse(value, headers={"cache-control": "no-store"})

    def _value(self, asker: Asker) -> dict[str, Any]:
        running = len(self.runner.phases())
        limits = asdict(asker.allowed.limits)
        quota, lasting = limits.pop("quota"), limits.pop("lasting")
        kept = self.custody.pushed(asker.did) + self.queue.bytes(asker.did)
        return {
            "did": self.custody.me,
            "version": self.version,
            "cores": self.settings.workers,
            "running": running,
            "queued": self.queue.counts().get("queued", 0) - running,
            **self._environment,
            "engines": self._engines,
            "steps": list(asker.allowed.steps),
            "rule": asker.allowed.rule,
            "price": asdict(self.settings.price),
            "sources": list(self.settings.sources),
            "bandwidth": self.settings.bandwidth or None,
            "limits": limits,
            "quota": {"bytes": quota, "kept": kept},
            "lasting": {"bytes": lasting, "kept": self.custody.lasting(asker.did)},
            "sandbox": self.runner.sandbox.name,
            "expires_after": self.settings.expires_after,
        }

    @cached_property
    def _environment(self) -> dict[str, Any]:
        """The record that receipts will name: what is here, with the settings that processes get."""
        mine = environment()
        settings = {**mine.settings, **settings_of(str(self.runner.threads)), "PYTHONHASHSEED": ""}
        record = replace(mine, settings={key: settings[key] for key in mine.settings})
        with self.custody.putting():
            cid = record.save(self.custody.store)
            self.custody.keep_own(cid)
        return {"environment": cid, **record.to_value()}

    @cached_property
    def _engines(self) -> dict[str, str]:
        """The engines that steps declare, as far as they are installed."""
        found = {engine for step in steps.every() for engine in step.engines}
        versions = {engine: ops.engine_version(engine) for engine in sorted(found)}
        return {engine: version for engine, version in versions.items() if version}
