# Every target does its own set-up: a machine with Python 3.11+ (with venv), git and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PARALLEL ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo docs test test-all check bench bench-text lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## make the project's environment in .venv

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codata needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## run the main job on real input: add, plan, run, verify, feed
	$(BIN)/python scripts/demo.py

docs: $(READY) ## write the reference of steps, docs/steps.md, from the code
	$(BIN)/python -m codata.reference docs/steps.md

# The programs that tests run against (Kubo, an S3 server) are built once where a Go toolchain is at hand. What can't be had is
# said, and its tests skip with the reason: a user needs none of them.
.tools/.tried: scripts/tools.py
	@mkdir -p .tools
	-@$(PYTHON) scripts/tools.py
	@touch $@

test: $(READY) .tools/.tried ## the test suite, without the slow tests
	$(BIN)/python -m pytest -n $(PARALLEL)

test-all: $(READY) .tools/.tried ## the whole test suite
	$(BIN)/python -m pytest -n $(PARALLEL) -m "slow or not slow"

check: $(READY) ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## every comparison in benchmarks/, as ratios
	$(BIN)/python -m benchmarks

# Dolma and data-juicer are installed once, each in an environment of its own; what can't be had is said, and left out.
.tools/peers/.tried: scripts/peers.py
	@mkdir -p .tools/peers
	-@$(PYTHON) scripts/peers.py
	@touch $@

bench-text: $(READY) .tools/peers/.tried ## text steps beside datatrove, Dolma and data-juicer, on 200 MB of documentation that is fetched once
	$(BIN)/python -m benchmarks text --size 1700MiB

lock: ## pin the project's own environments anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --group test --group check --group build \
	  --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .demo .tools .cache dist
