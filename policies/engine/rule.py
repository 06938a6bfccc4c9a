"""Rules: metadata as in Pulumi's SDK, and a pure function from a resource or a stack to verdicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import Any, Required, TypedDict, TypeVar, Unpack

from pulumi_policy import EnforcementLevel, Severity

from policies.model.property_values import UnknownValueError, UnreadableValueError, Value


@dataclass(frozen=True)
class Finding:
    """A fault in one property: the path, the actual value, and the remedy."""

    path: str
    actual: str
    remedy: str
    absent: bool = False
    """True if the property is not set; a resource that only patches an object need not set it."""
    urn: str | None = None
    """The URN of the resource; None means the stack itself."""

    def __str__(self) -> str:
        return f"{self.path} is {self.actual}; {self.remedy}"


@dataclass(frozen=True)
class Unknown:
    """A value that a rule needed and that this preview cannot know."""

    path: str
    urn: str | None = None


T = TypeVar("T")
Verdict = Finding | Unknown
Verdicts = Iterator[Verdict]
Options = Mapping[str, Any]


def expected(value: Value, wanted: str) -> Finding:
    """Return the finding that `value` should be `wanted`."""
    return Finding(value.path, value.shown(), f"set it to {wanted}", value.absent)


def disallowed(value: Value, remedy: str = "remove it") -> Finding:
    """Return the finding that `value` is not allowed; `remedy` tells what to do instead."""
    return Finding(value.path, value.shown(), remedy, value.absent)


def unreadable(fault: UnreadableValueError, urn: str | None = None) -> Finding:
    """Return the finding that a value cannot be read, because an unchecked value must not pass."""
    return Finding(fault.path, fault.reason, fault.remedy, urn=urn)


def check_each(values: Iterable[T], check: Callable[[T], Verdicts]) -> Verdicts:
    """Check each value separately: an unknown or unreadable value does not end the check of the others."""
    for value in values:
        try:
            yield from check(value)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)
        except UnreadableValueError as fault:
            yield unreadable(fault)


ANYTHING = frozenset({"*"})
"""The types of a rule that checks every resource, components included."""

PACKAGES = frozenset({"aws", "cloudflare", "datadog", "kubernetes", "tls"})
"""The packages of the providers. Their types stand for resources that a provider creates."""


@dataclass(frozen=True)
class Resource:
    """A resource as the engine describes it to the pack."""

    type: str
    urn: str
    name: str
    props: Value
    protect: bool = False
    ignored: tuple[str, ...] = ()
    """The paths of the option ignoreChanges, as the program writes them."""
    parent: str = ""
    component: bool = False
    """True if no provider creates the resource: it exists only in the state, under a type of any name."""
    provider: str = ""
    """The URN of the provider; empty if the engine does not report the provider."""
    settings: Value = field(default_factory=lambda: Value(None))
    """The properties of the provider."""
    provider_type: str = ""
    """The type of the provider; empty if the engine does not report the provider."""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    memo: dict[object, Any] = field(default_factory=dict[object, Any], compare=False, repr=False)
    """The results of functions with the decorator `cached`, such as the pods that several rules read."""

    @property
    def genuine(self) -> bool:
        """False for a component with a type of a provider's package, because no provider creates it."""
        return not self.component or self.type.partition(":")[0] not in PACKAGES

    def attach(self, finding: Finding) -> Finding:
        """Return the finding with this resource's URN."""
        return replace(finding, urn=self.urn)

    def __getitem__(self, key: str) -> Value:
        return self.props[key]

    def at(self, path: str) -> Value:
        """Return the property at a dotted path."""
        return self.props.at(path)

    @cached_property
    def reached(self) -> frozenset[str]:
        """The URNs that this resource depends on, directly or through one of its properties."""
        by_property = (urn for urns in self.property_dependencies.values() for urn in urns)
        return frozenset(self.dependencies) | frozenset(by_property)


@dataclass(frozen=True)
class Stack:
    """The resources of a stack, indexed by type and by URN.

    The index by type has only genuine resources.
    """

    resources: tuple[Resource, ...]
    memo: dict[object, Any] = field(default_factory=dict[object, Any], compare=False, repr=False)
    """The results of functions with the decorator `cached`, and the groups of types that these have read."""
    read_types: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]], compare=False, repr=False)
    """The groups of types that somebody has asked for, so that a review knows what else a rule has judged."""

    @cached_property
    def by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.resources:
            if resource.genuine:
                index.setdefault(resource.type, []).append(resource)
        return index

    def of(self, types: Iterable[str]) -> list[Resource]:
        """Return the resources of these types, in the order of their URNs."""
        types = tuple(types)
        self.read_types.add(types)
        resources = [resource for kind in types for resource in self._by_type.get(kind, ())]
        return sorted(resources, key=lambda resource: resource.urn)


SubjectT = TypeVar("SubjectT", Resource, Stack)
ResultT = TypeVar("ResultT")


