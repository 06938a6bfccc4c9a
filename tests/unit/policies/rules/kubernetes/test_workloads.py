import pytest

from policies.engine.catalog import RULES
from policies.model.kubernetes.pods import POD_SHAPED
from tests.support.policies.fixtures import DEPLOYMENT, KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import MessagesOf
from tests.support.rows import each_row

WORKLOAD_RULES = [rule.name for rule in RULES if rule.types & POD_SHAPED and rule.name != "labels-missing"]


@pytest.mark.parametrize("policy", WORKLOAD_RULES)
@each_row("name", KINDS)
def test_a_good_workload_passes_every_rule(messages_of: MessagesOf, policy: str, name: str) -> None:
    props, _ = around(name, POD)
    if name == "Deployment":
        props = DEPLOYMENT
    assert messages_of(policy, kind(name), props) == []
    assert messages_of(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == []
