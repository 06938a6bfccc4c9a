"""Label selectors, indexed so that finding what selects a pod does not look at everything."""

from collections.abc import Iterable, Iterator, Mapping

from policies.unknowns import Value

Labels = Mapping[str, str | None]


def labels_of(value: Value) -> dict[str, str | None]:
    """Labels as plain texts; raises UnknownValueError when one is not known."""
    return {key: label.text() for key, label in value.entries().items()}


def selects(selector: Value, labels: Labels) -> bool:
    """Whether a selector (matchLabels and matchExpressions) matches labels; an empty one matches all."""
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


def same_namespace(one: Value, other: Value) -> bool:
    """Whether two objects are in one namespace; one that is not known may be."""
    first, second = one.at("metadata.namespace"), other.at("metadata.namespace")
    return not (first.known and second.known) or first.get() == second.get()


class Selectors:
    """Objects with a selector, found by the first label that each asks for."""

    def __init__(self, objects: Iterable[Value], path: str) -> None:
        self._path = path
        self._by_label: dict[tuple[str, str | None], list[Value]] = {}
        self._others: list[Value] = []
        for value in objects:
            wanted = value.at(path)["matchLabels"]
            first = next(iter(wanted.entries().items()), None) if wanted.known else None
            if first is not None and first[1].known:
                self._by_label.setdefault((first[0], first[1].text()), []).append(value)
            else:
                self._others.append(value)

    def any(self, owner: Value, labels: Labels) -> bool:
        """Whether an object in the same namespace selects these labels."""
        return any(
            same_namespace(value, owner) and selects(value.at(self._path), labels)
            for value in self._candidates(labels)
        )

    def _candidates(self, labels: Labels) -> Iterator[Value]:
        for pair in labels.items():
            yield from self._by_label.get(pair, ())
        yield from self._others
