"""What a rule is: metadata in the words of Pulumi's SDK, and a pure function from a resource to verdicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Required, TypedDict, TypeVar, Unpack

from pulumi_policy import EnforcementLevel, Severity

from policies.model.property_values import UnknownValueError, UnreadableValueError, Value


@dataclass(frozen=True)
class Finding:
    """What is wrong with one property: where, what was found, and what to do."""

    path: str
    found: str
    remedy: str
    absent: bool = False
    """Whether the property is not set; an object that only patches another cannot be blamed for that."""
    urn: str | None = None
    """The resource, when a rule looks at a whole stack; none means the stack itself."""

    def __str__(self) -> str:
        return f"{self.path} is {self.found}; {self.remedy}"


@dataclass(frozen=True)
class Unknown:
    """A value at this path was needed and is not known in this preview."""

    path: str
    urn: str | None = None


T = TypeVar("T")
Verdict = Finding | Unknown
Verdicts = Iterator[Verdict]
Options = Mapping[str, Any]


def expected(value: Value, wanted: str) -> Finding:
    """`value` should be `wanted`."""
    return Finding(value.path, value.shown(), f"set it to {wanted}", value.absent)


def disallowed(value: Value, remedy: str = "remove it") -> Finding:
    """`value` should not be as it is; `remedy` says what to do instead."""
    return Finding(value.path, value.shown(), remedy, value.absent)


def unreadable(fault: UnreadableValueError, urn: str | None = None) -> Finding:
    """Report a value that no rule can read: one that cannot be checked has not passed."""
    return Finding(fault.path, fault.reason, fault.remedy, urn=urn)


def check_each(values: Iterable[T], check: Callable[[T], Verdicts]) -> Verdicts:
    """Judges every value on its own, so that one that is unknown hides nothing about the others."""
    for value in values:
        try:
            yield from check(value)
        except UnknownValueError as unknown:
            yield Unknown(unknown.path)
        except UnreadableValueError as fault:
            yield unreadable(fault)


@dataclass(frozen=True)
class Resource:
    """A resource as the engine describes it to the pack."""

    type: str
    urn: str
    name: str
    props: Value
    protect: bool = False
    parent: str = ""
    provider: str = ""
    """URN of its provider; empty when the engine does not say."""
    settings: Value = field(default_factory=lambda: Value(None))
    """The properties of that provider."""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    memo: dict[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """What several rules read from the same properties (pods, policy documents), read once."""

    def attach(self, finding: Finding) -> Finding:
        """The finding, about this resource."""
        return replace(finding, urn=self.urn)

    def __getitem__(self, key: str) -> Value:
        return self.props[key]

    def at(self, path: str) -> Value:
        """The property at a dotted path."""
        return self.props.at(path)

    @cached_property
    def reached(self) -> frozenset[str]:
        """URNs that this resource depends on, directly or by one of its properties."""
        by_property = (urn for urns in self.property_dependencies.values() for urn in urns)
        return frozenset(self.dependencies) | frozenset(by_property)


@dataclass(frozen=True)
class Stack:
    """All resources of a stack, found by type, by URN, or by what they depend on."""

    resources: tuple[Resource, ...]
    memo: dict[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """What several rules work out of the same resources, worked out once."""

    @cached_property
    def by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = {}
        for resource in self.resources:
            index.setdefault(resource.type, []).append(resource)
        return index

    def of(self, types: Iterable[str]) -> list[Resource]:
        """The resources of these types, in the order of their URNs."""
        found = [resource for kind in types for resource in self._by_type.get(kind, ())]
        return sorted(found, key=lambda resource: resource.urn)


ResourceCheck = Callable[[Resource, Options], Verdicts]
StackCheck = Callable[[Stack, Options], Verdicts]
Remedy = Callable[[str, Any, Options], None]
"""Takes the type, the properties and the configuration."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One configuration value of a rule, as --policy-pack-config gives it."""

    default: Any
    schema: Mapping[str, Any]
    """JSON Schema, checked by the engine before the pack sees the value."""
    valid: Callable[[Any], bool] = lambda _: True
    """What JSON Schema cannot say."""
    wanted: str = ""
    """What `valid` accepts, in words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A rule and everything that is said about it."""

    name: str
    description: str
    severity: Severity
    framework: str
    controls: tuple[str, ...]
    """Identifiers of the controls it covers, in the words of their frameworks."""
    tags: tuple[str, ...]
    url: str
    remediation: str
    level: EnforcementLevel
    options: Mapping[str, Option]
    types: frozenset[str]
    """Resource types it judges; empty for a rule on whole stacks."""
    about: frozenset[str]
    """Resource types that a rule on whole stacks judges one by one; the ledger has a row for each."""
    check: ResourceCheck | StackCheck
    remedy: Remedy | None = None
    """Repairs the properties in place, where the repair is certain."""

    @property
    def on_stack(self) -> bool:
        """Whether it judges a whole stack."""
        return not self.types

    def defaults(self) -> dict[str, Any]:
        """Its configuration without any file."""
        return {name: option.default for name, option in self.options.items()}


class RuleMetadata(TypedDict, total=False):
    """What is said about a rule, whatever it judges."""

    severity: Required[Severity]
    controls: Required[tuple[str, ...]]
    remediation: Required[str]
    url: str
    """Default: the topic's."""
    level: EnforcementLevel
    """Default: mandatory."""
    options: Mapping[str, Option]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What the rules of one topic have in common; its methods are the decorators that make rules."""

    framework: str
    tags: tuple[str, ...]
    url: str
    about: tuple[str, ...] = ()
    """What its rules on stacks judge one by one, unless they say so themselves."""

    def rule(
        self, name: str, *, types: Iterable[str], remedy: Remedy | None = None, **said: Unpack[RuleMetadata]
    ) -> Callable[[ResourceCheck], Rule]:
        """Makes a rule on resources of a function; its docstring is the description."""
        return lambda check: self._rule(name, check, said, frozenset(types), remedy=remedy)

    def stack_rule(
        self, name: str, *, about: Iterable[str] | None = None, **said: Unpack[RuleMetadata]
    ) -> Callable[[StackCheck], Rule]:
        """Makes a rule on a whole stack of a function; its docstring is the description."""
        found = frozenset(self.about if about is None else about)
        return lambda check: self._rule(name, check, said, about=found)

    def _rule(
        self,
        name: str,
        check: ResourceCheck | StackCheck,
        said: RuleMetadata,
        types: frozenset[str] = frozenset(),
        about: frozenset[str] = frozenset(),
        remedy: Remedy | None = None,
    ) -> Rule:
        return Rule(
            name=name,
            description=" ".join((check.__doc__ or "").split()),
            severity=said["severity"],
            framework=self.framework,
            controls=said["controls"],
            tags=self.tags,
            url=said.get("url") or self.url,
            remediation=said["remediation"],
            level=said.get("level", EnforcementLevel.MANDATORY),
            options=said.get("options", {}),
            types=types,
            about=about,
            check=check,
            remedy=remedy,
        )
