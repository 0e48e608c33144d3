# make demo   sets everything up and shows the whole product at work
# make test   sets everything up and passes every test
# make check  what CI runs: style, types, walls, generated files, every test
# make bench  speed and lightness: every bar, what was measured, peers of the same run (2 minutes)
# make soak   the long form of the fault tests, and an hour of load with faults (SIDESPOOL_SOAK_S)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BRIDGE := desktop-bridge
# Python's compiled files are what makes the daemon start fast; some machines switch them off.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/pytest -n 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types walls generate generated bench soak soak-cut static clean python-tests node-tests

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

static: lint types walls generated

# The cut of the soak mostly waits: what looks at the sources runs beside it.
check: setup
	$(MAKE) --no-print-directory -j 2 --output-sync=target soak-cut static
	$(MAKE) --no-print-directory test

bench: $(VENV)/.done
	$(BIN)/python tests/bench/run_all.py

soak-cut: $(VENV)/.done
	SIDESPOOL_SOAK_S=90 $(BIN)/python tests/crash/soak.py

soak: $(VENV)/.done
	$(BIN)/python tests/crash/soak.py
	SIDESPOOL_KILL_POINTS=all SIDESPOOL_KILL_ROUNDS=3000 SIDESPOOL_MODEL_RUNS=10000 SIDESPOOL_SPOIL_TIMES=4 \
		$(BIN)/pytest -n 2 --timeout 7200 tests/crash tests/e2e/test_privacy_killed.py tests/runtime/test_spool_store_model.py

clean:
	rm -rf $(VENV) .make $(BRIDGE)/node_modules
