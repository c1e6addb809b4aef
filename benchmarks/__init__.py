"""Benchmarks: each module measures one thing beside what people would use for it, and prints a table.

`python -m benchmarks` runs all on small inputs, `python -m benchmarks NAME --help` tells what one takes. They
assert nothing: docs/performance.md holds the figures.
"""
