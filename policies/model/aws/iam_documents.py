"""IAM policy documents and their statements."""

from collections.abc import Iterable
from dataclasses import dataclass

from policies.model.networks import is_world
from policies.model.property_values import Value
from policies.model.wildcards import matches

_NARROWING = frozenset(
    {
        "StringEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "ArnEquals",
        "ArnLike",
        "BinaryEquals",
        "IpAddress",
    }
)
"""Condition operators that require certain values. The list omits negated operators, which admit all other
values, and IfExists and ForAllValues, which hold if the key is absent. It also omits Bool, Null, numeric
and date operators, which restrict neither principals nor resources."""

_OWNERS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
        "aws:vpcsourceip",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "sts:externalid",
    }
)
"""Condition keys that identify the caller, the caller's network, or the owner of an access point.

Sources: IAM User Guide, reference_policies_condition-keys; Amazon S3 User Guide, access-points-policies,
"Delegating access control to access points"."""


@dataclass(frozen=True)
class Condition:
    """One condition of a statement; its key is in lower case, because IAM ignores the case of keys."""

    operator: str
    key: str
    values: tuple[str, ...]

    @property
    def narrows(self) -> bool:
        """True if the condition excludes some requests, because it requires the key with certain values."""
        operator = self.operator.removeprefix("ForAnyValue:")
        return (
            operator in _NARROWING
            and bool(self.values)
            and not any(is_world(value) or not value.strip("*?:") for value in self.values)
        )

    @property
    def names_owners(self) -> bool:
        """True if the condition admits only named accounts, organizations, buckets or networks."""
        return self.key in _OWNERS and self.narrows and all(map(_has_owner, self.values))


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document."""

    value: Value
    effect: str
    actions: tuple[str, ...]
    inverted: bool
    """True if the statement has NotAction, NotResource or NotPrincipal."""
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """Kind (AWS, Service, Federated, CanonicalUser) and name."""
    conditions: tuple[Condition, ...]

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    @property
    def everybody(self) -> bool:
        """True if the statement applies to every principal."""
        return any(name == "*" and kind in ("AWS", "*") for kind, name in self.principals)

    @property
    def narrowed(self) -> bool:
        """True if a condition excludes some requests."""
        return any(condition.narrows for condition in self.conditions)

    @property
    def open(self) -> bool:
        """True if it allows everybody, or everybody except some, and no condition names the callers."""
        everybody = self.everybody or not self.value["NotPrincipal"].absent
        return self.allows and everybody and not any(condition.names_owners for condition in self.conditions)

    @property
    def named(self) -> Value:
        """The property NotPrincipal if the statement has it, else Principal."""
        inverted = self.value["NotPrincipal"]
        return self.value["Principal"] if inverted.absent else inverted

    def covers(self, action: str) -> bool:
        """Return True if a pattern covers an action; `service:*` stands for all actions of a service."""
        wanted = action.lower()
        return any(matches(wanted, pattern.lower()) for pattern in self.actions)


def _has_owner(value: str) -> bool:
    """Return True if a value names an owner without wildcards.

    The owner in an ARN is the account, or the bucket if the ARN has no account.
    """
    if value.lower().startswith("arn:"):
        account, name = (*value.split(":", 5)[4:], "", "")[:2]
        value = account or name
    owner = value.partition("/")[0]
    return bool(owner) and not any(sign in owner for sign in ("*", "?", "${"))


def statements(document: Value) -> list[Statement]:
    """Return the statements of a document, which is a JSON string or an object."""
    return [statement_of(value) for value in statement_values(document)]


def statement_values(document: Value) -> list[Value]:
    """Return the values of the statements, including unknown values."""
    value = document.json()["Statement"]
    return [item for item in (value.items() or [value]) if not item.known or not item.absent]


def statement_of(value: Value) -> Statement:
    """Read one statement; raise UnknownValueError if a part of it is unknown."""
    return Statement(
        value=value,
        effect=value["Effect"].text() or "Allow",
        actions=tuple(value["Action"].texts()),
        inverted=any(not value[key].absent for key in ("NotAction", "NotResource", "NotPrincipal")),
        resources=tuple(value["Resource"].texts()),
        principals=tuple(_principals(value["Principal"])),
        conditions=tuple(_conditions(value["Condition"])),
    )


def _principals(value: Value) -> Iterable[tuple[str, str]]:
    if isinstance(value.get(), str):
        yield "*", value.text() or ""
    for kind, names in value.entries().items():
        for name in names.texts():
            yield kind, name


def _conditions(value: Value) -> Iterable[Condition]:
    for operator, tests in value.entries().items():
        for key, values in tests.entries().items():
            plain = values.get()
            texts = values.texts() or ([] if plain in (None, []) else [_text(plain)])
            yield Condition(operator, key.lower(), tuple(texts))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
