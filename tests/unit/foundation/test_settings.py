"""Tests of the foundation's settings."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.errors import describe_faults
from foundation.settings import read

ROOT = Path(__file__).parents[3]


def valid() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "foundation" / "Pulumi.foundation.yaml").read_text())["config"]


def faults(config: dict[str, Any]) -> str:
    return describe_faults("foundation", read(config)[1])


def changed(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(valid())
    topic, *steps = path.split(".")
    parent: Any = config
    for step in [f"pipe-foundation:{topic}", *steps[:-1]]:
        parent = parent[int(step)] if step.isdigit() else parent[step]
    parent[int(steps[-1]) if steps[-1].isdigit() else steps[-1]] = value
    return config


def test_the_committed_file_is_valid() -> None:
    settings, none = read(valid())
    assert none == []
    assert settings is not None
    assert [scope.naming.name("deploy") for scope in settings.scopes] == [
        "pipe-dev-deploy",
        "pipe-stg-deploy",
        "pipe-prod-deploy",
    ]


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_environments_accounts_and_buckets_are_those_of_the_stacks(stack: str) -> None:
    settings, _ = read(valid())
    assert settings is not None
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    service, backups = config["pipe:service"], config["pipe:backups"]
    [scope] = [scope for scope in settings.scopes if scope.naming.environment == service["environment"]]
    assert (scope.naming.account, scope.naming.region) == (service["account"], service["region"])
    assert settings.account.github_repository == service["repository"]
    assert settings.account.copy_region == backups["replica"]["region"]
    assert scope.buckets == [backups["bucket"], backups["replica"]["bucket"]]


INVALID: list[tuple[str, Any, str]] = [
    (
        "account.id",
        12,
        """
  pipe-foundation:account.id = 12
    allowed: an AWS account: twelve digits, in quotes
    fix:     pulumi config set --path 'pipe-foundation:account.id' 123456789012 --type string""",
    ),
    (
        "account.githubRepositoryId",
        456789,
        """
  pipe-foundation:account.githubRepositoryId = 456789
    allowed: a GitHub id, digits in quotes: gh api repos/OWNER/NAME
    fix:     pulumi config set --path 'pipe-foundation:account.githubRepositoryId' 456789 --type string""",
    ),
    (
        "account.operators.0",
        "arn:aws:sts::123456789012:assumed-role/admin/me",
        """
  pipe-foundation:account.operators[0] = "arn:aws:sts::123456789012:assumed-role/admin/me"
    allowed: the ARN of an IAM role or user
    fix:     pulumi config set --path 'pipe-foundation:account.operators[0]' """
        "arn:aws:iam::123456789012:user/operator",
    ),
    (
        "account.region",
        "ap-northeast-2",
        """
  pipe-foundation:account.region = "ap-northeast-2"
    allowed: ap-northeast-1, as aws:region
    fix:     pulumi config set --path 'pipe-foundation:account.region' ap-northeast-1""",
    ),
    (
        "account.copyRegion",
        "ap-northeast-1",
        """
  pipe-foundation:account.copyRegion = "ap-northeast-1"
    allowed: another region than account.region
    fix:     pulumi config set --path 'pipe-foundation:account.copyRegion' ap-northeast-3""",
    ),
    (
        "environments.1.name",
        "dev",
        """
  pipe-foundation:environments[1].name = "dev"
    allowed: a name that no other entry has
    fix:     pulumi config rm --path 'pipe-foundation:environments[1]'""",
    ),
    (
        "environments.0.buckets.0",
        "pipe.backup",
        """
  pipe-foundation:environments[0].buckets[0] = "pipe.backup"
    allowed: 3 to 55 lower-case letters, digits and hyphens, no dots
    fix:     pulumi config set --path 'pipe-foundation:environments[0].buckets[0]' pipe-backup-dev""",
    ),
    (
        "registry.keepImages",
        1,
        """
  pipe-foundation:registry.keepImages = 1
    allowed: a whole number at least 10 and at most 10000
    fix:     pulumi config set --path 'pipe-foundation:registry.keepImages' 10""",
    ),
    (
        "state.lock",
        30,
        """
  pipe-foundation:state.lock is not a setting
    allowed: project, lockDays
    fix:     pulumi config rm --path 'pipe-foundation:state.lock'""",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), INVALID, ids=[path for path, _, _ in INVALID])
def test_an_invalid_value_is_reported_with_the_allowed_ones_and_the_command(
    path: str, value: Any, expected: str
) -> None:
    assert faults(changed(path, value)) == f"Pulumi.foundation.yaml: 1 fault\n{expected} --stack foundation"


def test_the_provider_must_be_limited_to_the_account() -> None:
    config = valid() | {"aws:allowedAccountIds": ["210987654321"]}
    assert faults(config) == (
        "Pulumi.foundation.yaml: 1 fault\n\n"
        '  aws:allowedAccountIds[0] = "210987654321"\n'
        "    allowed: 123456789012, as pipe-foundation:account.id\n"
        "    fix:     pulumi config set --path 'aws:allowedAccountIds[0]' 123456789012 --type string"
        " --stack foundation"
    )


def test_all_faults_are_in_one_message() -> None:
    config = changed("account.id", "x")
    del config["pipe-foundation:registry"]
    config["pipe-foundation:environments"][2] = {"name": "prod"}
    heads = [line for line in faults(config).splitlines() if line.startswith("  pipe-")]
    assert heads == [
        '  pipe-foundation:account.id = "x"',
        "  pipe-foundation:environments[2].buckets[0] is missing",
        "  pipe-foundation:registry.repository is missing",
        "  pipe-foundation:registry.keepImages is missing",
        "  pipe-foundation:registry.untaggedDays is missing",
    ]
