# Headgate's few commands; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-clients soak bench bench-cache lint format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run.done ## install what is missing and start the platform on http://127.0.0.1:4100
	@$(BIN)/headgate serve $(ARGS)

test: .venv/dev.done ## lint, types, architecture and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

test-clients: .venv/dev.done ## the clients that users have, each installed into .clients/; needs Node 20 with npm
	$(BIN)/pytest -n 2 -m clients $(ARGS)

soak: .venv/dev.done ## the long tests at full size: kill -9 cycles, budgets under load
	HEADGATE_SOAK=1 $(BIN)/pytest -m soak -p no:randomly --timeout=0 -s $(ARGS)

bench: .venv/dev.done ## the benchmarks, each beside a bare pass-through of the same run
	$(BIN)/python -m benchmarks $(ARGS)

bench-cache: .venv/dev.done ## what the cache serves, misses and costs, on traffic made from seeds
	$(BIN)/python -m benchmarks cache

lint: .venv/dev.done ## lint, types and architecture alone
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: .venv/dev.done ## format the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: .venv/dev.done ## pin the dependencies anew
	$(BIN)/python tools/lock.py

clean: ## remove the virtual environments; data stays
	rm -rf .venv .clients

.venv/run.done: requirements/run.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Headgate needs Python 3.11 or newer; name one with: make run PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python lacks its venv module; on Debian: apt install python3-venv" >&2; rm -rf .venv; exit 1; }
	@echo "Installing Headgate into .venv (once) ..." >&2
	@$(BIN)/pip install -q --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.done: .venv/run.done requirements/dev.txt
	@$(BIN)/pip install -q --require-hashes -r requirements/dev.txt
	@touch $@
