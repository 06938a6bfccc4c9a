#!/usr/bin/env bash
# PYTHON_ARGCOMPLETE_OK
# The work is in operations/migrate.py; --help lists the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -e .venv/.ready && -z "$(git ls-files .venv 2> /dev/null)" ]] || make packages >&2
exec .venv/bin/python -m operations migrate "$@"
