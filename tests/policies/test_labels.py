import pytest

from policies.labels import selects
from policies.unknowns import Value, from_plain


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
