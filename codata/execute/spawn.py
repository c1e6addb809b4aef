"""Worker processes: spawned deaf to Ctrl-C, and ended by whoever started them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import current_thread, main_thread
from typing import Any, Final

from codata.execute.worker import set_up

_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class WorkerPool(ProcessPoolExecutor):
    """Processes with these environment variables, `count` at most. A terminal's Ctrl-C, which goes to all, is
    for their owner alone: it says what has ended, and ends them.
    """

    def __init__(self, count: int, environment: dict[str, str]) -> None:
        self._context = _Context()
        self._unfinished: set[Future[Any]] = set()
        # Spawned, not forked: the libraries have threads.
        super().__init__(count, mp_context=self._context, initializer=set_up, initargs=(environment,))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As an executor does. No signal comes between: a process that is half started, or of which this pool
        does not know, would complain that it is told nothing.
        """
        with _undisturbed():
            future = super().submit(fn, *args, **kwargs)
            self._unfinished.add(future)
            future.add_done_callback(self._unfinished.discard)
        return future

    def end(self) -> None:
        """End the processes. What they still do nobody waits for: it is not let end."""
        if self._unfinished:
            for process in self._context.made:
                if process.is_alive():
                    process.terminate()
        self.shutdown()


class _Process(SpawnProcess):
    def start(self) -> None:
        """Start with SIGINT blocked, which the new process inherits: before it could see to that itself, it
        would have died of it with a traceback.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that raise wait. They do so in the main thread, whichever thread they come to."""
    stops = _STOPS if current_thread() is main_thread() else ()
    found = ((number, signal.getsignal(number)) for number in stops)
    raising = {number: handler for number, handler in found if callable(handler)}
    came: list[int] = []
    for number in raising:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)


class _Context(SpawnContext):
    """Makes such processes, and knows them."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[_Process] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Process:  # type: ignore[override]  # noqa: N802
        """A process, which the caller starts."""
        process = _Process(*args, **kwargs)
        self.made.append(process)
        return process
