"""Model of the accounts for the search: principals, resources, GitHub jobs, and powers of an attacker."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sandbox.iam.evaluation import Caller, ContextValue
from sandbox.iam.policies import Statement, matches

Kind = Literal[
    "bucket",
    "cluster",
    "connection",
    "database",
    "key",
    "registry",
    "runner",
    "secret",
    "stack secrets",
    "state",
    "trail",
    "vault",
]

Verb = Literal[
    "run", "act as", "administer", "approved", "control", "read", "write", "destroy", "retag", "rewrite"
]
"""Powers of an attacker.

`run` executes code in a job. `act as` uses the permissions of a role or user, and `administer` those of an
account's administrator. `control` changes the policy of a resource, or the objects of a cluster. `read`,
`write` and `destroy` apply to the contents of a resource. `retag` changes the tags or aliases of a resource,
and `rewrite` the permissions of a role or user. `approved` means that the reviewers of a GitHub environment
admit the attacker's job.
"""


@dataclass(frozen=True, order=True)
class Hold:
    """A power of an attacker over a target."""

    verb: Verb
    target: str
    """ARN of a principal; ID of a resource, job or secret; number of an account; name of an environment."""

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"


@dataclass(frozen=True)
class Step:
    """A step of an attacker, who gains a power by having all the premises."""

    premises: frozenset[Hold]
    gain: Hold
    means: str
    """The action or event that gives the power."""
    source: str
    """The public source of the step, or the file of this repository from which it follows."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """An IAM role or user with the statements of its policies."""

    arn: str
    account: str
    environment: str
    """Name of the environment, or `shared`."""
    identity: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None = None
    trust: tuple[Statement, ...] | None = None
    """Statements of the trust policy; None for users."""
    policies: tuple[str, ...] = ()
    """ARNs of the attached customer managed policies, which can get new versions."""

    @property
    def name(self) -> str:
        """Name of the role or user without its path."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that an attacker may want, or that leads to another one."""

    id: str
    """Readable and unique, such as `bucket pipe-backup`."""
    kind: Kind
    arn: str
    """ARN on which actions on the resource itself are evaluated."""
    account: str
    environment: str
    label: str = ""
    """Short name in tables, the same in each environment; empty if it is `id`."""
    contents: str = ""
    """ARN on which actions on the contents are evaluated, such as an object; empty if it is `arn`.

    If it ends in `*`, an action counts as allowed if it is allowed on any ARN with this prefix.
    """
    policy: tuple[Statement, ...] | None = None
    key: str = ""
    """ID of the KMS key that encrypts the contents; empty if no key of the model encrypts them."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: tuple[str, ...] = ()
    """Aliases of a key, such as `alias/pipe-state`."""
    locked: bool = False
    """True if nobody can delete the contents before their retention ends (compliance mode).

    For a runner, True if its runner group admits only main's workflows.
    """
    role: str = ""
    """ARN of the role that works with the resource: the runner's, or the one that deploys a state.

    Empty for the state of the foundation, which an administrator deploys.
    """
    opens: str = ""
    """ID of the database to which a secret gives access."""
    admins: tuple[str, ...] = ()
    """ARNs of the principals that may change a cluster's objects, according to its access entries."""
    viewers: tuple[str, ...] = ()
    """ARNs of the principals that may read a cluster's objects with its Secrets, but change nothing."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A service account of a cluster, with its role and the registry of its pods' image."""

    cluster: str
    """ID of the cluster."""
    role: str
    """ARN of the role."""
    registry: str = ""
    """ID of the registry from which the image comes; empty for images that the project does not build."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A GitHub Actions job, with everything that its code can use while it runs."""

    id: str
    tokens: tuple[Mapping[str, ContextValue], ...] = ()
    """Claims of each identity token that the job can request; empty without `id-token: write`."""
    pushes: bool = False
    """True if the job's GitHub token can push to the repository (`contents: write`)."""
    machines: tuple[str, ...] = ()
    """IDs of the runners in AWS on which the job can run; empty on GitHub's machines."""
    secrets: tuple[str, ...] = ()
    """Names of the GitHub secrets that the job gets."""
    environment: str = ""
    """GitHub environment of the job."""
    author: str = ""
    """ID of another job of the same outsider, from which this one is reached by an approval; else empty."""
    builds: bool = False
    """True if packages run code in the job while they are installed, built or tested."""
    imports: bool = False
    """True if the job runs the project's program, which imports packages that are pinned by hash."""
    artifacts: tuple[str, ...] = ()
    """Names of the archives that the job packs for later jobs, such as image and vercel."""
    unpacks: tuple[str, ...] = ()
    """Names of the archives that the job unpacks."""
    on_main: bool = False
    """True if the job runs main's workflow and main's program."""

    @property
    def workflow(self) -> str:
        """File name of the workflow whose run contains the job."""
        return self.id.partition(":")[0]


@dataclass(frozen=True, kw_only=True)
class World:
    """The accounts and jobs of a project."""

    accounts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name of each account by its number: dev, stg, prod or shared."""
    principals: Mapping[str, Principal] = field(default_factory=dict[str, Principal])
    """Principals by ARN."""
    resources: Mapping[str, Resource] = field(default_factory=dict[str, Resource])
    """Resources by ID."""
    pods: Sequence[Pod] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict[str, Job])
    """GitHub jobs by ID."""
    reviewed: frozenset[str] = frozenset()
    """GitHub environments whose jobs wait for a reviewer."""
    limits_pushes: bool = False
    """True if a push ruleset lets only people push files other than the stack files (README.md, GitHub)."""
    _by_action: dict[tuple[str, str], Caller] = field(
        default_factory=dict[tuple[str, str], Caller], repr=False, compare=False
    )

    def of_kind(self, *kinds: Kind) -> list[Resource]:
        """Return the resources of these kinds."""
        return [resource for resource in self.resources.values() if resource.kind in kinds]

    def roles(self, account: str | None = None) -> list[Principal]:
        """Return the roles of an account, or of all accounts."""
        return [
            principal
            for principal in self.principals.values()
            if principal.trust is not None and account in (None, principal.account)
        ]

    def caller(self, principal: Principal, action: str) -> Caller:
        """Return a principal as a caller, with only those statements that apply to an action."""
        key = (principal.arn, action)
        if key not in self._by_action:
            boundary = principal.boundary
            self._by_action[key] = Caller(
                kind="AWS",
                identifier=principal.arn,
                account=principal.account,
                identity=_mentioning(principal.identity, action),
                boundary=None if boundary is None else _mentioning(boundary, action),
            )
        return self._by_action[key]


def _mentioning(statements: Iterable[Statement], action: str) -> tuple[Statement, ...]:
    name = action.lower()
    return tuple(
        statement
        for statement in statements
        if any(matches(pattern, name) for pattern in statement.actions) != statement.excludes_actions
    )
