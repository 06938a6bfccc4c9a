import pytest

from policies.rules.aws.deletion_protection import STATEFUL
from tests.support.policies.pytest_fixtures import resource, verdicts


@pytest.mark.parametrize("kind", STATEFUL)
def test_a_resource_that_keeps_data_is_protected(kind: str) -> None:
    policy = "stateful-unprotected"
    assert verdicts(policy, resource(kind, {}, protect=True), {}) == []
    assert verdicts(policy, resource(kind, {}), {}) == ["the option protect is not set; set it to true"]
