"""The look-ups of a program that another program does not make.

Nobody knows whether an account answers a new look-up: a zone may not exist there, or the role of a deployment
may lack the permission. A program that goes on without the answer may then declare something that the first
run does not show. A look-up of the base has been answered in each deployment, or the base goes on without it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.engine.replay.recorded_calls import Key, RecordedCalls
from sandbox.wire.values import decode, plain

LOOKUPS = "lookups.jsonl"
"""File in a stack's folder with what the providers record: JSON objects, one on each line.

That of a look-up has its token (`lookup`) and arguments (`args`), and a digest of its provider's `settings`.
"""

IF_REFUSED = "if an account refuses the new look-up"
"""Start of the reason for a difference in a run in which the look-up fails."""

Lookup = tuple[str, str]
"""The token of a look-up, and its arguments as JSON."""


def find_new(calls: RecordedCalls, own: Path, known: Path | None) -> list[Key]:
    """Return the keys of the look-ups of a run that another one does not make with the same settings.

    `own` and `known` are the files of the two runs. The file of a run lacks a look-up whose arguments the
    engine changes, such as a resource, of which the provider gets the ID. Such a look-up is new.
    """
    before, after = (_settings(file) for file in (known, own))
    return [key for key, message in calls.lookups.items() if not _is_known(_lookup(message), before, after)]


def _is_known(lookup: Lookup, before: Mapping[Lookup, set[str]], after: Mapping[Lookup, set[str]]) -> bool:
    return lookup in after and after[lookup] <= before.get(lookup, set())


def _lookup(message: Any) -> Lookup:
    return message.tok, _as_key(plain(decode(message.args)))


def _settings(file: Path | None) -> Mapping[Lookup, set[str]]:
    """Return the digests of the settings of each look-up in a file, which may be missing."""
    settings: dict[Lookup, set[str]] = {}
    for row in map(json.loads, file.read_text().splitlines() if file and file.exists() else ()):
        if "lookup" in row:  # The file has rows of other kinds, too.
            settings.setdefault((row["lookup"], _as_key(row["args"])), set()).add(row["settings"])
    return settings


def _as_key(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True, default=str)
