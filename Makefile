# Every command that a person types. `make` alone lists them.

PYTHON := .venv/bin/python
PORT ?= 8080

# Where this is set, every process that a test starts would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo clean-demo up test lint format bench clients faults

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install what is missing: Debian packages (as root), uv, .venv
	@scripts/setup

setup-test: ## setup, and what the tests need besides
	@scripts/setup --tests

demo: setup ## a cloud, a real virtual machine in it, a command run inside (PORT=8080)
	@$(PYTHON) scripts/demo.py up --port $(PORT)

clean-demo: ## remove all that the demo made
	@scripts/clean-demo

up: setup ## a cloud in the foreground, on ~/.local/state/atoll; Ctrl-C ends it
	@exec .venv/bin/atoll up --port $(PORT)

# More workers than the two cores of a small machine: tests that wait leave them idle.
test: setup-test ## all tests but the long ones; some boot virtual machines (minutes)
	@$(PYTHON) -m pytest -m "not long" -n 3

lint: setup ## style, format, types, layers, tidiness
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@$(PYTHON) -m pytest tests/test_layers.py tests/test_tidy.py tests/test_docs.py

format: setup ## let ruff mend what it can
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

bench: setup ## our figures beside their floors and a peer's
	@$(PYTHON) -m bench

clients: setup-test ## vendors' clients against real guests; how much of their documents is served
	@$(PYTHON) -m tests.clients.vultr.report
	@$(PYTHON) -m tests.clients.genesis.report
	@$(PYTHON) -m pytest -m "long or not long" tests/clients

faults: setup-test ## the long crash tests: servers killed at random moments
	@$(PYTHON) -m pytest -m long --ignore=tests/clients
