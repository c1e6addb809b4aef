"""Pages for people: what a provider holds and runs, a run with its lineage, a dataset.

All facts are there without script.
"""
