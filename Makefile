# make demo   sets everything up and shows the whole product at work
# make test   sets everything up and passes every test
# make check  what CI runs: style, types, walls, generated files, every test
# make bench  ratios against peers and floors, printed as a table
# make soak   the long form of the fault tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BRIDGE := desktop-bridge
# Python's compiled files are what makes the daemon start fast; some machines switch them off.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/pytest -n 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types walls generate generated bench soak clean python-tests node-tests

help:
	@sed -n 's/^# make/make/p' Makefile

$(VENV)/.done: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	$(BIN)/python -m compileall -q daemon collector
	@touch $@

$(BRIDGE)/node_modules/.done: $(BRIDGE)/package-lock.json
	cd $(BRIDGE) && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

.make/system: packaging/debian-packages.txt packaging/install-debian-packages
	@mkdir -p .make
	packaging/install-debian-packages
	@touch $@

setup: $(VENV)/.done $(BRIDGE)/node_modules/.done .make/system

demo: $(VENV)/.done
	$(BIN)/sidespool demo $(DEMO)

python-tests: $(VENV)/.done .make/system $(BRIDGE)/node_modules/.done
	$(PYTEST)

node-tests: $(BRIDGE)/node_modules/.done $(VENV)/.done .make/system
	cd $(BRIDGE) && npm test

test: python-tests node-tests

lint: $(VENV)/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.done
	$(BIN)/mypy

walls: $(VENV)/.done
	$(BIN)/lint-imports

generate: $(VENV)/.done
	$(BIN)/sidespool catalog generate
	$(BIN)/sidespool reference

generated: $(VENV)/.done
	$(BIN)/sidespool catalog generate --check
	$(BIN)/sidespool reference --check

check: setup lint types walls generated test

bench: $(VENV)/.done
	$(BIN)/python tests/bench/run_all.py

soak: $(VENV)/.done
	SIDESPOOL_KILL_POINTS=all SIDESPOOL_KILL_ROUNDS=300 SIDESPOOL_MODEL_RUNS=5000 \
		$(BIN)/pytest -n 2 --timeout 3600 tests/crash tests/e2e/test_privacy_killed.py tests/runtime/test_spool_store_model.py

clean:
	rm -rf $(VENV) .make $(BRIDGE)/node_modules
