# Everything a checkout needs: Python 3.11 or newer, make, and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Modules whose every branch is covered; the figure for the rest is only printed.
COVERED := */transport/*.py,*/connection/protocol/*.py,*/connection/close_policy.py,*/backoff.py,*/mailbox.py,*/activity/outbox/*.py,*/activity/stages.py,*/activity/delivery.py,*/approval/decision.py,*/approval/answer.py,*/approval/deciding.py,*/approval/log.py,*/approval/request.py

# tests start hundreds of processes, and each would compile the sources anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage check bench soak conformance docs clean

demo: $(READY)  ## the simulator, the host and a live view; DEMO_SECONDS=10 ends by itself
	@$(BIN)/trunkline demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

check: $(READY)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(READY)  ## the whole normal suite, with the branches that have to be covered; a third worker fills the waits of two
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 3 --durations=20
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100 --include='$(COVERED)'

coverage: $(READY)  ## the same, measuring the branches of everything
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 3 -q --measure-all
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(VENV)/.bench  ## every budget beside its peers, 6 minutes; writes docs/benchmarks.md and .svg
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## hours of load and faults in MINUTES=10 (SEED=1); every loss is accounted for
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

conformance: $(READY)  ## Autobahn's 301 cases, lane on and off; PYTHON2=/path/to/python2.7
	@PYTHON2="$(PYTHON2)" $(BIN)/python -m tests.conformance

docs: $(READY)  ## docs/_build/html, with the generated parts made anew
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

clean:
	rm -rf $(VENV) docs/_build .coverage .coverage.*

$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Trunkline needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e ".[dev]"
	@touch $@

# the peers: of Python, and Node's where Node is there; whoever cannot be installed is skipped by name
$(VENV)/.bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e ".[bench]"
	@command -v npm >/dev/null && npm install --no-save --silent --prefix tests/benchmarks ws@8 || echo "no npm: Node is skipped"
	@touch $@
