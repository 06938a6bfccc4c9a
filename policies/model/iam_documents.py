"""IAM policy documents: their statements, read the same way for every rule."""

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
"""Operators that ask for values. Negated ones leave all others in; ...IfExists and ForAllValues hold where
the key is absent; Bool, Null, numbers and dates tell how or when, and neither whom nor what."""

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
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        "kms:calleraccount",
        "sts:externalid",
    }
)
"""Keys that tell who asks, or from where."""


@dataclass(frozen=True)
class Condition:
    """One test of a statement: operator, key in lower case (IAM ignores its case), values."""

    operator: str
    key: str
    values: tuple[str, ...]

    @property
    def narrows(self) -> bool:
        """Whether some requests do not meet it: it asks for the key, and not for any value."""
        operator = self.operator.removeprefix("ForAnyValue:")
        return (
            operator in _NARROWING
            and bool(self.values)
            and not any(is_world(value) or not value.strip("*?:") for value in self.values)
        )

    @property
    def names_owners(self) -> bool:
        """Whether only those pass whom its author named: accounts, organizations, buckets or networks."""
        return self.key in _OWNERS and self.narrows and all(map(_has_owner, self.values))


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document."""

    value: Value
    effect: str
    actions: tuple[str, ...]
    inverted: bool
    """Whether it names what it is not about (NotAction, NotResource or NotPrincipal)."""
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """Kind (AWS, Service, Federated, CanonicalUser) and name."""
    conditions: tuple[Condition, ...]

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    @property
    def everybody(self) -> bool:
        """Whether it speaks of every principal."""
        return any(name == "*" and kind in ("AWS", "*") for kind, name in self.principals)

    @property
    def narrowed(self) -> bool:
        """Whether a condition leaves some requests out."""
        return any(condition.narrows for condition in self.conditions)

    @property
    def open(self) -> bool:
        """Whether it allows something to everybody, or all but some, and no condition names who may."""
        everybody = self.everybody or not self.value["NotPrincipal"].absent
        return self.allows and everybody and not any(each.names_owners for each in self.conditions)

    @property
    def named(self) -> Value:
        """Where it names whom it is about, or is not."""
        inverted = self.value["NotPrincipal"]
        return self.value["Principal"] if inverted.absent else inverted

    def covers(self, action: str) -> bool:
        """Whether one of its action patterns covers an action, or every action of `service:*`."""
        wanted = action.lower()
        return any(matches(wanted, pattern.lower()) for pattern in self.actions)


def _has_owner(value: str) -> bool:
    """Whether a value is bound to somebody: an ARN by its account, or by its name (a bucket's has none)."""
    if value.lower().startswith("arn:"):
        account, name = (*value.split(":", 5)[4:], "", "")[:2]
        value = account or name
    owner = value.partition("/")[0]
    return bool(owner) and not any(sign in owner for sign in ("*", "?", "${"))


def statements(document: Value) -> list[Statement]:
    """The statements of a document given as JSON text or as an object."""
    return [statement_of(value) for value in statement_values(document)]


def statement_values(document: Value) -> list[Value]:
    """The same, unread: one that is not known is among them."""
    value = document.json()["Statement"]
    return [item for item in (value.items() or [value]) if not item.known or not item.absent]


def statement_of(value: Value) -> Statement:
    """Reads one statement; raises UnknownValueError when a part of it is not known."""
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
