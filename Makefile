# make demo    a tenant full of duplicates on this machine, linked by Airflow; nothing to set up
# make test    everything that has to hold: lint, tests, older Airflows, the wheel
#
# Both work as the first command of a fresh clone: .venv and .venvs/* are made from .ci/locks as needed,
# and made anew when a lock changes. PYTHON=/path/to/python names an interpreter that is not on PATH.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SECONDARY:
.DELETE_ON_ERROR:
SHELL := /bin/sh

# A bytecode cache halves the start of Airflow; the environments bring it along.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH

OLDER := 2.11.2 3.1.8 3.2.2
BIN := .venv/bin

# The Pythons that will do, best first. Between them the lanes cover more than one where there are more.
PYTHONS_main := 3.11 3.12 3.13 3.14
PYTHONS_2.11.2 := 3.12 3.11
PYTHONS_3.1.8 := 3.13 3.12 3.11
PYTHONS_3.2.2 := 3.12 3.13 3.11 3.14

# What a version of Airflow can change. The web server of Airflow 2 is another program than those of 3.
LANE_TESTS := tests/lanes tests/operators/test_wire.py tests/operators/test_xcom.py
LANE_TESTS_2.11.2 := tests/realrun

# What has a target of its own.
APART := not wheel and not kill and not strike

.PHONY: help demo test lint test-main test-runs test-kill test-strike test-matrix test-wheel test-faults lock format bench clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile
	@echo 'Also: lint format test-main test-runs test-kill test-strike test-matrix test-lane-VERSION test-wheel test-faults bench lock clean'

demo: .venv/installed
	$(BIN)/auth0link demo $(ARGS)

# Airflow's own runs, the older Airflows and the wheel run beside the rest: they wait for processes most of the time.
test: .venv/installed
	@status=0; beside=$$(mktemp); \
	$(MAKE) --no-print-directory lint || status=1; \
	$(MAKE) --no-print-directory --keep-going test-runs test-matrix test-wheel >"$$beside" 2>&1 & others=$$!; \
	$(MAKE) --no-print-directory test-main || status=1; \
	wait $$others || status=1; \
	cat "$$beside"; rm -f "$$beside"; exit $$status

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

# With the measure of what the tests reach. The runs of whole Dags are left out of it: it would follow Airflow too.
test-main: .venv/installed
	$(BIN)/python -m pytest -m "not airflow_run and $(APART)" --cov --cov-report=term $(ARGS)

test-runs: .venv/installed
	$(BIN)/python -m pytest -m "airflow_run and $(APART)" $(ARGS)

# Some of it runs with test-main.
test-kill: .venv/installed
	$(BIN)/python -m pytest -m kill -s tests/kill $(ARGS)

# Tasks of a scheduler, killed and stopped half way. On Airflow 2 it is the same line with .venvs/2.11.2.
test-strike: .venv/installed
	$(BIN)/python -m pytest -m strike tests/realrun $(ARGS)

test-matrix: $(OLDER:%=test-lane-%)

# Airflow 2 runs on no Python newer than 3.12. Where there is none so old, its lane is left out, and this is
# said; with CI set it fails.
test-lane-%:
	@if [ -n "$(CI)" ] || .ci/python $(PYTHONS_$*) >/dev/null; then \
	  $(MAKE) --no-print-directory run-lane-$*; \
	else \
	  echo "LEFT OUT: Airflow $* needs one of the Pythons $(PYTHONS_$*)"; \
	fi

run-lane-%: .venvs/%/installed
	.venvs/$*/bin/python -m pytest $(LANE_TESTS) $(LANE_TESTS_$*)

test-wheel: .venv/installed .venvs/wheel/ready .venvs/consumer/ready
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	.ci/install .venvs/wheel --no-deps --force-reinstall dist/*.whl
	.ci/install .venvs/consumer --no-deps --force-reinstall dist/*.whl
	AIRFLOW_HOME=$(CURDIR)/.venvs/wheel/airflow .venvs/wheel/bin/airflow providers get airflow-provider-auth0link --full --output yaml
	$(BIN)/python -m pytest -m wheel tests/lanes

# Each fault of the tenant against a thousand pairs. Its short form is part of `make test`.
test-faults: .venv/installed
	$(BIN)/python -m pytest tests/faults/whole.py $(ARGS)

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed
	for each in benchmarks/*.py; do echo "== $$each"; $(BIN)/python "$$each" || exit 1; done

lock: .venv/ready
	.ci/lock

clean:
	rm -rf .venv .venvs dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is ready when all of its lock is in it, and installed when this checkout is as well.

.venv/ready: .ci/locks/main.txt .ci/locks/build.txt .ci/locks/tools.txt .ci/venv
	.ci/venv .venv .ci/locks/main.txt $(PYTHONS_main)
	@touch $@

.venvs/wheel/ready: .ci/locks/wheel.txt .venv/ready
	.ci/venv .venvs/wheel .ci/locks/wheel.txt $(PYTHONS_main)
	@touch $@

.venvs/consumer/ready: .ci/locks/consumer.txt .venv/ready
	.ci/venv .venvs/consumer .ci/locks/consumer.txt $(PYTHONS_main)
	@touch $@

.venvs/%/ready: .ci/locks/airflow-%.txt .venv/ready
	.ci/venv .venvs/$* .ci/locks/airflow-$*.txt $(PYTHONS_$*)
	@touch $@

%/installed: %/ready pyproject.toml airflow_provider_auth0link/__init__.py
	.ci/install $* --no-deps --no-build-isolation --editable .
	@touch $@
