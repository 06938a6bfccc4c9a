# Every task by name. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

STACK ?= dev
FLAGS ?=
TARGETS ?=
PROVIDERS ?= stand-ins
BEHIND := $(if $(TARGETS),--targets $(TARGETS)) --providers $(PROVIDERS)
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
VERCEL := 64.0.2
# Asserts, programs by name or without a shell, and words that only look like passwords; the rest is of ours, checked.
NOT_UNSAFE := S101,S105,S106,S108,S303,S311,S506,S603,S607,S701
CHECKED := __main__.py lazy_sdk.py components foundation policies review sandbox scripts bench $(wildcard docs/*.py) $(wildcard tests/*.py) \
  tests/components tests/docs tests/drills tests/foundation tests/policies tests/review tests/sandbox tests/scripts tests/workflows

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("$(PYTHON) is Python %d.%d; 3.11 or newer is needed: set PYTHON=…" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing Python packages into $(VENV) (about two minutes, once)…"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt \
	  || { echo "error: the Python packages could not be installed; the package registry must be reachable (see the lines above)" >&2; exit 2; }
	@touch $@

packages: $(READY) ## install the Python packages

sandbox: $(READY) ## bring STACK (dev, stg, prod, foundation) up; TARGETS=none plans only, PROVIDERS=real uses plugins
	@$(PY) -m sandbox up $(STACK) $(BEHIND) $(FLAGS)

preview: $(READY) ## show what `make sandbox` would change
	@$(PY) -m sandbox preview $(STACK) $(BEHIND) $(FLAGS)

down: $(READY) ## destroy STACK in the sandbox
	@$(PY) -m sandbox down $(STACK) $(FLAGS)

clean: $(READY) ## forget everything about STACK's sandbox
	@$(PY) -m sandbox clean $(STACK)

console: $(READY) ## a shell in which kubectl and aws see what STACK's sandbox holds
	@$(PY) -m sandbox console $(STACK) $(FLAGS)

control-plane: $(READY) ## build Kubernetes' servers for the sandbox (about 9 minutes, once)
	@$(PY) -m sandbox control-plane

plugins: $(READY) ## build the Kubernetes provider's plugin, for PROVIDERS=real (about 12 minutes, once)
	@$(PY) -m sandbox plugins

validate: $(READY) ## check the stack files
	@$(PY) -m components.settings

check: $(READY) ## format, lint, type-check
	@$(VENV)/bin/ruff format $(CHECKED)
	@$(VENV)/bin/ruff check $(CHECKED)
	@# One process a part, and more memory than Node's 4 GB: the provider SDKs are large.
	@for part in $(CHECKED); do NODE_OPTIONS=--max-old-space-size=8192 \
	  $(VENV)/bin/basedpyright --warnings $$part || exit 1; done

test: $(READY) ## run every test, the real engine included
	@$(PY) -m sandbox engine
	@$(PY) -m sandbox control-plane
	@$(PY) -m tests.drills.tools
	@# Three processes on two cores: much of it waits, for pods and for what was killed.
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(FLAGS)

checks: $(READY) ## what has to pass before STACK is deployed: tests, scan, bench, current documents
	@$(PY) -m scripts.checks $(STACK)

scan: $(READY) ## look for unsafe code, vulnerable dependencies and unsafe workflows
	@$(VENV)/bin/ruff check --select S --ignore $(NOT_UNSAFE) __main__.py components foundation policies sandbox review scripts
	@$(VENV)/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement requirements.txt
	@$(VENV)/bin/zizmor --offline --quiet .github

current: ## fail when a generated file is not what `make schema` writes
	@$(MAKE) schema
	@git diff --exit-code --stat -- docs schemas || { echo "error: make schema, and commit what it wrote" >&2; exit 1; }

vercel: ## install Vercel's CLI, which deploys the frontend
	@npm install --global --no-fund --no-audit vercel@$(VERCEL)

review: $(READY) ## what the working tree changes against BASE (default: where it left main)
	@$(PY) -m review $(BASE) $(FLAGS)

bench: $(READY) ## measure: medians and ratios
	@$(PY) -m bench
	@$(PY) -m bench.policies
	@$(PY) -m bench.data
	@$(PY) -m bench.review

kills: $(READY) ## kill ten runs of each stack, and take each cloud from it for ten seconds; each next run has to converge (an hour)
	@for stack in dev stg prod; do \
	  PIPE_KILL_STACK=$$stack PIPE_KILLS=10 $(PY) -m pytest tests/sandbox/test_kills.py -k "converges or ten_seconds" $(FLAGS) || exit 1; done

mutation: $(READY) ## how much of the policies the tests hold: the mutation score
	@$(PY) -m tests.policies.mutation

truth: $(READY) ## count the cases of the policies' truth table, by control
	@$(PY) -m tests.policies.truth

schema: $(READY) ## write the generated files again
	@$(PY) -m components.settings --schema > schemas/stack-file.schema.json
	@$(PY) -m policies.table > docs/policies.md
	@$(PY) -m tests.sandbox.fidelity
	@$(PY) -m docs.report_schema > schemas/review-report.schema.json
	@$(PY) -m docs.generate

lock: $(READY) ## pin the newest versions that the requirements allow
	@for file in requirements requirements-dev; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --upgrade $$file.in -o $$file.txt; done

.PHONY: help packages sandbox preview down clean console control-plane plugins validate check test checks scan current vercel review bench kills mutation truth schema lock
