"""`python -m benchmarks [NAME [OPTIONS]]`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

# Not measurements: what the others share.
SHARED = {
    "__init__",
    "__main__",
    "corpus",
    "datatrove_peer",
    "dolma_peer",
    "inputs",
    "jobs",
    "juicer_peer",
    "pairs",
    "peers",
    "servers",
    "spread",
    "text_peers",
}


def names() -> list[str]:
    """Every benchmark, by the name of its module."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in SHARED)


def main(arguments: list[str]) -> int:
    """Run one benchmark with its options, or all with none."""
    known = names()
    if not arguments:
        for name in known:
            print(f"\n# {name}", flush=True)
            import_module(f"benchmarks.{name}").main([])
        return 0
    name, *options = arguments
    if name not in known:
        print(f"python -m benchmarks [NAME [OPTIONS]]; the names are: {', '.join(known)}", file=sys.stderr)
        return 2
    import_module(f"benchmarks.{name}").main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
