# One door for daily work. Each target makes what it needs: only Python 3.11+, make and a package index are assumed.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
RUN_ENV := .venv/run
DEV_ENV := .venv/dev
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-input --no-warn-script-location

.PHONY: help demo test behaviours failures fault-matrix crash-sweep soak teeth lint audit format bench lock clean check-python nightly
help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

check-python:
	@test -n "$(PYTHON)" || { echo "syncd needs Python 3.11 or later (set PYTHON=/path/to/python3)"; exit 1; }

$(RUN_ENV)/.ready: requirements.lock pyproject.toml | check-python
	@echo "installing syncd into $(RUN_ENV) ..."
	@$(PYTHON) -m venv $(RUN_ENV)
	@$(RUN_ENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(RUN_ENV)/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@

$(DEV_ENV)/.ready: requirements-dev.lock pyproject.toml | check-python
	@echo "installing syncd and its test tools into $(DEV_ENV) ..."
	@$(PYTHON) -m venv $(DEV_ENV)
	@$(DEV_ENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(DEV_ENV)/bin/python $(PIP_INSTALL) --no-deps --editable .
	@touch $@

PROFILE ?= ruddr
demo: $(RUN_ENV)/.ready ## the main job, told step by step, on embedded parts; another system's with PROFILE=name
	@$(RUN_ENV)/bin/syncd demo --profile $(PROFILE)

test: $(DEV_ENV)/.ready ## the whole suite, PostgreSQL included
	@$(DEV_ENV)/bin/python -m pytest --numprocesses auto --dist worksteal

behaviours: $(DEV_ENV)/.ready ## run what proves each promised behaviour, and rewrite docs/behaviours.md
	@$(DEV_ENV)/bin/python -m tests.make_behaviours --run

crash-sweep: $(DEV_ENV)/.ready ## kill runs everywhere (hours; SYNCD_CRASH_SECOND=N: every Nth second kill), rewrite docs/reliability.md
	@$(DEV_ENV)/bin/python -m tests.reliability.crash_sweep

failures: $(DEV_ENV)/.ready ## run what keeps each known failure from happening, and rewrite its table in docs/reliability.md
	@$(DEV_ENV)/bin/python -m tests.make_failures

fault-matrix: $(DEV_ENV)/.ready ## each fault at each request of a cycle, and many at random (hours); counts in docs/reliability.md
	@$(DEV_ENV)/bin/python -m tests.reliability.fault_matrix

soak: $(DEV_ENV)/.ready ## a simulated year with 20,000 records, faults, kills and restarts (half an hour); figures in docs/reliability.md
	@$(DEV_ENV)/bin/python -m tests.reliability.soak

nightly: $(DEV_ENV)/.ready ## what takes hours: 10,000 random histories, and properties with many examples
	@SYNCD_HISTORIES=10000 SYNCD_HYPOTHESIS_PROFILE=nightly $(DEV_ENV)/bin/python -m pytest --numprocesses auto \
	  --dist worksteal tests/e2e/test_ruddr_histories.py tests/e2e/test_histories.py tests/reconciler tests/model tests/sandbox \
	  tests/reliability/test_machine.py

teeth: $(DEV_ENV)/.ready ## plant faults in copies of the tree: the stateful model has to notice each; some with TEETH="name"
	@$(DEV_ENV)/bin/python -m tests.reliability.teeth $(TEETH)

lint: $(DEV_ENV)/.ready ## format, lint, types, import rules, dependencies
	@$(DEV_ENV)/bin/ruff format --check .
	@$(DEV_ENV)/bin/ruff check .
	@$(DEV_ENV)/bin/mypy
	@$(DEV_ENV)/bin/lint-imports
	@$(DEV_ENV)/bin/deptry .

AUDIT_ENV := .venv/audit
audit: check-python ## look for known vulnerabilities of the locked packages (needs the network)
	@test -x $(AUDIT_ENV)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT_ENV) && \
	  $(AUDIT_ENV)/bin/python $(PIP_INSTALL) 'pip-audit>=2.9,<3'; }
	@$(AUDIT_ENV)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements-dev.lock

format: $(DEV_ENV)/.ready ## rewrite the code in the house format
	@$(DEV_ENV)/bin/ruff format .
	@$(DEV_ENV)/bin/ruff check --fix .

bench: $(DEV_ENV)/.ready ## measure, and rewrite docs/benchmarks.md
	@$(DEV_ENV)/bin/python -m benchmarks

lock: ## resolve the locked requirements anew
	@uv pip compile pyproject.toml --universal --generate-hashes --no-header --python-version 3.11 --quiet -o requirements.lock
	@uv pip compile pyproject.toml --universal --generate-hashes --no-header --python-version 3.11 --quiet --extra dev -o requirements-dev.lock

clean: ## remove what make made
	rm -rf .venv .demo .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
