# Every target sets up what is missing first. `make help` lists them.
# Written for GNU make 3.81, which is what macOS ships.
SHELL := /bin/sh
ALLIANCE_HOME ?= ./warehouse
# Processes that `make test` spreads the tests over.
TEST_PROCESSES ?= 2
# Options of `make faults`: FAULTS='--slice 1/2 --campaign-log first.log' runs every second part, and
# leaves out what the log says has passed.
FAULTS ?=

BIN := .venv/bin
SQL := $(wildcard dbt_project/models dbt_project/tests orchestration/*.sql)

export ALLIANCE_HOME
# dagster-dbt looks for `dbt` on the path.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export STREAMLIT_BROWSER_GATHER_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help nightly dashboard test lint lint-sql bench bench-comparison bench-disclosure bench-measures \
	faults studies lock clean

help: ## this list
	@echo "Alliance Warehouse. Home: $(ALLIANCE_HOME) (set ALLIANCE_HOME to move it)"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

nightly: .venv/.runtime ## the nightly load; the first time on the sample practices' exports
	@alliance init --sample
	@alliance nightly

dashboard: .venv/.runtime ## serve the current release on 127.0.0.1
	@alliance dashboard

test: .venv/.dev ## every test, the browser's included
	@pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

lint: .venv/.dev ## style, types, SQL, import rules, file lengths
	ruff check
	ruff format --check
	mypy
	@$(MAKE) --no-print-directory lint-sql
	lint-imports
	pytest --quiet tests/unit/test_repository.py

lint-sql: .venv/.dev
	sqlfluff lint --disable-progress-bar $(SQL)

bench: .venv/.dev ## ten million answers: the night, the floor under it, memory
	@python -m tests.benchmarks.run --json build/bench.json

bench-disclosure: .venv/.dev ## disclosure control and the attacker: 192,000 cells
	@python -m tests.benchmarks.disclosure --json build/bench-disclosure.json

bench-measures: .venv/.dev ## scoring and all metrics beside the floor; rows of a 1 % night
	@python -m tests.benchmarks.measures --json build/bench-measures.json

bench-comparison: .venv/.dev ## all benchmarks of 1,000 sites, and the mixed model
	@python -m tests.benchmarks.comparison --json build/bench-comparison.json

faults: .venv/.dev ## crash, fuzz and history campaigns, readers beside 200 publishes
	@pytest -m campaign --ignore tests/studies --campaign full --timeout 0 --capture no $(FAULTS)

studies: .venv/.dev ## simulation over many seeds (make test runs a seeded sample)
	@pytest tests/studies --campaign full --timeout 0 --capture no

# Universal (all platforms, Python 3.11 on), with hashes and without the address of an index.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet
lock: .venv/.dev ## resolve requirements/*.in again (UPGRADE=--upgrade moves versions)
	$(LOCK) $(UPGRADE) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(LOCK) $(UPGRADE) requirements/runtime.in --output-file requirements/runtime.txt
	$(LOCK) $(UPGRADE) requirements/dev.in --output-file requirements/dev.txt

clean: ## remove the environment and caches; never touches ALLIANCE_HOME
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf dbt_project/target dbt_project/logs
	find dashboards expectations orchestration tests -name __pycache__ -type d -prune \
		-exec rm -rf {} +

# uv with a hash, the locked wheels with hashes, then this distribution with the locked build
# backend: nothing unlocked is downloaded or built. pip does the same where uv cannot run or where
# only pip is configured for a mirror, in minutes instead of seconds.
WHEELS := --require-hashes --no-deps --only-binary :all: --requirement
# The tested version first. Each candidate is run: a version manager's shim may exist and not work.
SUITS := import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
NO_PYTHON := No Python 3.11, 3.12 or 3.13 found. Install one, or say where: make PYTHON=/path/to/it
NO_VENV := Python could not make .venv. On Debian and Ubuntu: apt install python3-venv

define install
	@echo "installing $(1) into .venv (about 1 GB the first time)"
	@uv pip install --quiet --compile-bytecode --python $(BIN)/python $(WHEELS) $(1) \
		|| { echo "uv could not; trying pip"; $(BIN)/python -m pip install --quiet $(WHEELS) $(1); }
	@$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@
endef

.venv/.bootstrap: requirements/bootstrap.txt
	@$(BIN)/python -c '$(SUITS)' 2>/dev/null || { \
		for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
			$$python -c '$(SUITS)' 2>/dev/null && break; python=; \
		done; \
		test -n "$$python" || { echo "$(NO_PYTHON)" >&2; exit 1; }; \
		echo "creating .venv with $$($$python --version) ($$(command -v $$python))"; \
		$$python -m venv --clear .venv || { echo "$(NO_VENV)" >&2; exit 1; }; }
	@$(BIN)/python -m pip install --quiet $(WHEELS) requirements/bootstrap.txt \
		|| echo "uv could not be installed; pip will be used"
	@touch $@

.venv/.runtime: .venv/.bootstrap requirements/runtime.txt pyproject.toml
	$(call install,requirements/runtime.txt)

.venv/.dev: .venv/.bootstrap requirements/dev.txt pyproject.toml
	$(call install,requirements/dev.txt)
	@touch .venv/.runtime
