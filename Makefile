# What can be done with this repository. Needs Python 3.11 or newer, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
TESTS ?=
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage style check format wheel bench profile lock clean

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: $(VENV)/.ready ## make .venv with everything in it, once, and again when the lock or pyproject.toml changes

$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "execbridge needs Python 3.11 or newer, and $(PYTHON) is not: try make PYTHON=python3.12" >&2; exit 1; }
	@rm -f $(VENV)/.ready
	@$(PYTHON) -m venv --clear $(VENV) || { \
	  echo "$(PYTHON) cannot make an environment: its venv module (a package of its own on some systems) is missing" >&2; exit 1; }
	@echo "Installing what requirements.lock names into $(VENV): about a minute"
	@$(PIP) install --require-hashes --only-binary :all: --requirement requirements.lock
	@touch $@

$(VENV)/.ready: $(VENV)/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## run a backtest of thirteen years on real prices, and show what came out
	@$(BIN)/execbridge demo

test: setup ## run the tests (TESTS="tests/domain -x" runs some)
	$(BIN)/python -m pytest --cov --cov-report= $(TESTS)

coverage: ## judge the branch coverage of the last test run: all of domain and application
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=100

style: setup ## check format, lint, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p execbridge
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-cache

check: style test coverage ## check everything

format: setup ## rewrite the code in the format of the house
	$(BIN)/ruff check --select I --fix --quiet .
	$(BIN)/ruff format .

wheel: setup ## build the wheel and use it in an environment of its own, elsewhere
	.ci/wheel $(BIN)/python

bench: setup ## compare with other engines on the same work: about an hour (BENCH="--sizes S M" does some, BENCH=--judge judges)
	cd benchmarks && $(CURDIR)/$(BIN)/python run.py $(BENCH)

profile: setup $(CACHE)/profile ## draw where the time goes, into out/profile
	cd benchmarks && PYTHONPATH=$(CURDIR)/$(CACHE)/profile $(CURDIR)/$(BIN)/python profiles.py

$(CACHE)/profile:
	@$(PIP) install --target $@ "pyinstrument>=5,<6"

lock: ## refresh requirements.lock from pyproject.toml, in an environment of its own
	@$(PYTHON) -m venv $(CACHE)/lock
	@$(CACHE)/lock/bin/python -m pip --quiet --quiet --disable-pip-version-check install uv
	$(CACHE)/lock/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --upgrade --output-file requirements.lock

clean: ## remove what tools and runs left behind, the environment included
	rm -rf $(VENV) $(CACHE) build dist htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf src/*.egg-info