def cached(compute: Callable[[SubjectT], ResultT]) -> Callable[[SubjectT], ResultT]:
    """Keep the result of a function of a resource or a stack in that object."""

    @wraps(compute)
    def result(subject: SubjectT) -> ResultT:
        if compute not in subject.memo:
            subject.memo[compute] = _with_read_types(compute, subject)
        value, types = subject.memo[compute]
        if isinstance(subject, Stack):
            subject.read_types.update(types)
        return value

    return result


def _with_read_types(
    compute: Callable[[SubjectT], ResultT], subject: SubjectT
) -> tuple[ResultT, frozenset[tuple[str, ...]]]:
    """Return the result of a function of a resource or a stack, and the groups of types that it reads."""
    if not isinstance(subject, Stack):
        return compute(subject), frozenset()
    before = frozenset(subject.read_types)
    subject.read_types.clear()
    try:
        return compute(subject), frozenset(subject.read_types)
    finally:
        subject.read_types.update(before)


ResourceCheck = Callable[[Resource, Options], Verdicts]
StackCheck = Callable[[Stack, Options], Verdicts]
Remedy = Callable[[str, Any, Options], None]
"""A function that repairs properties in place; its arguments are the type, the properties and the options."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One setting of a rule, as --policy-pack-config passes it."""

    default: Any
    schema: Mapping[str, Any]
    """JSON Schema, checked by the engine before the pack sees the value."""
    valid: Callable[[Any], bool] = lambda _: True
    """A check that JSON Schema cannot express."""
    wanted: str = ""
    """A description of the values that `valid` accepts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A rule with its metadata."""

    name: str
    description: str
    severity: Severity
    framework: str
    controls: tuple[str, ...]
    """The identifiers of the controls that the rule covers, such as CKV_AWS_18."""
    tags: tuple[str, ...]
    url: str
    remediation: str
    level: EnforcementLevel
    options: Mapping[str, Option]
    types: frozenset[str]
    """The resource types that the rule checks; empty for a rule on whole stacks."""
    about: frozenset[str]
    """The resource types that a rule on whole stacks checks; the ledger has a row for each such resource."""
    check: ResourceCheck | StackCheck
    remedy: Remedy | None = None
    """A repair of the properties in place; None if there is no unambiguous repair."""

    @property
    def on_stack(self) -> bool:
        """True if the rule checks a whole stack."""
        return not self.types

    def concerns(self, resource: Resource) -> bool:
        """Return True if the rule checks the resource, itself or as a part of the stack."""
        return self.types == ANYTHING or (resource.genuine and resource.type in self.types | self.about)

    def defaults(self) -> dict[str, Any]:
        """Return the default value of each option, by name."""
        return {name: option.default for name, option in self.options.items()}


class RuleMetadata(TypedDict, total=False):
    """The metadata of a rule on resources or on stacks."""

    severity: Required[Severity]
    controls: Required[tuple[str, ...]]
    remediation: Required[str]
    url: str
    """The default is the URL of the topic."""
    level: EnforcementLevel
    """The default is `mandatory`."""
    options: Mapping[str, Option]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """The common metadata of a topic's rules; its methods are decorators that create rules."""

    framework: str
    tags: tuple[str, ...]
    url: str
    about: tuple[str, ...] = ()
    """The default of `Rule.about` for the topic's rules on stacks."""

    def rule(
        self,
        name: str,
        *,
        types: Iterable[str],
        remedy: Remedy | None = None,
        **metadata: Unpack[RuleMetadata],
    ) -> Callable[[ResourceCheck], Rule]:
        """Create a rule on resources from a function, whose docstring becomes the description."""
        return lambda check: self._rule(name, check, metadata, frozenset(types), remedy=remedy)

    def stack_rule(
        self, name: str, *, about: Iterable[str] | None = None, **metadata: Unpack[RuleMetadata]
    ) -> Callable[[StackCheck], Rule]:
        """Create a rule on whole stacks from a function, whose docstring becomes the description."""
        types = frozenset(self.about if about is None else about)
        return lambda check: self._rule(name, check, metadata, about=types)

    def _rule(
        self,
        name: str,
        check: ResourceCheck | StackCheck,
        metadata: RuleMetadata,
        types: frozenset[str] = frozenset(),
        about: frozenset[str] = frozenset(),
        remedy: Remedy | None = None,
    ) -> Rule:
        return Rule(
            name=name,
            description=" ".join((check.__doc__ or "").split()),
            severity=metadata["severity"],
            framework=self.framework,
            controls=metadata["controls"],
            tags=self.tags,
            url=metadata.get("url") or self.url,
            remediation=metadata["remediation"],
            level=metadata.get("level", EnforcementLevel.MANDATORY),
            options=metadata.get("options", {}),
            types=types,
            about=about,
            check=check,
            remedy=remedy,
        )
