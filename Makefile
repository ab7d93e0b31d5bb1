# `make up` and `make test` are all a fresh machine needs; each target prepares what it uses.
.DEFAULT_GOAL := help
SHELL := bash
STACK ?= dev
PYTHON := .venv/bin/python
AUDIT := build/audit/bin
# Detectors without the ones that take every digest and every setting called password for a secret.
LOUD := --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString --disable-plugin KeywordDetector

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
	@$(PYTHON) -m ops preview --stack $(STACK) || [ $$? -eq 2 ]

.PHONY: report
report: venv ## a pull request's comment on STACK, in build/; BASE names a checkout of its target, to compare costs
	@mkdir -p build
	@$(PYTHON) -m ops preview --stack $(STACK) --json --events build/events-$(STACK).jsonl \
	  > build/preview-$(STACK).json 2> >(tee build/failure-$(STACK).txt >&2) || [ $$? -eq 2 ]
	@$(if $(BASE),cd $(BASE) && $(CURDIR)/$(PYTHON) -m ops cost --stack $(STACK) --json > $(CURDIR)/build/cost-$(STACK).json)
	@$(PYTHON) -m ops report --stack $(STACK) --from build/preview-$(STACK).json \
	  $(if $(BASE),--cost-before build/cost-$(STACK).json) > build/report-$(STACK).md

.PHONY: drift
drift: venv ## what exists and isn't as the state says
	@$(PYTHON) -m ops drift --stack $(STACK)

.PHONY: schemas
schemas: venv ## every schema against its released versions
	@$(PYTHON) -m contracts check --released

.PHONY: upgrade-check
upgrade-check: venv ## what stacks of the last release would lose by this checkout, and the changelog doesn't announce
	@$(PYTHON) -m toolchain ensure pulumi
	@$(PYTHON) -m upgrades check

.PHONY: release
release: venv ## record every stack as release VERSION, in releases/; the working tree must be clean
	@$(PYTHON) -m toolchain ensure pulumi
	@$(PYTHON) -m upgrades release $(VERSION)

.PHONY: bench
bench: venv ## throughput and latency of the running stack
	@$(PYTHON) -m ops bench --stack $(STACK)

.PHONY: check
check: lint ## format, lint, strict types, unit and component tests
	$(PYTHON) -m pytest -q -n auto --dist loadscope tests/unit tests/components

.PHONY: lint
lint: venv-dev ## format, lint, strict types, workflows: nothing is run
	@$(PYTHON) -m toolchain ensure tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	@$(MAKE) --no-print-directory lint-workflows

.PHONY: lint-workflows
lint-workflows: venv-dev ## syntax, expressions and security of .github, offline
	@$(PYTHON) -m toolchain ensure tests
	$$($(PYTHON) -m toolchain path actionlint) -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --no-progress .github

.PHONY: audit
audit: audit-venv ## known vulnerabilities of what is locked (asks the advisory service), and committed secrets
	$(AUDIT)/pip-audit --requirement requirements.txt --require-hashes --disable-pip
	$(AUDIT)/pip-audit --requirement requirements-dev.txt --require-hashes --disable-pip
	@$(MAKE) --no-print-directory secrets

.PHONY: secrets
secrets: audit-venv ## committed secrets
	git ls-files -z ':!tests' ':!*.txt' ':!*go.sum' | xargs -0 $(AUDIT)/detect-secrets-hook $(LOUD)
	@# Tests make up keys and passwords of their own.
	git ls-files -z tests | xargs -0 $(AUDIT)/detect-secrets-hook $(LOUD) \
	  --disable-plugin PrivateKeyDetector --disable-plugin BasicAuthDetector

.PHONY: sbom
sbom: audit-venv ## what the program is made of, as CycloneDX: build/sbom.json
	@mkdir -p build
	$(AUDIT)/cyclonedx-py requirements --output-reproducible --output-file build/sbom.json requirements.txt

.PHONY: audit-venv
audit-venv:
	@scripts/bootstrap requirements-audit.txt build/audit

.PHONY: test
test: venv-dev ## every test: unit, components, end to end on the lab
	@$(PYTHON) -m toolchain ensure pulumi lab tests
	@# The lab's tests mostly wait; beside them there is time for all others.
	$(PYTHON) -m pytest -n 2 --dist loadscope --no-loadscope-reorder

.PHONY: prod-lab
prod-lab: venv-dev ## the prod stack on the lab, and a shell beside it; its end is the lab's
	@$(PYTHON) -m toolchain ensure pulumi lab tests
	@$(PYTHON) -m tests.prod_lab

.PHONY: drill
drill: venv-dev ## long campaigns, everything killed again and again; writes docs/drill.md
	@$(PYTHON) -m toolchain ensure pulumi lab tests
	@mkdir -p build && rm -f build/drill.xml
	KAFKA_PLATFORM_DRILL=1 $(PYTHON) -m pytest -n 2 --dist loadscope --no-loadscope-reorder --junitxml=build/drill.xml \
	  $(addprefix tests/e2e/test_,events_saga.py survival.py killed_up.py connect.py); status=$$?; \
	$(PYTHON) -m tests.drill_report build/drill.xml > docs/drill.md; exit $$status

.PHONY: format
format: venv-dev ## rewrite the sources in the project's style
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

.PHONY: lock
lock: venv-dev ## resolve requirements*.in anew
	$(PYTHON) -m pip install --quiet pip-tools==7.6.2
	for lock in requirements requirements-dev requirements-audit; do \
	  $(PYTHON) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o $$lock.txt $$lock.in; \
	done
