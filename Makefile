# `make up` and `make test` are all a fresh machine needs; each target prepares what it uses.
.DEFAULT_GOAL := help
SHELL := bash
STACK ?= dev
PYTHON := .venv/bin/python

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: venv
venv:
	@scripts/bootstrap requirements.txt

.PHONY: venv-dev
venv-dev:
	@scripts/bootstrap requirements-dev.txt

.PHONY: up
up: venv ## a secured Kafka in three zones, on the embedded lab unless KUBE_CONTEXT names a cluster
	@$(PYTHON) -m ops up --stack $(STACK)

.PHONY: down
down: venv ## remove everything that `make up` made
	@$(PYTHON) -m ops down --stack $(STACK)

.PHONY: status
status: venv ## brokers, zones, topics, health
	@$(PYTHON) -m ops status --stack $(STACK)

.PHONY: preview
preview: venv ## what `make up` would change
	@$(PYTHON) -m ops preview --stack $(STACK)

.PHONY: bench
bench: venv ## throughput and latency of the running stack
	@$(PYTHON) -m ops bench --stack $(STACK)

.PHONY: check
check: venv-dev ## format, lint, strict types, unit and component tests
	@$(PYTHON) -m toolchain ensure tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q -n auto --dist loadfile tests/unit tests/components

.PHONY: test
test: venv-dev ## every test: unit, components, end to end on the lab
	@$(PYTHON) -m toolchain ensure pulumi lab tests
	$(PYTHON) -m pytest

.PHONY: drill
drill: venv-dev ## long campaigns: updates, a saga's orchestrator, a lake's worker killed again and again
	@$(PYTHON) -m toolchain ensure pulumi lab tests
	KAFKA_PLATFORM_DRILL=1 $(PYTHON) -m pytest tests/e2e/test_events_saga.py tests/e2e/test_killed_up.py tests/e2e/test_connect.py

.PHONY: format
format: venv-dev ## rewrite the sources in the project's style
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

.PHONY: lock
lock: venv-dev ## resolve requirements*.in anew
	$(PYTHON) -m pip install --quiet pip-tools==7.6.2
	for lock in requirements requirements-dev; do \
	  $(PYTHON) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o $$lock.txt $$lock.in; \
	done
