"""The report as plain data. Every rendering shows it, and its JSON has all of it."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.progress import short

LONG_VALUE = 100
"""Characters of a value above which only the part is shown in which it differs from the other value."""

REVIEW_RULES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
SECTIONS: Mapping[str, str] = REVIEW_RULES["sections"]
"""The section of the report for each kind of finding that the review makes itself."""

BASE_TO_HEAD, STATE_TO_HEAD = "base to head", "state to head"
NEW, EXISTING, FIXED = "new", "existing", "fixed"
VIOLATION, WAIVED, UNKNOWN = "violation", "waived", "unknown"
OPERATIONS = ("delete", "replace", "update", "create")
COUNTS = (*reversed(OPERATIONS), "violations", WAIVED, UNKNOWN)

DECLARES, COMPOSES, SETS, OF_THE_BASE = "declares", "composes", "sets", "of the base"
"""Roles of a source location."""


@dataclass(frozen=True)
class SourceLocation:
    """A line with its role: it `declares` or `composes` a resource, `sets` a value, or is `of the base`.

    A line that `sets` a value has its settings key, and in `matched_by` the reason for choosing that key.
    """

    # The representation omits file and line, since items of several stacks are compared by it.
    file: str = field(repr=False)
    line: int = field(repr=False)
    role: str
    key: str = ""
    matched_by: str = ""


@dataclass(frozen=True)
class Property:
    """A property that changes.

    A value that was or will be absent is None. `folded` is the reason why the change is noise, if it is.
    """

    path: str
    before: str | None
    after: str | None
    forces: bool
    folded: str
    setting: SourceLocation | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """An entry on a resource, for every stack in which it is the same. Without a type: on a whole stack."""

    stacks: list[str]
    type: str = ""
    name: str
    locations: list[SourceLocation] = field(default_factory=list[SourceLocation])


@dataclass(frozen=True, kw_only=True)
class Change(Item):
    """A resource that changes. `upstream` has the titles of the resources that it depends on."""

    op: str
    component: str
    properties: list[Property]
    upstream: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding(Item):
    """A message of a policy or of the review.

    `waiver` is a text with the last day, the days left, the reason and the owner.
    """

    policy: str
    message: str
    severity: str = ""
    level: str = "advisory"
    status: str = NEW
    verdict: str = VIOLATION
    controls: list[str] = field(default_factory=list[str])
    remediation: str = ""
    url: str = ""
    waiver: str = ""
    setting: SourceLocation | None = None
    blocks: bool = False

    @property
    def section(self) -> str:
        """The section of the report that has this finding."""
        if self.policy in SECTIONS:
            return SECTIONS[self.policy]
        if self.verdict == UNKNOWN:
            return "Policy: not known before up"
        if self.status != NEW:
            return f"Policy: {self.status}"
        return "Policy: newly waived" if self.verdict == WAIVED else "Policy: new or no longer waived"


@dataclass(frozen=True)
class CostLine:
    """The cost of a part of a resource, in US dollars a month."""

    resource: str
    part: str
    before: float
    after: float


@dataclass(frozen=True)
class StackReport:
    """A row of the table of stacks.

    `counts` lacks the counts that are unknown. `difference` is in US dollars a month, and without the
    `unpriced` parts, which have no price in the table.
    """

    name: str
    counts: dict[str, int]
    difference: float = 0
    costs: list[CostLine] = field(default_factory=list[CostLine])
    unpriced: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Report:
    """The whole report.

    `code` is the exit code. `trees` has the addresses below which head's and base's files can be read, if
    there are any.
    """

    compares: str
    base: str
    head: str
    verdict: str
    code: int
    stacks: list[StackReport]
    changes: list[Change]
    findings: list[Finding]
    notes: list[str]
    prices: str
    trees: list[str] = field(default_factory=list[str])


def title(item: Any) -> str:
    """Return the name of a resource for people: `main (aws:ec2:Vpc)` for type `aws:ec2/vpc:Vpc`."""
    return f"{item.name} ({short(item.type)})" if item.type else item.name


def list_first(names: Sequence[str], most: int = 8) -> str:
    """Return the first names, and the number of the others."""
    omitted = len(names) - most
    return ", ".join(names[:most]) + (f" and {omitted} more" if omitted > 0 else "")


def shorten(text: str | None, other: str | None) -> str:
    """Return a value on one line. A long one is shown from its first difference, with its whole length."""
    if text is None:
        return "(absent)"
    if len(text) > LONG_VALUE:
        pairs = enumerate(zip(text, other or "", strict=False))
        first_difference = next((index for index, (left, right) in pairs if left != right), 0)
        start = max(0, first_difference - LONG_VALUE // 4)
        end = start + LONG_VALUE
        part = f"{'… ' if start else ''}{text[start:end]}{' …' if text[end:] else ''}"
        text = f"{part} ({len(text):,} characters)"
    return text.replace("\n", " ⏎ ")
