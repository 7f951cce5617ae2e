# Everything runs in .venv, installed from lock files: what was tested is what you get. requirements.lock is what it takes to
# run a cluster; requirements-dev.lock has the same versions and what tests, checks, documents and benchmarks need besides.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
ARGS ?=
PROCESSES ?= 3

.PHONY: help demo demo-growth up test stories powerloss chaos fuzz lint format types fmt bench bench-all bench-images bench-uploads docs reference openapi screenshots lock clean
help: ## list the verbs
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Atoll needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) .ci/set_up.py $(VENV) requirements.lock
	@touch $@

$(DEV): $(READY) requirements-dev.lock
	@$(PYTHON) .ci/set_up.py $(VENV) requirements-dev.lock
	@touch $@

demo: $(READY) ## three regions on this machine, shown working (ARGS=--exit ends by itself)
	@$(BIN)/atoll demo $(ARGS)

demo-growth: $(READY) ## small disks fill up, and the cluster starts the next set by itself
	@rm -rf .atoll/growth && $(BIN)/atoll demo-growth $(ARGS)

up: $(READY) ## the same cluster to work with (ARGS="--data DIR")
	@$(BIN)/atoll up $(ARGS)

# Types are looked at beside the tests, with what those leave of the cores.
test: $(DEV) format ## formatter, linter, types, then every test (LONG=1: the longest in full; PROCESSES=3)
	@$(MAKE) --no-print-directory --jobs=2 types stories

# One process more than a small machine has cores: stories wait more than they work. tests/file_order.py has their order.
stories: $(DEV)
	@$(if $(LONG),ATOLL_LONG=$(LONG) )$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

powerloss: $(DEV) ## cut the power of a node many times (STORIES=20 SEED=n: from which seed on)
	@$(BIN)/python -m pytest tests/powerloss --power-stories $(or $(STORIES),20) --power-seed $(or $(SEED),0) $(ARGS)

chaos: $(DEV) ## traffic and faults against a whole cluster (SEED=n MINUTES=m)
	@cd tests && ../$(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),5)

fuzz: $(DEV) ## ask a running cluster whatever the API allows, for long (EXAMPLES=500 of each operation)
	@ATOLL_FUZZ_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/python -m pytest -n0 tests/integration/test_api_fuzz.py $(ARGS)

lint: $(DEV) format types ## formatter check, linter, strict types

format: $(DEV)
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

types: $(DEV)
	@nice -n 10 $(BIN)/mypy --no-error-summary

fmt: $(DEV) ## format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(DEV) ## measure, against peers in the same run: minutes, one table (ARGS="resolve hot_get")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-all: $(DEV) ## the long ones too
	@$(BIN)/python -m benchmarks --all $(ARGS)

bench-%: $(DEV) ## one of them: bench-hot_get, bench-lag, … (.venv/bin/python -m benchmarks --list)
	@$(BIN)/python -m benchmarks $(subst -,_,$*) $(ARGS)

bench-images: $(DEV) ## derivatives against thumbor, and their memory (ARGS="--photographs DIR")
	@$(BIN)/python -m benchmarks images images_again images_memory $(ARGS)

bench-uploads: $(DEV) ## 100,000 uploads in one run: rate, memory, loss, listing (ARGS="--uploads 3000 --mongodb URL")
	@$(BIN)/python -m benchmarks.many_uploads $(ARGS)

docs: $(DEV) ## build the documents, links checked: build/site/docs/index.html
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs -d build/doctrees . build/site
	@echo "Look at build/site/docs/index.html"

reference: $(DEV) ## write docs/reference from the code: settings, operations, problems, events
	@cd docs && ../$(BIN)/python -m making

openapi: reference ## write docs/openapi.json, docs/openapi-node.json and docs/reference from the code
	@$(BIN)/python -m query_service.openapi_api docs

screenshots: $(DEV) ## take a picture of every page of the web app into .atoll/screenshots (needs chromium)
	@ATOLL_SCREENSHOTS=.atoll/screenshots $(BIN)/python -m pytest -q -n0 tests/browser/test_screens.py

# All from one solution: what tests need may hold a version down, so they are asked first and the others keep to it.
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --quiet
lock: $(DEV) ## make the lock files again from pyproject.toml: for development, for running and for the image
	@$(COMPILE) --extra dev --upgrade --output-file requirements-dev.lock
	@$(COMPILE) --extra run --constraint requirements-dev.lock --output-file requirements.lock
	@$(COMPILE) --extra image --constraint requirements-dev.lock --output-file deploy/compose/requirements.lock

clean: ## remove what the verbs above made here
	rm -rf $(VENV) .bench-venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
