from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, secret
from tests.support.policies.workloads import AT, DEPLOYMENT_TYPE, deployment


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
    messages_of: MessagesOf, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == [f"{AT}.{expected}"]


IN_ENV = "workload-secret-in-env"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "hunter2") for name in ("PGPASSWORD", "DBPASSWORD", "dbPassword", "clientSecret")),
        *(
            (name, "hunter2")
            for name in ("SECRET_KEY", "SECRET_KEY_BASE", "ENCRYPTION_KEY", "apiKey", "PASS")
        ),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "/Ab3+x"),
        ("DATABASE_URL", "postgres://u:hunter2@db/x"),
        ("CACHE", "redis://:hunter2@cache:6379"),
    ],
)
def test_a_secret_is_known_by_its_name_or_by_the_password_of_an_address(
    messages_of: MessagesOf, name: str, value: str
) -> None:
    assert messages_of(IN_ENV, DEPLOYMENT_TYPE, deployment(env=[{"name": name, "value": value}])) == [
        f"{AT}.env[0].value is [secret]; move it to a Secret and use valueFrom.secretKeyRef"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/key.json"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("REQUIRE_PASSWORD", "false"),
        ("PASSWORD", "$(PGPASSWORD)"),
        ("DATABASE_URL", "postgres://u:$(PGPASSWORD)@db/x"),
        ("DATABASE_URL", "postgres://db:5432/x"),
        ("PASSWORD_FILE", "/run/password"),
        ("MAX_TOKENS", "9"),
    ],
)
def test_a_path_a_switch_and_another_variable_are_no_secret(
    messages_of: MessagesOf, name: str, value: str
) -> None:
    assert messages_of(IN_ENV, DEPLOYMENT_TYPE, deployment(env=[{"name": name, "value": value}])) == []


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-duplicate-env",
            {"env": [{"name": "A"}, {"name": UNKNOWN}, {"name": "A"}]},
            [f"{AT}.env[2].name is 'A'; remove the second entry", f"unknown: {AT}.env[1].name"],
        ),
        (
            "workload-secret-as-env",
            {
                "env": [{"valueFrom": UNKNOWN}, {"valueFrom": {"secretKeyRef": {"name": "s"}}}],
                "envFrom": [{"secretRef": {"name": "t"}}],
            },
            [
                f"{AT}.env[1].valueFrom.secretKeyRef is {{'name': 's'}}; mount the Secret as a volume",
                f"{AT}.envFrom[0].secretRef is {{'name': 't'}}; mount the Secret as a volume",
                f"unknown: {AT}.env[0].valueFrom",
            ],
        ),
    ],
)
def test_an_unknown_variable_hides_no_other(
    messages_of: MessagesOf, policy: str, change: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == expected


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
def test_what_a_rule_allows_passes(messages_of: MessagesOf, policy: str, change: dict[str, Any]) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == []
