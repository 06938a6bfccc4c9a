"""The report: what all renderings show. Plain data, so that JSON of it is the whole truth."""

from dataclasses import dataclass, field

BASE_TO_HEAD, STATE_TO_HEAD = "base to head", "state to head"
NEW, EXISTING, FIXED = "new", "existing", "fixed"
VIOLATION, WAIVED, UNKNOWN = "violation", "waived", "unknown"


@dataclass(frozen=True)
class Place:
    """A line that had a part in it."""

    file: str
    """Relative to the tree."""
    line: int
    what: str
    """`declares` the resource, `composes` the component that declares it, or `sets` the value."""


@dataclass(frozen=True)
class Setting:
    """The key of a stack file from which a value came."""

    key: str
    place: Place
    by: str
    """How it is known: `changed alike`, `same name and value` or `the only such value`."""


@dataclass(frozen=True)
class Property:
    """A property that changes; values are text, secrets masked."""

    path: str
    kind: str
    """`add`, `change` or `remove`."""
    before: str | None
    after: str | None
    forces: bool = False
    """Whether it forces a replacement."""
    folded: str = ""
    """Why it is noise: `follows from <resource>`, or `order only`."""
    setting: Setting | None = None


@dataclass(frozen=True)
class Risk:
    """Why a resource goes away, and what goes with it."""

    forced_by: list[str]
    """Properties that force the replacement; empty for a deletion."""
    chain: list[str]
    """From the resource to where the change began."""
    setting: Setting | None
    """None where no value identifies a settings key."""
    dependents: list[str]
    """Names of what depends on it, directly or not."""
    stateful: bool
    loss: str
    """What happens to its data, a sentence."""
    waived: str = ""
    """The waiver, if one holds."""
    blocks: bool = False


@dataclass(frozen=True)
class Change:
    """A resource that changes, the same in each of its stacks."""

    stacks: list[str]
    component: str
    type: str
    name: str
    op: str
    """`create`, `update`, `replace` or `delete`."""
    properties: list[Property]
    places: list[Place]
    upstream: list[str]
    """Names of the resources it depends on directly."""
    risk: Risk | None = None


@dataclass(frozen=True)
class Finding:
    """What a policy says of a resource."""

    stacks: list[str]
    policy: str
    severity: str
    level: str
    """`mandatory` or `advisory`, as in force for the head."""
    status: str
    verdict: str
    component: str
    type: str
    name: str
    message: str
    controls: list[str]
    remediation: str
    url: str
    places: list[Place]
    waiver: str = ""
    """Until when, why, whose; days left."""
    setting: Setting | None = None
    blocks: bool = False


@dataclass(frozen=True)
class Difference:
    """A property that was the same in these stacks, and is no longer."""

    component: str
    type: str
    name: str
    path: str
    values: dict[str, str]


@dataclass(frozen=True)
class Weaker:
    """A property in which prod is weaker than stg."""

    what: str
    """Replicas, TLS, zones, retention or alerts."""
    component: str
    type: str
    name: str
    path: str
    weak: str
    strong: str
    status: str
    places: list[Place]
    waived: str = ""
    blocks: bool = False


@dataclass(frozen=True)
class CostLine:
    """What a resource costs more or less."""

    resource: str
    what: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Cost:
    """A stack's monthly difference in US dollars, as far as prices are known."""

    difference: float
    lines: list[CostLine]
    unknown: list[str]
    """What has a price that the table does not hold."""


@dataclass(frozen=True)
class StackReport:
    """A row of the matrix."""

    name: str
    counts: dict[str, int]
    """create, update, replace, delete, violations, waived, unknown."""
    unchanged: int
    errors: list[str]
    """Why the head does not evaluate, or cannot be previewed."""
    base_errors: list[str]
    notes: list[str]
    cost: Cost | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """Everything."""

    compares: str
    """`base to head` or `state to head`."""
    base: str
    head: str
    verdict: str
    """One line."""
    code: int
    """0 clean, 1 findings that block, 2 could not run."""
    stacks: list[StackReport]
    changes: list[Change]
    findings: list[Finding]
    differences: list[Difference]
    weaker: list[Weaker]
    notes: list[str] = field(default_factory=list[str])
    prices: str = ""
    """Where the prices are from, and of when."""


COUNTS = ("create", "update", "replace", "delete", "violations", "waived", "unknown")
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
ORDER = {"delete": 0, "replace": 1, "update": 2, "create": 3}
SEVERITIES = ("critical", "high", "medium", "low", "")


def blocking(report: Report) -> list[str]:
    """What blocks, in words."""
    risks = [f"{each.op} of {each.name}" for each in report.changes if each.risk and each.risk.blocks]
    policies = [f"{each.policy}: {each.name}" for each in report.findings if each.blocks]
    weaker = [f"prod weaker than stg: {each.name} {each.path}" for each in report.weaker if each.blocks]
    broken = [f"{each.name} does not evaluate" for each in report.stacks if each.errors]
    return broken + risks + policies + weaker


def short(kind: str) -> str:
    """`aws:ec2/vpc:Vpc` as people write it: `aws:ec2:Vpc`."""
    package, _, rest = kind.partition(":")
    module, _, name = rest.rpartition(":")
    return f"{package}:{module.partition('/')[0]}:{name}" if module else kind
