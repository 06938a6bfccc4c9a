# All tasks. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Tests and tasks start hundreds of Python processes; without bytecode, each one compiles the code again.
export PYTHONDONTWRITEBYTECODE :=

STACK ?= dev
FLAGS ?=
TARGETS ?=
PROVIDERS ?= auto
TARGET_FLAGS := $(if $(TARGETS),--targets $(TARGETS)) --providers $(PROVIDERS)
CLOCK_FLAGS := $(if $(CLOCK),--clock $(CLOCK))
ROLE_FLAGS := $(if $(ROLE),--role $(ROLE))
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
WHEELS ?=
# A wheel is only unpacked; a source distribution would run its own code (pip's manual, Secure installs).
ONLY_WHEELS := --require-hashes --only-binary :all:
TASKS := help packages wheels sandbox preflight preview down clean refresh console control-plane engine \
  plugins validate check format drill-programs test-unit test test-drills test-all checks scan current \
  vercel review bench kills mutation truth schema lock
STACKS := $(patsubst Pulumi.%.yaml,%,$(wildcard Pulumi.*.yaml)) \
  $(patsubst foundation/Pulumi.%.yaml,foundation/%,$(wildcard foundation/Pulumi.*.yaml))

# Tasks run programs of .venv, so they must come from the packages and not from a commit.
$(if $(shell git ls-files .venv 2>/dev/null),\
  $(error git tracks .venv, whose programs anybody may have written; run git rm -r .venv))

# A mistyped STACK= must not affect another stack, so the whole command line is checked before the first task.
$(foreach name,stack flags targets providers python base wheels,\
  $(if $(filter command line,$(origin $(name))),\
    $(eval UPPER := $(shell echo $(name) | tr a-z A-Z))\
    $(error unknown variable $(name)=$($(name)); write $(UPPER)=$($(name)))))
UNKNOWN := $(firstword $(filter-out $(TASKS) $(READY),$(MAKECMDGOALS)))
$(if $(filter $(UNKNOWN),$(STACKS)),\
  $(error a stack is not a task; write make $(firstword $(MAKECMDGOALS)) STACK=$(UNKNOWN)))
$(if $(UNKNOWN),\
  $(error there is no task $(UNKNOWN); a stack is named with STACK=, and make alone lists the tasks))
DELETING := $(filter down clean,$(MAKECMDGOALS))
$(if $(DELETING),$(if $(and $(STACK),$(filter-out file,$(origin STACK))),,\
  $(error make $(DELETING) needs a stack, since it deletes: write STACK= and one of $(STACKS))))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; version = sys.version_info[:2]; sys.exit(0 if version >= (3, 11) else \
	  "$(PYTHON) is Python %d.%d; 3.11 or newer is needed: set PYTHON=…" % version)'
	@echo "Installing Python packages into $(VENV) (about two minutes, once)…"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile $(ONLY_WHEELS) \
	  -r requirements-dev.txt \
	  $(if $(WHEELS),--no-index --find-links $(WHEELS)) \
	  || { echo "error: the Python packages could not be installed; the package registry must be reachable" \
	    "(see the lines above)" >&2; exit 2; }
	@# pip would compile the modules in one process. A module that cannot be compiled is no error for pip either.
	@$(PY) -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

packages: $(READY) ## install the Python packages; WHEELS=folder takes them from there, offline

wheels: ## download the Python packages into the folder wheels, for make packages WHEELS=wheels
	@$(PYTHON) -m pip download --quiet --disable-pip-version-check $(ONLY_WHEELS) --no-deps \
	  --dest wheels -r requirements-dev.txt

sandbox: $(READY) ## bring STACK up; TARGETS=none plans, PROVIDERS=stand-ins: no plugins, CLOCK=1:60 waits
	@$(PY) -m sandbox up $(STACK) $(TARGET_FLAGS) $(CLOCK_FLAGS) $(ROLE_FLAGS) $(FLAGS)

preflight: $(READY) ## check that the real providers have everything that STACK needs; changes nothing
	@$(PY) -m operations preflight $(STACK) $(FLAGS)

preview: $(READY) ## show what `make sandbox` would change
	@$(PY) -m sandbox preview $(STACK) $(TARGET_FLAGS) $(ROLE_FLAGS) $(FLAGS)

down: $(READY) ## destroy STACK in the sandbox
	@$(PY) -m sandbox down $(STACK) $(ROLE_FLAGS) $(FLAGS)

clean: $(READY) ## delete STACK's sandbox with all its data
	@$(PY) -m sandbox clean $(STACK)

refresh: $(READY) ## compare STACK's state with its targets; `make sandbox` repairs differences
	@$(PY) -m sandbox refresh $(STACK) $(TARGET_FLAGS) $(ROLE_FLAGS) $(FLAGS)

console: $(READY) ## open a shell whose kubectl and aws use STACK's sandbox
	@$(PY) -m sandbox console $(STACK) $(ROLE_FLAGS) $(FLAGS)

control-plane: $(READY) ## build Kubernetes' servers for the sandbox (about 9 minutes, once)
	@$(PY) -m sandbox control-plane

engine: $(READY) ## find or build Pulumi's engine, which tests, previews and reviews need
	@$(PY) -m sandbox engine

