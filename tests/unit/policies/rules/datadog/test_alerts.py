import pytest

from policies.engine.catalog import RULES
from policies.model.datadog_monitors import MONITOR as TYPE
from policies.model.datadog_monitors import MONITOR_JSON
from tests.support.policies.fixtures import MONITOR
from tests.support.policies.monitors import as_json
from tests.support.policies.pytest_fixtures import MessagesOf

MONITOR_RULES = [rule.name for rule in RULES if TYPE in rule.types]


@pytest.mark.parametrize("policy", MONITOR_RULES)
def test_a_good_monitor_passes_every_rule_in_both_forms(messages_of: MessagesOf, policy: str) -> None:
    assert messages_of(policy, TYPE, MONITOR) == []
    assert messages_of(policy, MONITOR_JSON, as_json()) == []
