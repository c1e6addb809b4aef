"""Worker processes: what a terminal sends them, and how they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from codata.execute.spawn import WorkerPool, _undisturbed

FOREVER = 100_000  # seconds: the suite's time limit comes first


def test_work_that_nobody_waits_for_is_not_let_end() -> None:
    pool = WorkerPool(2, {})
    for _ in range(3):
        pool.submit(time.sleep, FOREVER)
    pool.end()
    assert not any(process.is_alive() for process in pool._context.made)


def test_workers_without_work_end_in_good_order() -> None:
    pool = WorkerPool(2, {})
    assert pool.submit(abs, -3).result() == 3
    pool.end()
    assert [process.exitcode for process in pool._context.made] == [0]


def test_a_pool_ends_also_before_it_had_work() -> None:
    WorkerPool(2, {}).end()


def test_workers_are_deaf_to_ctrl_c_and_their_owner_is_not() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    pool = WorkerPool(1, {})
    assert signal.SIGINT in pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGTERM not in pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    pool.end()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_a_process_has_started(number: signal.Signals) -> None:
    handler = signal.signal(number, signal.default_int_handler)
    done = []
    try:
        with pytest.raises(KeyboardInterrupt), _undisturbed():
            other = threading.Thread(target=signal.raise_signal, args=(number,))
            other.start()
            other.join()
            done.append("started")
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, handler)
    assert done == ["started"]


def test_workers_end_with_an_owner_that_was_killed() -> None:
    code = (
        "import os, signal, time; from codata.execute.spawn import WorkerPool; pool = WorkerPool(1, {})\n"
        f"pool.submit(abs, 1).result(); pool.submit(time.sleep, {FOREVER})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # Its workers have its end of the pipe too: that reaches its end when the last of them has gone.
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
