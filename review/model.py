"""The report: what all renderings show. Plain data, so that JSON of it is the whole truth."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.progress import short

RULES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
OWN: Mapping[str, str] = RULES["own"]
BASE_TO_HEAD, STATE_TO_HEAD = "base to head", "state to head"
NEW, EXISTING, FIXED = "new", "existing", "fixed"
VIOLATION, WAIVED, UNKNOWN = "violation", "waived", "unknown"
OPS = ("delete", "replace", "update", "create")
COUNTS = (*reversed(OPS), "violations", WAIVED, UNKNOWN)


@dataclass(frozen=True)
class Place:
    """A line that `declares`, `composes`, or `sets` a `key` (known `by` that), or one `of the base`."""

    file: str = field(repr=False)  # not in what is compared between stacks, nor is the line
    line: int = field(repr=False)
    what: str
    key: str = ""
    by: str = ""


@dataclass(frozen=True)
class Property:
    """A property that changes; what was or will be absent is None; `folded` says why it is noise."""

    path: str
    before: str | None
    after: str | None
    forces: bool
    folded: str
    setting: Place | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """A resource in the stacks in which the same is said of it; of a whole stack if it has no type."""

    stacks: list[str]
    type: str = ""
    name: str
    places: list[Place] = field(default_factory=list[Place])


@dataclass(frozen=True, kw_only=True)
class Change(Item):
    """A resource that changes; `upstream` are what it depends on."""

    op: str
    component: str
    properties: list[Property]
    upstream: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding(Item):
    """What a policy, or the review, says; `waiver` is until when, why, whose, and the days left."""

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
    setting: Place | None = None
    blocks: bool = False

    @property
    def section(self) -> str:
        """Where the report tells it."""
        fresh = "newly waived" if self.verdict == WAIVED else "new or no longer waived"
        known = fresh if self.status == NEW else self.status
        known = "not known before up" if self.verdict == UNKNOWN else known
        return OWN.get(self.policy) or f"Policy: {known}"


@dataclass(frozen=True)
class CostLine:
    """What a part of a resource costs, in US dollars a month."""

    resource: str
    what: str
    before: float
    after: float


@dataclass(frozen=True)
class StackReport:
    """A row of the matrix; what cannot be counted is not in `counts`. `difference` is in US dollars a month,
    without what is `unpriced`: the table has no price for it."""

    name: str
    counts: dict[str, int]
    difference: float = 0
    costs: list[CostLine] = field(default_factory=list[CostLine])
    unpriced: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Report:
    """Everything. `code` is the exit code; below `trees` head's and base's files can be seen, if they can."""

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
    """How people know a resource: `main (aws:ec2:Vpc)` for `main` of type `aws:ec2/vpc:Vpc`."""
    return f"{item.name} ({short(item.type)})" if item.type else item.name


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first few, and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
