# Every task by name. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Tests and tasks start hundreds of Python processes; without bytecode each of them would compile our code again.
export PYTHONDONTWRITEBYTECODE :=

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
TASKS := help packages sandbox preview down clean refresh console control-plane plugins validate check format \
  drill-programs test-unit test test-drills test-all checks scan current vercel review bench kills mutation truth schema lock
STACKS := $(patsubst Pulumi.%.yaml,%,$(notdir $(wildcard Pulumi.*.yaml foundation/Pulumi.*.yaml)))

# A mistyped STACK= must not act on another stack, so the whole line is read before its first task runs.
$(foreach name,stack flags targets providers python base,\
  $(if $(filter command line,$(origin $(name))),\
    $(eval UPPER := $(shell echo $(name) | tr a-z A-Z))\
    $(error $(name)=$($(name)) is no variable of this Makefile; write $(UPPER)=$($(name)))))
UNKNOWN := $(firstword $(filter-out $(TASKS) $(READY),$(MAKECMDGOALS)))
$(if $(filter $(UNKNOWN),$(STACKS)),$(error a stack is not a task; write make $(firstword $(MAKECMDGOALS)) STACK=$(UNKNOWN)))
$(if $(UNKNOWN),$(error there is no task $(UNKNOWN); a stack is named with STACK=, and make alone lists the tasks))
$(if $(filter down clean,$(MAKECMDGOALS)),$(if $(and $(STACK),$(filter-out file,$(origin STACK))),,\
  $(error make $(filter down clean,$(MAKECMDGOALS)) needs a stack, since it deletes: write STACK= and one of $(STACKS))))

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

refresh: $(READY) ## compare STACK's state with what its targets hold; `make sandbox` puts back what differs
	@$(PY) -m sandbox refresh $(STACK) $(BEHIND) $(FLAGS)

console: $(READY) ## a shell in which kubectl and aws see what STACK's sandbox holds
	@$(PY) -m sandbox console $(STACK) $(FLAGS)

control-plane: $(READY) ## build Kubernetes' servers for the sandbox (about 9 minutes, once)
	@$(PY) -m sandbox control-plane

plugins: $(READY) ## build the Kubernetes provider's plugin, for PROVIDERS=real (about 12 minutes, once)
	@$(PY) -m sandbox plugins

validate: $(READY) ## check the stack files
	@$(PY) -m components.settings

check: $(READY) ## check format, lint rules, import contracts, workflows and types; changes nothing
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(VENV)/bin/zizmor --offline --quiet .github
	@# The provider SDKs are large: more memory than Node's 4 GB.
	@NODE_OPTIONS=--max-old-space-size=8192 $(VENV)/bin/basedpyright --warnings

format: $(READY) ## format the code, and apply the fixes of lint rules
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

# The folders of a lane, so that those of later lanes are not collected, unless FLAGS names files.
unless_named = $(if $(filter tests/%,$(FLAGS)),,$(1))

test-unit: $(READY) ## run the tests that need no engine and no server (under a minute)
	@$(PY) -m pytest -n 2 --dist loadscope -m "not engine and not drill" $(FLAGS) $(call unless_named,tests/unit tests/test_lanes.py)

test: $(READY) ## run the unit tests and those on the real engine (some 8 minutes)
	@$(PY) -m sandbox engine
	@$(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not drill" $(FLAGS) \
	  $(call unless_named,tests/unit tests/engine tests/test_lanes.py)

drill-programs: ## install what the drills run as root on Debian, else say what is missing
	@$(PYTHON) -m tests.support.drills.tools

test-drills: drill-programs $(READY) ## run the tests on a control plane, PostgreSQL, nginx and Chromium
	@$(PY) -m sandbox engine
	@$(PY) -m sandbox control-plane
	@# Three processes on two cores: much of it waits, for pods and for what was killed.
	@$(PY) -m pytest -n 3 --dist loadscope --no-loadscope-reorder -m drill $(FLAGS)

test-all: drill-programs test test-drills ## run every test (some 25 minutes)

checks: $(READY) ## what has to pass before STACK is deployed: checks, tests, scan, bench, current documents
	@$(PY) -m operations.checks $(STACK)

scan: $(READY) ## look for unsafe code, vulnerable dependencies and unsafe workflows
	@$(VENV)/bin/ruff check .
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
	@$(PY) -m tools.bench
	@$(PY) -m tools.bench.policies
	@$(PY) -m tools.bench.data
	@$(PY) -m tools.bench.review

kills: $(READY) ## kill thirty runs of a small project and ten of each stack, and take each cloud from it for ten seconds; each next run has to converge (over an hour)
	@PIPE_KILLS=30 $(PY) -m pytest tests/drills/sandbox/test_kills.py -k converges $(FLAGS)
	@for stack in dev stg prod; do \
	  PIPE_KILL_STACK=$$stack PIPE_KILLS=10 $(PY) -m pytest tests/drills/sandbox/test_kills.py -k "converges or ten_seconds" $(FLAGS) || exit 1; done

mutation: $(READY) ## how much of the policies the tests hold: the mutation score
	@$(PY) -m tests.support.policies.mutation

truth: $(READY) ## count the cases of the policies' truth table, by control
	@$(PY) -m tests.support.policies.truth

schema: $(READY) ## write the generated files again
	@$(PY) -m components.settings --schema > schemas/stack-file.schema.json
	@$(PY) -m policies.engine.documentation > docs/policies.md
	@$(PY) -m tests.support.sandbox.fidelity
	@$(PY) -m tools.report_schema > schemas/review-report.schema.json
	@$(PY) -m tools.generate_docs

lock: $(READY) ## pin the newest versions that the requirements allow
	@for file in requirements requirements-dev; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --upgrade $$file.in -o $$file.txt; done

.PHONY: $(TASKS)
