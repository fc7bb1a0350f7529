# The tasks of a contributor and an operator. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The newest of Python 3.11, 3.12 and 3.13 that this machine has. PYTHON names another; VENV names another environment.
SUPPORTED := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	"$$python" -c '$(SUPPORTED)' 2>/dev/null && { command -v "$$python"; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
# native: a Kafka from jars; nothing to install. container: a Kafka through testcontainers; needs a container engine.
BROKER ?= native
export BROKER
# uv uses the package index that pip is configured with.
export UV_DEFAULT_INDEX ?= $(or $(PIP_INDEX_URL),$(shell [ -z "$(PYTHON)" ] || "$(PYTHON)" -m pip config get global.index-url 2>/dev/null))
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
UV := $(BIN)/uv --quiet

LOCKED := requirements.txt requirements-dev.txt requirements-build.txt requirements-setup.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# An environment of another Python than the one that PYTHON names is made again; without PYTHON it is kept.
ifneq ($(origin PYTHON),file)
VERSION := import sys; print(sys.version_info[:2])
REMAKE := $(shell [ ! -x $(BIN)/python ] || [ "$$($(BIN)/python -c '$(VERSION)')" = "$$("$(PYTHON)" -c '$(VERSION)')" ] || echo other-python)
endif

.PHONY: other-python help setup demo test unit lint bench load load-test faults faults-short chaos doors mutate mutate-runtime lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/ready ## create .venv with every package pinned and hashed; does nothing if nothing changed

# uv, not pip: see decision 0002.
$(VENV)/ready: $(LOCKED) pyproject.toml $(REMAKE)
	@"$(or $(PYTHON),false)" -c '$(SUPPORTED)' 2>/dev/null || { echo "Confide needs Python 3.11, 3.12 or 3.13: install one, or name one with make PYTHON=/path/to/python" >&2; exit 1; }
	@[ -z "$(REMAKE)" ] && $(BIN)/python -c '$(SUPPORTED)' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-setup.txt
	@$(UV) pip sync --python $(BIN)/python --require-hashes --build-constraints requirements-build.txt requirements-dev.txt
	@$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## play a day through all processes, on this machine
	@$(BIN)/confide demo

test: setup ## unit, contract, proof, integration and end-to-end tests (BROKER=native|container)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not faults and not load"

unit: setup ## the tests that need no broker, without the long ones: about a minute and a half
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder -m "not long" tests/unit tests/contract tests/cases

lint: setup ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## benchmark: the workers, Quix Streams, plain Faust and a bare loop; and the cost of state (SHORT=--short)
	$(BIN)/python -m tests.bench.bench $(SHORT)

load: setup ## load test: the highest rate with constant lag; urgent records during a backlog of a million (half an hour)
	$(BIN)/confide load --house --search --partitions 1 --rate 200 --seconds 30 --warm-up 60 --out load-search
	$(BIN)/confide load --house --partitions 1 --rate 2 --seconds 120 --urgent 1 --duplicates 0 --malformed 0 --backlog 1000000 --warm-up 60 --out load-backlog

load-test: setup ## test the load test: its counts against those of an independent reader, and its files
	$(BIN)/python -m pytest -m load tests/e2e

faults: setup ## kill and freeze processes between any two steps, and stop the broker; FAULT_SEEDS (5) seeds, which it prints
	FAULT_SEEDS=$${FAULT_SEEDS:-5} $(BIN)/python -m pytest -m faults tests/faults tests/integration

faults-short: setup ## the fault tests with one seed, without the long ones
	FAULT_SEEDS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "faults and not long" tests/faults tests/integration

chaos: setup ## strike every process, broker and agency of a deployment in the order of SEED, and check the result (SHORT=--short)
	$(BIN)/python -m tests.chaos $(or $(SEED),1) $(SHORT)

doors: setup ## send 100,000 mutated disclosures through every door; each must give the same verdict
	$(BIN)/python -m tests.doors

mutate: setup ## change every cell of the policy once; the proof must fail each time
	$(BIN)/python -m tests.proof.mutate

mutate-runtime: setup ## remove each rule of the runtime once; its test must fail (ROWS='part of a name': only these rules)
	$(BIN)/python -m tests.mutation $(ROWS)

lock: $(BIN)/uv ## resolve the dependencies again, for every supported Python, and write requirements*.txt
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra dev --constraints requirements.txt --output-file requirements-dev.txt
	$(COMPILE) requirements-build.in --output-file requirements-build.txt
	grep -A 200 '^uv==' requirements-dev.txt | awk 'NR > 1 && /^[^ ]/ { exit } { print }' > requirements-setup.txt

clean: ## remove .venv, .venv-* and the caches of tools
	rm -rf .venv .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
