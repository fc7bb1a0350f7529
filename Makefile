# What people do with Confide. `make` alone lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Python 3.11 by whatever name it has here; set PYTHON to say which.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { command -v "$$python"; break; }; done)
BIN := .venv/bin
# native: Kafka from jars, nothing to install. container: through testcontainers, where an engine answers.
BROKER ?= native
export BROKER
# A mirror that pip is told of counts for uv too.
export UV_DEFAULT_INDEX ?= $(or $(PIP_INDEX_URL),$(shell [ -z "$(PYTHON)" ] || "$(PYTHON)" -m pip config get global.index-url 2>/dev/null))
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
UV := $(BIN)/uv --quiet

LOCKED := requirements.txt requirements-dev.txt requirements-build.txt requirements-setup.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help setup demo test lint bench load load-test faults faults-short chaos mutate mutate-runtime lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/ready ## make .venv with everything pinned and hashed; quick when nothing changed

# uv, not pip: see decision 0002.
.venv/ready: $(LOCKED) pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Confide needs Python 3.11: install it, or say where it is with make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@[ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || "$(PYTHON)" -m venv --clear .venv
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-setup.txt
	@$(UV) pip sync --python $(BIN)/python --require-hashes --build-constraints requirements-build.txt requirements-dev.txt
	@$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## play a day through the whole of it, on this machine
	@$(BIN)/confide demo

test: setup ## unit, contract, integration and end-to-end tests (BROKER=native|container)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "not faults and not load"

lint: setup ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## the workers beside Quix Streams, plain Faust and a bare loop, and what state costs (SHORT=--short)
	$(BIN)/python -m tests.bench.bench $(SHORT)

load: setup ## the highest rate with flat lag, half of it, and urgent ones during a backlog of a million (half an hour)
	$(BIN)/confide load --house --search --partitions 1 --rate 200 --seconds 30 --warm-up 60 --out load-search
	$(BIN)/confide load --house --partitions 1 --rate 2 --seconds 120 --urgent 1 --duplicates 0 --malformed 0 --backlog 1000000 --warm-up 60 --out load-backlog

load-test: setup ## the load test itself: its account against a reader's, and what it leaves
	$(BIN)/python -m pytest -m load tests/e2e

faults: setup ## kill processes between any two steps, freeze them, take the broker away: FAULT_SEEDS (5) seeds, printed
	FAULT_SEEDS=$${FAULT_SEEDS:-5} $(BIN)/python -m pytest -m faults tests/faults tests/integration

faults-short: setup ## the same with one seed, without the longest
	FAULT_SEEDS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "faults and not long" tests/faults tests/integration

chaos: setup ## strike every process, the broker and the agencies of a whole house as SEED says, and judge what came of it
	$(BIN)/python -m tests.chaos $(or $(SEED),1) $(SHORT)

mutate: setup ## change every cell of the policy once and see that its proof fails
	$(BIN)/python -m tests.proof.mutate

mutate-runtime: setup ## take each rule of the runtime out once and see its test fail (ROWS='part of a rule': those alone)
	$(BIN)/python -m tests.mutation $(ROWS)

lock: $(BIN)/uv ## resolve again and write requirements*.txt
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra dev --constraints requirements.txt --output-file requirements-dev.txt
	$(COMPILE) requirements-build.in --output-file requirements-build.txt
	grep -A 200 '^uv==' requirements-dev.txt | awk 'NR > 1 && /^[^ ]/ { exit } { print }' > requirements-setup.txt

clean: ## remove .venv and what tools leave behind
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
