import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf


@pytest.mark.parametrize(
    "name", ["serviceLevelObjective:ServiceLevelObjective", "syntheticsTest:SyntheticsTest"]
)
def test_objectives_and_tests_are_tagged(messages_of: MessagesOf, name: str) -> None:
    policy, kind = "datadog-tags-missing", f"datadog:index/{name}"
    assert messages_of(policy, kind, {"tags": ["env:prod", "service:web", "team:a"]}) == []
    assert messages_of(policy, kind, {"tags": ["env:prod", "service", "team:a"]}) == [
        "tags is without service; add service:…"
    ]
    assert messages_of(policy, kind, {}) == ["tags is not set; add env:…, service:…, team:…"]
    assert messages_of(policy, kind, {"tags": UNKNOWN}) == ["unknown: tags"]
    assert messages_of(policy, kind, {"tags": []}, keys=["owner"]) == ["tags is without owner; add owner:…"]
