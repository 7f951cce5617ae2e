# Everything runs in .venv, installed from requirements.lock: what was tested is what you get.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: help demo demo-growth up test powerloss chaos fuzz lint fmt bench bench-images bench-uploads openapi lock clean
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Atoll needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) .ci/set_up.py $(VENV)
	@touch $@

demo: $(READY) ## three regions on this machine, shown working (ARGS=--exit ends by itself)
	@$(BIN)/atoll demo $(ARGS)

demo-growth: $(READY) ## small disks fill up, and the cluster starts the next set by itself
	@rm -rf .atoll/growth && $(BIN)/atoll demo-growth $(ARGS)

up: $(READY) ## the same cluster to work with (ARGS="--data DIR")
	@$(BIN)/atoll up $(ARGS)

# In the order of the folders, long stories first and unit tests last: so both workers end together.
test: $(READY) lint ## formatter, linter, types, then every test (LONG=1: the longest of them in full)
	@$(if $(LONG),ATOLL_LONG=$(LONG) )$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

powerloss: $(READY) ## cut the power of a node many times (STORIES=20 SEED=n: from which seed on)
	@$(BIN)/python -m pytest tests/powerloss --power-stories $(or $(STORIES),20) --power-seed $(or $(SEED),0) $(ARGS)

chaos: $(READY) ## traffic and faults against a whole cluster (SEED=n MINUTES=m)
	@cd tests && ../$(BIN)/python -m chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),5)

fuzz: $(READY) ## ask a running cluster whatever the API allows, for long (EXAMPLES=500 of each operation)
	@ATOLL_FUZZ_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/python -m pytest -n0 tests/integration/test_api_fuzz.py $(ARGS)

lint: $(READY) ## formatter check, linter, strict types
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy --no-error-summary

fmt: $(READY) ## format and fix what can be fixed
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(READY) ## measure, against peers in the same run (ARGS="resolve hot_get")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-images: $(READY) ## derivatives against thumbor, and their memory (ARGS="--photographs DIR")
	@$(BIN)/python -m benchmarks images images_again images_memory $(ARGS)

bench-uploads: $(READY) ## 100,000 uploads in one run: rate, memory, loss, listing (ARGS="--uploads 3000 --mongodb URL")
	@$(BIN)/python -m benchmarks.many_uploads $(ARGS)

openapi: $(READY) ## write docs/openapi.json and docs/openapi-node.json from the code
	@$(BIN)/python -m query_service.openapi_api docs

lock: ## make requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade --output-file requirements.lock --quiet

clean: ## remove what the verbs above made here
	rm -rf $(VENV) .bench-venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
