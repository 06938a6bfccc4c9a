"""The report: what all renderings show. Plain data, so that JSON of it is the whole truth."""

from dataclasses import dataclass

BASE_TO_HEAD, STATE_TO_HEAD = "base to head", "state to head"
NEW, EXISTING, FIXED = "new", "existing", "fixed"
BASE = "of the base"
VIOLATION, WAIVED, UNKNOWN = "violation", "waived", "unknown"
COUNTS = ("create", "update", "replace", "delete", "violations", "waived", "unknown")
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}


@dataclass(frozen=True)
class Place:
    """A line of the tree that `declares`, `composes` or `sets` something, or a line `of the base`."""

    file: str
    line: int
    what: str


@dataclass(frozen=True)
class Setting:
    """The key of a stack file that a value came from, and how that is known."""

    key: str
    place: Place
    by: str


@dataclass(frozen=True)
class Property:
    """A property that changes (`add`, `change`, `remove`); `folded` says why it is noise."""

    path: str
    kind: str
    before: str | None
    after: str | None
    forces: bool = False
    folded: str = ""
    setting: Setting | None = None


@dataclass(frozen=True)
class Risk:
    """Why a resource goes away, from it to where the change began, and what goes with it."""

    forced_by: list[str]
    chain: list[str]
    setting: Setting | None
    dependents: list[str]
    stateful: bool
    loss: str
    waived: str = ""
    blocks: bool = False


@dataclass(frozen=True)
class Change:
    """A resource that changes, the same in each of its stacks; `upstream` are what it depends on."""

    stacks: list[str]
    component: str
    type: str
    name: str
    op: str
    properties: list[Property]
    places: list[Place]
    upstream: list[str]
    risk: Risk | None = None


@dataclass(frozen=True)
class Finding:
    """What a policy says of a resource; `waiver` is until when, why, whose, and the days left."""

    stacks: list[str]
    policy: str
    severity: str
    level: str
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
    """A property (of replicas, TLS, zones, retention, alerts) in which prod is weaker than stg."""

    what: str
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
    """What a part of a resource costs, in US dollars a month."""

    resource: str
    what: str
    before: float
    after: float


@dataclass(frozen=True)
class Cost:
    """A stack's difference, US dollars a month; `unknown` has a price that the table does not hold."""

    difference: float
    lines: list[CostLine]
    unknown: list[str]


@dataclass(frozen=True)
class StackReport:
    """A row of the matrix. `errors` say why the head does not evaluate; `seconds` is what both sides took."""

    name: str
    counts: dict[str, int]
    unchanged: int
    errors: list[str]
    base_errors: list[str]
    notes: list[str]
    cost: Cost | None
    seconds: float


@dataclass(frozen=True)
class Report:
    """Everything. `code` is 0 when clean, 1 when something blocks, 2 when it could not run."""

    compares: str
    base: str
    head: str
    verdict: str
    code: int
    stacks: list[StackReport]
    changes: list[Change]
    findings: list[Finding]
    differences: list[Difference]
    weaker: list[Weaker]
    notes: list[str]
    prices: str


def short(kind: str) -> str:
    """`aws:ec2/vpc:Vpc` as people write it: `aws:ec2:Vpc`."""
    package, _, rest = kind.partition(":")
    module, _, name = rest.rpartition(":")
    return f"{package}:{module.partition('/')[0]}:{name}" if module else kind