plugins: $(READY) ## build the Kubernetes provider's plugin (about 12 minutes, once)
	@$(PY) -m sandbox plugins

validate: $(READY) ## check the stack files
	@$(PY) -m components.settings
	@$(PY) -m foundation.settings

check: $(READY) ## check format, lint, style, import contracts, workflows and types; changes nothing
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(PY) -m tools.check_style
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(PY) -m tools.check_workflows
	@# The provider SDKs need more than Node's default of 4 GB.
	@NODE_OPTIONS=--max-old-space-size=8192 $(VENV)/bin/basedpyright --warnings

format: $(READY) ## format the code, and apply the fixes of lint rules
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

# The folders of a lane, unless FLAGS names files; other folders are not collected.
unless_named = $(if $(filter tests/%,$(FLAGS)),,$(1))
# Each process collects all files that it is given, so the drills' processes get no others.
marked_drills = $(shell grep -rls --include='*.py' 'mark\.drill' tests/unit tests/engine tests/test_lanes.py)

test-unit: $(READY) ## run the tests that need no engine and no server (about 3 minutes)
	@# Three processes on two cores, since tests wait for processes; each process collects all tests.
	@$(PY) -m pytest -n 3 --dist loadscope --no-loadscope-reorder -m "not engine and not drill" $(FLAGS) \
	  $(call unless_named,tests/unit tests/test_lanes.py)

test: $(READY) ## run the unit tests and those on the real engine (about 12 minutes)
	@$(PY) -m sandbox engine
	@# Three processes on two cores, since engines, providers and programs wait for one another.
	@$(PY) -m pytest -n 3 --dist loadscope --no-loadscope-reorder -m "not drill" $(FLAGS) \
	  $(call unless_named,tests/unit tests/engine tests/test_lanes.py)

drill-programs: ## install the programs of the drills (root on Debian), or list the missing ones
	@$(PYTHON) -m tests.support.drills.tools

test-drills: drill-programs $(READY) ## run the tests on a control plane, PostgreSQL, nginx and Chromium
	@$(PY) -m sandbox engine
	@$(PY) -m sandbox control-plane
	@# Six processes on two cores, since many drills wait for pods and restarts. Each takes up to 1.3 GiB.
	@$(PY) -m pytest -n 6 --dist loadscope --no-loadscope-reorder -m drill $(FLAGS) \
	  $(call unless_named,tests/drills $(marked_drills))

test-all: drill-programs test test-drills ## run every test (about 70 minutes)

checks: $(READY) ## run the checks before a deployment of STACK: check, tests, scan, bench, documents
	@$(PY) -m operations.delivery.checks $(STACK)

scan: $(READY) ## look for unsafe code, vulnerable dependencies and unsafe workflows
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement requirements.txt
	@$(PY) -m tools.check_workflows

current: ## fail if `make schema` would change a file
	@$(MAKE) schema
	@git diff --exit-code --stat \
	  || { echo "error: run make schema, and commit the changed files" >&2; exit 1; }

vercel: ## install Vercel's CLI, which builds and deploys the frontend, from its lock file
	@npm ci --prefix tools/vercel --ignore-scripts --no-fund --no-audit

review: $(READY) ## review the changes of the working tree since BASE (default: the merge base with main)
	@$(PY) -m review $(BASE) $(FLAGS)

bench: $(READY) ## measure times and memory; print medians and ratios
	@$(PY) -m tools.bench
	@$(PY) -m tools.bench.policies
	@$(PY) -m tests.support.policies.sizes
	@$(PY) -m tools.bench.data
	@$(PY) -m tools.bench.review

# Each next run has to converge. The drill also disconnects each cloud for ten seconds.
kills: $(READY) ## kill thirty runs of a small project and ten of each stack (over an hour)
	@PIPE_KILLS=30 $(PY) -m pytest tests/drills/sandbox/test_random_kills.py -k converges $(FLAGS)
	@for stack in dev stg prod; do \
	  PIPE_KILL_STACK=$$stack PIPE_KILLS=10 $(PY) -m pytest tests/drills/sandbox/test_random_kills.py \
	    -k "converges or ten_seconds" $(FLAGS) || exit 1; done

mutation: $(READY) ## measure the mutation score of the tests of the policies
	@$(PY) -m tests.support.policies.mutation

truth: $(READY) ## count the cases of the policies' truth table, by control
	@$(PY) -m tests.support.policies.truth

schema: $(READY) ## write the generated files again
	@# The target of a link would be written instead, which may be any file.
	@! git ls-files --stage -- docs schemas 2>/dev/null | grep ^120000 \
	  || { echo "error: these generated files or their folders are links; replace them by files" >&2; exit 1; }
	@$(PY) -m components.settings --schema > schemas/stack-file.schema.json
	@$(PY) -m policies.engine.documentation > docs/policies.md
	@$(PY) -m tests.support.policies.pages
	@$(PY) -m tests.support.sandbox.fidelity
	@$(PY) -m tools.report_schema > schemas/review-report.schema.json
	@$(PY) -m tools.documents.generate_docs

lock: $(READY) ## pin the newest versions that the requirements allow
	@for file in requirements requirements-dev; do \
	  $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --upgrade $$file.in -o $$file.txt; done

.PHONY: $(TASKS)
