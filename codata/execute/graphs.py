"""Dask graphs of things to wait for: in threads of their own, which end with the process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, Final

_THREADS: Final = 256


def run_beside(graph: dict[str, tuple[Any, ...]]) -> Thread:
    """Begin a graph of nodes that never raise; the thread that ends with it. Nothing of it keeps the process
    from ending.
    """
    thread = Thread(target=_run, args=(graph,), name="graph", daemon=True)
    thread.start()
    return thread


def _run(graph: dict[str, tuple[Any, ...]]) -> None:
    from dask.local import get_async

    # Callbacks are global in Dask: those of a graph that the home runs beside this one are not for it.
    get_async(_in_a_thread, min(_THREADS, len(graph)), graph, list(graph), callbacks=())  # type: ignore[no-untyped-call]


def _in_a_thread(do: Callable[..., Any], *args: Any, **named: Any) -> Future[Any]:
    """As an executor's `submit`, but the process may end while a provider keeps a thread waiting."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(do(*args, **named))
        except BaseException as e:  # noqa: BLE001 - it is raised where the future is looked at
            future.set_exception(e)

    Thread(target=run, name="errand", daemon=True).start()
    return future
