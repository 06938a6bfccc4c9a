"""The ledger: one row per policy and resource, so that an unchecked resource does not count as passed."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

PASS, VIOLATION, WAIVED = "pass", "violation", "waived"
UNKNOWN, NOT_APPLICABLE, CRASHED = "unknown", "not applicable", "crashed"
_BEST_FIRST = (NOT_APPLICABLE, PASS, WAIVED, UNKNOWN, CRASHED, VIOLATION)


class Row(NamedTuple):
    """The verdict of one policy on one resource."""

    policy: str
    verdict: str
    level: str = ""
    detail: str = ""
    """The findings, the paths of unknown values, or the position of the crash; otherwise empty."""
    unknown: str = ""
    """The paths of unknown values, also beside findings or a crash: these parts are not judged."""
    read: tuple[tuple[str, ...], ...] = ()
    """In the row of a stack, the groups of types that a policy has read, each at once."""


def worst(rows: Iterable[Row]) -> str:
    """Return the worst verdict of the rows."""
    return max((row.verdict for row in rows), key=_BEST_FIRST.index)


class Ledger:
    """The rows of one run. Until the run ends, the file is an unsorted journal marked `aborted`.

    Each policy on whole stacks has a row with the stack's URN. Its verdict is the worst verdict on any
    resource, and its detail describes findings about the stack itself.
    """

    def __init__(self, file: str | None = None) -> None:
        self.file = Path(file) if file else None
        self._rows: dict[str, dict[str, Row]] = {}
        self._journal: TextIO | None = None
        self._lock = threading.Lock()
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._journal = self.file.open("w", encoding="utf-8")
            self._write([_line({"run": "aborted"})])

    @classmethod
    def from_environment(cls) -> "Ledger":
        """Return a ledger that writes to the file in PIPE_POLICY_LEDGER, if the variable is set."""
        return cls(os.environ.get("PIPE_POLICY_LEDGER"))

    def add(self, urn: str, rows: Iterable[Row]) -> None:
        """Add rows for a resource; a later row for the same policy replaces the earlier row."""
        new_rows = {row.policy: row for row in rows}
        with self._lock:
            self._rows.setdefault(urn, {}).update(new_rows)
            self._write(_lines(urn, new_rows.values()))

    def _write(self, lines: Iterable[str]) -> None:
        if self._journal is not None:
            self._journal.write("".join(lines))
            self._journal.flush()  # the engine may kill the pack without notice

    def complete(self) -> None:
        """Complete the run: sort the rows, and write their number by verdict into the first line."""
        if self.file is None or self._journal is None:
            return
        with self._lock:
            counts = Counter(row.verdict for rows in self._rows.values() for row in rows.values())
            part = self.file.with_name(f"{self.file.name}.part")
            with part.open("w", encoding="utf-8") as sorted_file:
                sorted_file.write(_line({"run": "complete", "counts": dict(sorted(counts.items()))}))
                for urn, rows in sorted(self._rows.items()):
                    sorted_file.writelines(_lines(urn, sorted(rows.values())))
            part.replace(self.file)
            self._journal.close()
            self._journal = None


def _lines(urn: str, rows: Iterable[Row]) -> Iterator[str]:
    start = f'{{"urn": {json.dumps(urn, ensure_ascii=False)}, '
    return (start + _rest(row) for row in rows)


@lru_cache(maxsize=4096)
def _rest(row: Row) -> str:
    """Return the part of a row's line after the URN; cached, because thousands of resources share it."""
    content = row._asdict()
    if not row.read:
        del content["read"]
    return _line(content)[1:]


def _line(content: object) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"
