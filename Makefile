# The only list of developer commands; `make help` prints it.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
SOURCES := services plugins migrations tests benchmarks docs deploy

.DEFAULT_GOAL := help
.PHONY: help demo report secrets test quick soak browser compose-proof check format lint types imports \
  docs bench clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: .venv/.local ## queue a grid (3 cells, with and without clipping, 5 seeds), train it, compare
	@PATH="$(CURDIR)/$(BIN):$$PATH" BPTT_HOME="$(CURDIR)/demo-home" exec sh grids/demo.sh

report: .venv/.local ## train 45 runs (3 cells, 3 ways of clipping, 5 seeds), write docs/examples
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec sh grids/report.sh

secrets: ## write .env, random passwords for docker-compose.yml; one that is there stays
	@sh deploy/secrets.sh

test: .venv/.test ## run every test, some 11 minutes on 2 cores, against real servers
	$(BIN)/python -m pytest --numprocesses 6 --dist loadfile --no-loadscope-reorder -m "not soak and not browser and not compose"

quick: .venv/.test ## run what needs no server and no kernel built, under a minute: at every save
	$(BIN)/python -m pytest --numprocesses 2 -m "not soak and not slow" tests/architecture tests/contracts tests/numerics tests/unit

soak: .venv/.test ## run the long proofs: training killed at random steps, again and again
	$(BIN)/python -m pytest -m soak

browser: .venv/.test ## open a grid's pages in MLflow with Chromium; pictures go to BROWSER_SHOTS
	$(BIN)/python -m pytest -m browser

compose-proof: .venv/.test ## prove docker-compose.yml: kill every container; needs a Docker engine
	$(BIN)/python -m pytest -m compose --capture no tests/compose

check: lint types imports docs ## everything that needs no run: style, types, layers, reference pages

format: .venv/.test ## rewrite the code in the house format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lint: .venv/.test ## formatting and lint rules
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: .venv/.test ## mypy --strict on the three packages, and on plugins right and wrong
	$(BIN)/mypy
	$(BIN)/mypy tests/types

imports: .venv/.test ## who may import whom (import-linter)
	$(BIN)/lint-imports

docs: .venv/.test ## check that the generated reference pages are what the program says
	$(BIN)/python docs/generate.py --check

bench: .venv/.test ## measure for 50 minutes, on a quiet machine; write docs/performance.md
	$(BIN)/python -m benchmarks

clean: ## remove the virtual environment, caches and the demo's home
	rm -rf .venv demo-home .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist

# torch comes first and pinned: an unpinned one may pull gigabytes of CUDA libraries
.venv/.local: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "bptt needs Python >= 3.11, got $$($(PYTHON) --version); say which: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing bptt and what it needs into .venv (about a minute)"
	@$(PIP) torch
	@$(PIP) --editable '.[local]'
	@touch $@

.venv/.test: .venv/.local
	@$(PIP) --editable '.[test]'
	@touch $@
