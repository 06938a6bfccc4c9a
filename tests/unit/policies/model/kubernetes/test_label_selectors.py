import pytest

from policies.model.kubernetes.label_selectors import Labels, Selectors, selects
from policies.model.property_marks import from_plain
from policies.model.property_values import Value
from tests.support.policies.pytest_fixtures import UNKNOWN


@pytest.mark.parametrize(
    ("operator", "values", "labels", "holds"),
    [
        ("In", ["a", "b"], {"k": "b"}, True),
        ("In", ["a"], {"k": "b"}, False),
        ("NotIn", ["a"], {"k": "b"}, True),
        ("NotIn", ["b"], {"k": "b"}, False),
        ("NotIn", ["b"], {}, True),
        ("Exists", [], {"k": "b"}, True),
        ("Exists", [], {}, False),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"k": "b"}, False),
        ("Near", [], {"k": "b"}, False),
    ],
)
def test_match_expressions(
    operator: str, values: list[str], labels: dict[str, str | None], holds: bool
) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert selects(Value(from_plain(selector)), labels) is holds


def labelled(namespace: object, **selector: object) -> Value:
    return Value(from_plain({"metadata": {"namespace": namespace}, "spec": selector}))


def test_selectors_are_compared_only_within_the_namespace_and_its_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = {"part-of": "shop"}
    closed = [labelled(f"n{index}") for index in range(2000)]
    own = [labelled("n", matchLabels={**shared, "app": f"a{index}"}) for index in range(2000)]
    selectors = Selectors([*closed, *own], "spec")
    comparisons = 0

    def count(selector: Value, labels: Labels) -> bool:
        nonlocal comparisons
        comparisons += 1
        return selects(selector, labels)

    monkeypatch.setattr("policies.model.kubernetes.label_selectors.selects", count)
    assert list(selectors.of(labelled("n7"), shared)) == [closed[7]]
    assert list(selectors.of(labelled("n"), {**shared, "app": "a7"})) == [own[7]]
    assert comparisons == 2


def test_a_namespace_that_is_not_known_may_be_any() -> None:
    wanted = {"app": "a"}
    here, somewhere = labelled("n", matchLabels=wanted), labelled(UNKNOWN, matchLabels=wanted)
    selectors = Selectors([here, somewhere, labelled("other", matchLabels=wanted)], "spec")
    assert list(selectors.of(labelled("n"), wanted)) == [here, somewhere]
    assert len(list(selectors.of(labelled(UNKNOWN), wanted))) == 3
