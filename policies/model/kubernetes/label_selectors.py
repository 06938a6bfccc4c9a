"""Label selectors, with an index to find the selectors that match a pod."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from policies.model.property_marks import UNKNOWN
from policies.model.property_values import Value

T = TypeVar("T")

Labels = Mapping[str, str | None]


def labels_of(value: Value) -> dict[str, str | None]:
    """Return labels as plain strings; raise UnknownValueError if a label is unknown."""
    return {key: label.text() for key, label in value.entries().items()}


def selects(selector: Value, labels: Labels) -> bool:
    """Return True if a selector (matchLabels and matchExpressions) matches; an empty selector always does."""
    if any(labels.get(key) != wanted for key, wanted in labels_of(selector["matchLabels"]).items()):
        return False
    return all(_holds(expression, labels) for expression in selector["matchExpressions"].items())


def _holds(expression: Value, labels: Labels) -> bool:
    key, values = expression["key"].text() or "", expression["values"].texts()
    match expression["operator"].text():
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


Pair = tuple[str, str | None]
"""A label and its value."""


class Index(Generic[T]):
    """Objects by namespace and label; an object with an unknown namespace may be in any namespace."""

    def __init__(self) -> None:
        self._objects: dict[tuple[object, Pair | None], list[T]] = {}

    def add(self, owner: Value, pairs: Iterable[Pair | None], item: T) -> None:
        """Add an item to the namespace of `owner`, under each of the labels."""
        namespace = owner.at("metadata.namespace")
        for pair in pairs:
            for place in (namespace.text() if namespace.known else UNKNOWN, _ANYWHERE):
                self._objects.setdefault((place, pair), []).append(item)

    def at(self, owner: Value, pair: Pair | None) -> Sequence[T]:
        """Return the items that have a label and may be in the namespace of `owner`."""
        namespace = owner.at("metadata.namespace")
        if not namespace.known:
            return self.anywhere(pair)
        here, somewhere = (self._objects.get((place, pair), []) for place in (namespace.text(), UNKNOWN))
        return here + somewhere if here and somewhere else here or somewhere

    def anywhere(self, pair: Pair | None) -> Sequence[T]:
        """Return the items with a label, in any namespace."""
        return self._objects.get((_ANYWHERE, pair), ())


_ANYWHERE = object()


class Selectors:
    """Objects with a selector, indexed by the rarest label that each requires."""

    def __init__(self, objects: Iterable[Value], path: str) -> None:
        self._path = path
        self._index = Index[Value]()
        wanted = [(value, list(_pairs(value.at(path)["matchLabels"]))) for value in objects]
        counts = Counter(pair for _, pairs in wanted for pair in pairs)
        for value, pairs in wanted:
            self._index.add(value, [min(pairs, key=lambda pair: counts[pair], default=None)], value)

    def of(self, owner: Value, labels: Labels) -> Iterator[Value]:
        """Yield the objects in the same namespace that select these labels."""
        for pair in (*labels.items(), None):
            for value in self._index.at(owner, pair):
                if selects(value.at(self._path), labels):
                    yield value


def _pairs(wanted: Value) -> Iterator[Pair]:
    """Yield the labels whose values are known."""
    for key, value in wanted.entries().items() if wanted.known else ():
        if value.known:
            yield key, value.text()
