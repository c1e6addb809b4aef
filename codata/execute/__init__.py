"""Execution: `perform` is all that runs a task; executors decide where."""
