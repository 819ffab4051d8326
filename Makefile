# `make pilot` and `make test` set up what they need; `make help` lists the rest.
PYTHON ?= python3
CONFIG ?= configs/pilot.yaml
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help pilot check test bench demo-model prompts clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

pilot: $(VENV)/.installed ## run the pilot (CONFIG=configs/full_pilot.yaml for another, ARGS="--rehearse" for flags)
	$(BIN)/python -m harness run --config $(CONFIG) --report $(ARGS)

test: $(VENV)/.installed-dev ## run every test
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed-dev ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev ## measure the harness against bare floors and print the table
	$(BIN)/python -m tests.bench $(ARGS)

demo-model: $(VENV)/.installed ## train the embedded demo model anew (about ten minutes)
	$(BIN)/python -m harness.local.demo.train --output harness/local/demo

prompts: $(VENV)/.installed ## build prompts/hallu-sec.json from its tables of facts
	$(BIN)/python prompts/build.py

clean: ## remove the virtual environment and the caches, never results
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[local,analysis,ray,dev]'
	@touch $@ $(VENV)/.installed
