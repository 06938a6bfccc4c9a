from typing import Any

import pytest

from tests.policies.conftest import Said, secret
from tests.policies.workloads import AT, DEPLOYMENT_TYPE, deployment


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-duplicate-env",
            {"env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]},
            "env[2].name is 'A'; remove the second entry",
        ),
        (
            "workload-secret-in-env",
            {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
            "env[0].value is [secret]; move it to a Secret and use valueFrom.secretKeyRef",
        ),
        (
            "workload-secret-in-env",
            {"env": [{"name": "HARMLESS", "value": secret("hunter2")}]},
            "env[0].value is [secret]; move it to a Secret and use valueFrom.secretKeyRef",
        ),
        (
            "workload-secret-as-env",
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "env[0].valueFrom.secretKeyRef is {'key': 'k', 'name': 's'}; mount the Secret as a volume",
        ),
        (
            "workload-secret-as-env",
            {"envFrom": [{"secretRef": {"name": "s"}}]},
            "envFrom[0].secretRef is {'name': 's'}; mount the Secret as a volume",
        ),
    ],
)
def test_one_change_to_a_container_is_named(
    said: Said, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**change)) == [f"{AT}.{expected}"]


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ("workload-secret-in-env", {"env": [{"name": "TOKEN_URL", "value": "https://x"}]}),
        ("workload-secret-in-env", {"env": [{"name": "PASSWORD", "value": ""}]}),
        (
            "workload-secret-in-env",
            {"env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
        ),
        ("workload-secret-as-env", {"envFrom": [{"configMapRef": {"name": "c"}}]}),
    ],
)
def test_what_a_rule_allows_passes(said: Said, policy: str, change: dict[str, Any]) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**change)) == []
