"""`perform(task, store) -> Receipt`: all that executes."""

from __future__ import annotations

import os
import platform
import time
from functools import cache

from cid_store import Store
from codata import ops
from codata.errors import NotCheckable, TaskFailed
from codata.execute.context import StoreContext
from codata.records.environment import Environment
from codata.records.receipt import Cost, Receipt
from codata.records.task import Task

_PACKAGES = ("codata-pipeline", "pyarrow", "polars", "numpy", "dask")


def perform(task: Task, store: Store, executor: str) -> Receipt:
    """Run one task on inputs in `store`, keep what it makes there, and say so.

    Raises `UnknownStep` and `NotCheckable` where the operation or its engines are not those of the task, the
    errors of its inputs (`BlockNotFound`, `CorruptBlock`), and whatever named error the operation raises.
    """
    operation = ops.find(task.step, task.version)
    params = ops.check_params(operation.params, dict(task.params), task.step)
    check_engines(task)
    inputs = {name: tuple(task.input_cids(store, name)) for name in task.inputs}
    context = StoreContext(store)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    out = operation.run(context, params, inputs)
    cost = Cost(
        cpu_us=(time.process_time_ns() - cpu) // 1000,
        wall_us=(time.perf_counter_ns() - wall) // 1000,
        bytes_in=context.bytes_in,
        bytes_out=context.bytes_out,
    )
    if not out:
        raise TaskFailed(f"operation {task.step!r} made nothing")
    return Receipt(task.cid, dict(out), environment().save(store), executor, cost)


def check_engines(task: Task) -> None:
    """Raise `NotCheckable` unless the engines here are those that the task names."""
    other = {
        name: (wanted, ops.engine_version(name))
        for name, wanted in task.engines.items()
        if ops.engine_version(name) != wanted
    }
    if other:
        text = ", ".join(f"{n} {w} (here: {h or 'none'})" for n, (w, h) in sorted(other.items()))
        pins = " ".join(f"{n}=={w}" for n, (w, _) in sorted(other.items()))
        raise NotCheckable(f"the task needs {text}", next_step=f"install {pins} in an environment of its own")


@cache
def environment() -> Environment:
    """This process's environment: versions and settings that may matter to bytes, nothing about its owner."""
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        packages={name: ops.engine_version(name) for name in _PACKAGES},
        settings={key: os.environ.get(key, "") for key in ("POLARS_MAX_THREADS", "PYTHONHASHSEED")},
    )


def _cpu() -> str:
    """The instruction sets that numeric libraries choose code by."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            flags = next((line for line in f if line.startswith("flags")), "").split()
    except OSError:
        return platform.processor()
    return " ".join(flag for flag in ("sse4_2", "avx2", "fma", "avx512f", "sha_ni") if flag in flags)
