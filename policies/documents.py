"""IAM policy documents: their statements, read the same way for every rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from policies.unknowns import Value


@dataclass(frozen=True)
class Condition:
    """One test of a statement: operator, key in lower case (IAM ignores its case), values."""

    operator: str
    key: str
    values: tuple[str, ...]


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

    def covers(self, action: str) -> bool:
        """Whether one of its action patterns covers an action, or every action of `service:*`."""
        wanted = action.lower()
        return any(fnmatchcase(wanted, pattern.lower()) for pattern in self.actions)


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
            texts = values.texts() or ([] if plain is None else [_text(plain)])
            yield Condition(operator, key.lower(), tuple(texts))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
