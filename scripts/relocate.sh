#!/usr/bin/env bash
# Says what it does with --help; the work is in relocate.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x .venv/bin/python ] || make .venv/.ready >&2
exec .venv/bin/python -m scripts.relocate "$@"
