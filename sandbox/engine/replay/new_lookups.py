"""The look-ups of a program that another program does not make.

Nobody knows whether an account answers a new look-up: a zone may not exist there, or the role of a deployment
may lack the permission. A program that goes on without the answer may then declare something that the first
run does not show. A look-up of the base has been answered in each deployment, or the base goes on without it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.wire.values import decode, plain

LOOKUPS = "lookups.jsonl"
"""File in a stack's folder with what the providers record: JSON objects, one on each line.

That of a look-up has its token (`lookup`) and arguments (`args`), and a digest of its provider's `settings`.
"""

Lookup = tuple[str, str]
"""The token of a look-up, and its arguments as JSON."""


def find_new(own: Path, known: Path | None) -> frozenset[Lookup]:
    """Return the look-ups in the file of a run that the other file lacks, or has with other settings."""
    before = {*_rows(known)} if known else set[tuple[Lookup, str]]()
    return frozenset(lookup for lookup, settings in _rows(own) if (lookup, settings) not in before)


def lookup_of(message: Any) -> Lookup:
    """Return the look-up of a request for one."""
    return message.tok, _as_key(plain(decode(message.args)))


def _rows(file: Path) -> Iterator[tuple[Lookup, str]]:
    rows = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    for row in rows:
        if "lookup" in row:  # The file has rows of other kinds, too.
            yield (row["lookup"], _as_key(row["args"])), row["settings"]


def _as_key(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True)
