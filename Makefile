# Everything starts from Python 3.11+ and make: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check

.PHONY: setup demo demo-reset run test test-faults lint types format lock bench clean

setup: $(VENV)/.run  ## build the environment (.venv/bin/promobot)

$(VENV)/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "promobot needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --requirement requirements/run.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

demo: setup  ## the whole thing on this machine: a Slack-like workspace and a phone (PORT=8080)
	@exec $(VENV)/bin/promobot demo

demo-reset: setup  ## the same, starting afresh
	@exec $(VENV)/bin/promobot demo --reset

run: setup  ## the bot in a real workspace
	@exec $(VENV)/bin/promobot run

test: $(VENV)/.dev  ## unit, scenario and browser tests, on SQLite and PostgreSQL
	$(VENV)/bin/python -m pytest $(ARGS)

# A sample of each attack, in about two minutes; FAULTS=long: all of them. FAULTS_SEED=7: the same again.
test-faults: $(VENV)/.dev  ## processes killed, stopped and restarted while they send (FAULTS=long: for an hour or so)
	$(VENV)/bin/python -m pytest tests/faults -m faults $(ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(VENV)/.dev  ## what is measured, and against what (benchmarks/README.md)
	$(VENV)/bin/python -m benchmarks $(ARGS)

# Pins with hashes and no registry address, for every platform; uv only resolves, pip installs.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock:
	$(LOCK) pyproject.toml requirements/build.in -o requirements/run.txt
	$(LOCK) pyproject.toml requirements/build.in requirements/dev.in -c requirements/run.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) var
