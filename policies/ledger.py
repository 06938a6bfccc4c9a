"""The ledger: one row a policy and resource, so that nothing that was not checked looks like a pass."""

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

PASS, VIOLATION, WAIVED = "pass", "violation", "waived"
UNKNOWN, NOT_APPLICABLE, CRASHED = "unknown", "not applicable", "crashed"


@dataclass(frozen=True, order=True)
class Row:
    """What one policy said about one resource; a stack's own rows have the stack's URN."""

    urn: str
    policy: str
    verdict: str
    level: str
    detail: str = ""
    """Findings, the paths that are unknown, the waiver, or the place of the crash."""


class Ledger:
    """Rows of one run. The file is a journal that says `aborted` until the run ends; then it is sorted."""

    def __init__(self, file: str | None = None) -> None:
        self.file = Path(file) if file else None
        self.rows: dict[tuple[str, str], Row] = {}
        self._lock = threading.Lock()
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(_line({"run": "aborted"}))

    @classmethod
    def from_environment(cls) -> "Ledger":
        """The ledger that PIPE_POLICY_LEDGER names; none without it."""
        return cls(os.environ.get("PIPE_POLICY_LEDGER"))

    def add(self, *rows: Row) -> None:
        """Adds rows; a later one for the same policy and resource takes the place of the earlier."""
        with self._lock:
            for row in rows:
                self.rows[row.urn, row.policy] = row
            if self.file is not None:
                with self.file.open("a") as journal:
                    journal.writelines(_line(asdict(row)) for row in rows)

    def complete(self) -> None:
        """Ends the run: the rows sorted, and a first line that counts them."""
        if self.file is None:
            return
        with self._lock:
            counts: dict[str, int] = {}
            for row in self.rows.values():
                counts[row.verdict] = counts.get(row.verdict, 0) + 1
            part = self.file.with_name(f"{self.file.name}.part")
            head = _line({"run": "complete", "counts": dict(sorted(counts.items()))})
            part.write_text(head + "".join(_line(asdict(row)) for row in sorted(self.rows.values())))
            part.replace(self.file)


def _line(content: object) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"
