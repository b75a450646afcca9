# Everything works from here; `make` alone lists it. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
JOBS ?= 2
COMPILE = $(UV) pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help setup demo check test judges proof bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv/.uv: locks/uv.txt
	@test -n "$(PYTHON)" || { echo "Fleetmend needs Python 3.11 or newer: install it, or say where: make PYTHON=/path/to/python3"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

# What `make demo` needs to run; a machine that only runs Fleetmend stops here.
.venv/.run: .venv/.uv locks/run.txt pyproject.toml
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/run.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# What `make check` and `make test` need on top.
.venv/.dev: .venv/.run locks/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r locks/dev.txt
	@touch $@

setup: .venv/.dev ## create .venv from the locks
demo: .venv/.run ## break a fleet on the embedded AWS and watch it heal
	@$(BIN)/fleetmend demo

check: .venv/.dev ## format, lint, types, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/basedpyright

# Judges from elsewhere pin old libraries, so they live apart.
.judges/.done: .venv/.uv locks/judges.txt
	@test -x .judges/bin/python || $(UV) venv -q .judges
	@$(UV) pip install --quiet --python .judges/bin/python --require-hashes -r locks/judges.txt
	@touch $@

judges: .judges/.done ## install Checkov and Parliament beside the project, for its tests

test: check judges ## check, then every test
	@$(BIN)/pytest -n $(JOBS) --dist loadgroup

proof: .venv/.dev ## the complete simulations, longer than CI allows
	@FLEETMEND_PROOF=full $(BIN)/pytest -n $(JOBS) --dist loadgroup tests/scenarios

# Cloud Custodian pins its own libraries, so it lives apart too.
.bench/.done: .venv/.uv locks/bench.txt
	@test -x .bench/bin/python || $(UV) venv -q .bench
	@$(UV) pip install --quiet --python .bench/bin/python --require-hashes -r locks/bench.txt
	@touch $@

bench: .venv/.dev .bench/.done ## measure the inventory scan beside others, some ten minutes
	@$(BIN)/python -m benchmarks.inventory

lock: .venv/.uv ## resolve the locks anew (hashes, no addresses)
	@$(COMPILE) locks/uv.in -o locks/uv.txt
	@$(COMPILE) pyproject.toml --all-extras locks/build.in -o locks/run.txt
	@$(COMPILE) pyproject.toml -c locks/run.txt -o locks/lambda.txt
	@$(COMPILE) pyproject.toml --group dev -c locks/run.txt -o locks/dev.txt
	@$(COMPILE) locks/judges.in -o locks/judges.txt
	@$(COMPILE) locks/bench.in -o locks/bench.txt

clean: ## remove what was built, keep the lock files
	rm -rf .venv .judges .bench dist build out .fleetmend .pytest_cache .ruff_cache .hypothesis
