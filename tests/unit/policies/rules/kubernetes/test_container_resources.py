from copy import deepcopy

import pytest

from tests.support.policies.fixtures import CONTAINER, KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import MessagesOf, changed
from tests.support.rows import each_row

MISSING = [
    ("workload-cpu-request-missing", "resources__requests__cpu", "resources.requests.cpu", "100m"),
    ("workload-cpu-limit-missing", "resources__limits__cpu", "resources.limits.cpu", "200m"),
    ("workload-memory-request-missing", "resources__requests__memory", "resources.requests.memory", "256Mi"),
    ("workload-memory-limit-missing", "resources__limits__memory", "resources.limits.memory", "512Mi"),
]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("name", KINDS)
@each_row("field", ["containers", "initContainers"])
def test_a_missing_quantity_is_named_in_every_kind(
    messages_of: MessagesOf, policy: str, change: str, path: str, example: str, name: str, field: str
) -> None:
    broken = deepcopy(POD)
    broken["spec"][field] = [changed(CONTAINER, **{change: None})]
    props, spec = around(name, broken)
    wanted = f"is not set; set it to a quantity above zero, such as {example}"
    assert messages_of(policy, kind(name), props) == [f"{spec}.{field}[0].{path} {wanted}"]
    assert messages_of(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == [
        f"items[0].{spec}.{field}[0].{path} {wanted}"
    ]
    assert messages_of(policy, kind(name, "Patch"), props) == [f"unknown: {spec}.{field}[0].{path}"]
