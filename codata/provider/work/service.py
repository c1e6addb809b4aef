"""All that serves tasks, put together: routes for requests, and the threads behind them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.routing import Route

from codata.home import DATABASE, Home
from codata.provider.authority import Authorities
from codata.provider.bounded import Bounded, Places
from codata.provider.errors import BadSettings
from codata.provider.work.changes import Changes
from codata.provider.work.custody import Custody
from codata.provider.work.events import Events
from codata.provider.work.gate import Gate
from codata.provider.work.offer import Offer
from codata.provider.work.policy import Policy
from codata.provider.work.queue import Queue
from codata.provider.work.runner import Runner
from codata.provider.work.seen import Seen
from codata.provider.work.settings import TaskSettings
from codata.provider.work.states import States
from codata.provider.work.submit import Submissions
from codata.provider.work.tally import Tally
from codata.provider.work.tasks import Tasks
from codata.provider.work.uploads import Uploads

_MAX_UPLOADS: Final = 16  # at once
_MAX_ASKING: Final = 512  # requests that ask or wait at once


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """How this process is reached: under which authorities, and whether from this machine alone.

    `patience`: seconds that a client may send or take nothing.
    """

    authorities: Authorities
    loopback: bool
    patience: float


class Work:
    """Tasks on a provider, between being entered and left."""

    def __init__(
        self,
        home: Home,
        settings: TaskSettings,
        where: Whereabouts,
        version: str,
        registry: CollectorRegistry,
    ) -> None:
        """Raises `BadSettings`, and `UsageError` where the store is not local."""
        if settings.open and not where.loopback:
            raise BadSettings(
                "provider.tasks.open lets everybody in who reaches this address",
                next_step="listen on loopback, or let others in by [[provider.tasks.allow]]",
            )
        self._patience = where.patience
        self._custody = Custody(home, settings.expires_after, settings.keep_free)
        database = home.path / DATABASE
        self._queue, self._seen, changes = Queue(database), Seen(database), Changes()
        tally = Tally(registry)
        self._runner = Runner(settings, self._custody, self._queue, changes, tally)
        tally.watch(self._queue.counts, self._runner.phases)
        policy = Policy(settings, self._custody.me, self._custody.trusted)
        unsigned = self._custody.me if settings.open else None
        gate = Gate(policy, self._seen, where.authorities, unsigned)
        states = States(self._queue, self._runner)
        submissions = Submissions(settings, policy, self._custody, self._queue, self._runner, states)
        self._tasks = Tasks(gate, submissions, states, changes, where.patience)
        self._events = Events(gate, states, changes, where.patience)
        self._uploads = Uploads(gate, self._custody, self._queue, where.patience)
        self._offer = Offer(gate, self._custody, self._queue, self._runner, settings, version)
        self.leave = changes.close
        """Lets those who wait for tasks go: the process is told to stop."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for opened in (self._custody, self._queue, self._seen):
            self._stack.callback(opened.close)
        self._stack.enter_context(self._runner)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def clients(self) -> dict[str, dict[str, int]]:
        """How many of the tasks that each DID wants are in each state, those at work told from those that
        wait."""
        clients = self._queue.by_client()
        for task, phase in self._runner.working().items():
            for did in self._queue.who(task):
                states = clients.get(did, {})
                if states.get("queued"):
                    states["queued"] -= 1
                    states[phase] = states.get(phase, 0) + 1
        return clients

    def routes(self) -> list[Route]:
        """The routes of the service."""
        asking = self._bounded("requests about tasks", _MAX_ASKING)
        uploads = self._bounded("uploads", _MAX_UPLOADS)
        tasks = self._tasks
        return [
            Route("/offer", self._offer.answer, methods=["GET"], middleware=asking),
            Route("/blocks", self._uploads.answer, methods=["POST"], middleware=uploads),
            Route("/blocks/{cid}", self._uploads.remove, methods=["DELETE"], middleware=uploads),
            Route("/tasks", tasks.submit, methods=["POST"], middleware=asking),
            Route("/tasks/events", self._events.answer, methods=["POST"], middleware=asking),
            Route("/tasks/{cid}", tasks.get, methods=["GET"], middleware=asking),
            Route("/tasks/{cid}", tasks.remove, methods=["DELETE"], middleware=asking),
        ]

    def _bounded(self, what: str, limit: int) -> list[Any]:
        return [Middleware(Bounded, places=Places(what, limit), patience=self._patience)]
