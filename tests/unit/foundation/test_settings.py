"""Tests of the foundation's settings."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.errors import describe_faults
from foundation.settings.__main__ import main
from foundation.settings.load import read

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "stg", "prod", "shared")


def valid(stack: str = "dev") -> dict[str, Any]:
    return yaml.safe_load((ROOT / "foundation" / f"Pulumi.{stack}.yaml").read_text())["config"]


def faults(config: dict[str, Any], stack: str = "dev") -> str:
    return describe_faults(stack, read(config)[1], "foundation")


def changed(path: str, value: Any, stack: str = "dev") -> dict[str, Any]:
    config = copy.deepcopy(valid(stack))
    *parents, last = f"pipe-foundation:{path}".split(".")
    parent: Any = config
    for step in parents:
        parent = parent[int(step)] if step.isdigit() else parent[step]
    parent[int(last) if last.isdigit() else last] = value
    return config


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_files_are_valid(stack: str) -> None:
    settings, none = read(valid(stack))
    assert none == []
    assert settings is not None
    deploy_roles = [scope.naming.name("deploy") for scope in settings.scopes]
    assert deploy_roles == ([] if stack == "shared" else [f"pipe-{stack}-deploy"])
    assert settings.is_shared_account == (stack == "shared")


@pytest.mark.parametrize("section", ["github", "state", "sharedAccount"])
def test_the_accounts_agree_on_what_they_share(section: str) -> None:
    assert len({str(valid(stack)[f"pipe-foundation:{section}"]) for stack in STACKS}) == 1


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_environments_accounts_and_buckets_are_those_of_the_stacks(stack: str) -> None:
    settings, _ = read(valid(stack))
    assert settings is not None
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    service, backups = config["pipe:service"], config["pipe:backups"]
    [scope] = [scope for scope in settings.scopes if scope.naming.environment == service["environment"]]
    assert (scope.naming.account, scope.naming.region) == (service["account"], service["region"])
    assert settings.shared_account.id == service["sharedAccount"]
    assert settings.github.repository == service["repository"]
    assert settings.account.copy_region == backups["replica"]["region"]
    assert scope.buckets == [backups["bucket"], backups["replica"]["bucket"]]
    assert scope.namespace == config["pipe:namespace"]["name"]
    assert scope.connection_arn == config["pipe:ciRunner"]["connectionArn"]
    assert settings.datadog.site == config["pipe:monitoring"]["site"]


CONNECTION = (
    "arn:aws:codeconnections:ap-northeast-1:111122223333:connection/3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96"
)

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
        "github.repositoryId",
        456789,
        """
  pipe-foundation:github.repositoryId = 456789
    allowed: a GitHub ID, digits in quotes (shown by gh api repos/OWNER/NAME)
    fix:     pulumi config set --path 'pipe-foundation:github.repositoryId' 456789 --type string""",
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
    allowed: ap-northeast-1, as in aws:region
    fix:     pulumi config set --path 'pipe-foundation:account.region' ap-northeast-1""",
    ),
    (
        "account.copyRegion",
        "ap-northeast-1",
        """
  pipe-foundation:account.copyRegion = "ap-northeast-1"
    allowed: a region other than account.region
    fix:     pulumi config set --path 'pipe-foundation:account.copyRegion' ap-northeast-3""",
    ),
    (
        "environments",
        [
            {"name": "dev", "buckets": ["pipe-a"], "connectionArn": CONNECTION},
            {"name": "dev", "buckets": ["pipe-b"], "connectionArn": CONNECTION},
        ],
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
    allowed: 3 to 55 lower-case letters, digits and hyphens, no hyphen first or last
    fix:     pulumi config set --path 'pipe-foundation:environments[0].buckets[0]' pipe-backup-dev""",
    ),
    (
        "environments",
        [],
        """
  pipe-foundation:environments[0].name is missing
    allowed: the name of the account's environment; only the shared account (123456789012) has none
    fix:     pulumi config set --path 'pipe-foundation:environments[0].name' dev""",
    ),
    (
        "registry",
        {"repository": "pipe/api", "keepImages": 200, "untaggedDays": 14},
        """
  pipe-foundation:registry is set outside the shared account
    allowed: only in the account pipe-foundation:sharedAccount.id (123456789012)
    fix:     pulumi config rm pipe-foundation:registry""",
    ),
    (
        "datadog.enabled",
        False,
        """
  pipe-foundation:datadog.enabled = false
    allowed: true in an account with environments, since their monitors need its metrics
    fix:     pulumi config set --path 'pipe-foundation:datadog.enabled' true""",
    ),
    (
        "datadog.site",
        "datadoghq.eu",
        """
  datadog:apiUrl = "https://api.ap1.datadoghq.com/"
    allowed: https://api.datadoghq.eu/, as in pipe-foundation:datadog.site
    fix:     pulumi config set datadog:apiUrl https://api.datadoghq.eu/""",
    ),
    (
        "baseline.emails",
        [],
        """
  pipe-foundation:baseline.emails = []
    allowed: a list of 1 to 10 different entries, each an e-mail address, such as platform@pipe.dev
    fix:     pulumi config rm --path 'pipe-foundation:baseline.emails'""",
    ),
    (
        "baseline.trail",
        {"lockDays": 30, "retentionDays": 29},
        """
  pipe-foundation:baseline.trail.retentionDays = 29
    allowed: at least 30, as in trail.lockDays
    fix:     pulumi config set --path 'pipe-foundation:baseline.trail.retentionDays' 30""",
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
    expected = f"foundation/Pulumi.dev.yaml: 1 fault\n{expected} --stack dev --cwd foundation"
    assert faults(changed(path, value)) == expected


def test_the_images_that_are_kept_have_a_lower_limit() -> None:
    assert faults(changed("registry.keepImages", 1, "shared"), "shared") == (
        "foundation/Pulumi.shared.yaml: 1 fault\n\n"
        "  pipe-foundation:registry.keepImages = 1\n"
        "    allowed: a whole number of at least 10 and at most 10000\n"
        "    fix:     pulumi config set --path 'pipe-foundation:registry.keepImages' 10"
        " --stack shared --cwd foundation"
    )


def test_the_shared_account_has_a_registry() -> None:
    config = valid("shared")
    del config["pipe-foundation:registry"]
    assert faults(config, "shared") == (
        "foundation/Pulumi.shared.yaml: 1 fault\n\n"
        "  pipe-foundation:registry.repository is missing\n"
        "    allowed: the name of an ECR repository, such as pipe/api; the shared account must have one\n"
        "    fix:     pulumi config set --path 'pipe-foundation:registry.repository' pipe/api"
        " --stack shared --cwd foundation"
    )


def test_the_provider_must_be_limited_to_the_account() -> None:
    config = valid() | {"aws:allowedAccountIds": ["210987654321"]}
    assert faults(config) == (
        "foundation/Pulumi.dev.yaml: 1 fault\n\n"
        '  aws:allowedAccountIds[0] = "210987654321"\n'
        "    allowed: 111122223333, as in pipe-foundation:account.id\n"
        "    fix:     pulumi config set --path 'aws:allowedAccountIds[0]' 111122223333 --type string"
        " --stack dev --cwd foundation"
    )


def test_all_faults_are_in_one_message() -> None:
    config = changed("account.id", "x")
    del config["pipe-foundation:state"]
    config["pipe-foundation:environments"][0] = {"name": "dev"}
    heads = [line for line in faults(config).splitlines() if line.startswith("  pipe-")]
    assert heads == [
        '  pipe-foundation:account.id = "x"',
        "  pipe-foundation:environments[0].buckets[0] is missing",
        "  pipe-foundation:environments[0].connectionArn is missing",
        "  pipe-foundation:state.project is missing",
        "  pipe-foundation:state.lockDays is missing",
    ]


def write_all(root: Path, **changes: dict[str, Any]) -> list[str]:
    """Write the committed stack files to a folder, some of foundation's with other sections."""
    (root / "foundation").mkdir()
    for stack in STACKS:
        config = valid(stack) | changes.get(stack, {})
        (root / "foundation" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    for stack in ("dev", "stg", "prod"):
        (root / f"Pulumi.{stack}.yaml").write_text((ROOT / f"Pulumi.{stack}.yaml").read_text())
    return [str(root)]


def test_the_command_finds_the_committed_files_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.count(": valid\n") == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"stg": {"pipe-foundation:sharedAccount": {"id": "210987654321"}}},
            '  pipe-foundation:sharedAccount.id = "210987654321"\n'
            "    allowed: 123456789012, as in foundation/Pulumi.shared.yaml\n"
            "    fix:     pulumi config set --path 'pipe-foundation:sharedAccount.id' 123456789012"
            " --type string --stack stg --cwd foundation\n",
        ),
        (
            {"stg": {"pipe-foundation:environments": valid("prod")["pipe-foundation:environments"]}},
            '  pipe-foundation:account.id = "444455556666"\n'
            "    allowed: 777788889999, as in pipe:service.account of prod\n"
            "    fix:     pulumi config set --path 'pipe-foundation:account.id' 777788889999"
            " --type string --stack stg --cwd foundation\n",
        ),
        (
            {
                "stg": {
                    "pipe-foundation:environments": [
                        valid("stg")["pipe-foundation:environments"][0] | {"namespace": "other"}
                    ]
                }
            },
            '  pipe-foundation:environments[0].namespace = "other"\n'
            "    allowed: pipe, as in pipe:namespace.name of stg\n"
            "    fix:     pulumi config set --path 'pipe-foundation:environments[0].namespace' pipe"
            " --stack stg --cwd foundation\n",
        ),
        ({"stg": {"pipe-foundation:state": {}}}, "  pipe-foundation:state.project is missing\n"),
    ],
    ids=[
        "another shared account",
        "the environment of another account",
        "another namespace",
        "a fault of one file",
    ],
)
def test_the_command_compares_the_files(
    changes: dict[str, dict[str, Any]], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(write_all(tmp_path, **changes)) == 1
    output = capsys.readouterr().out
    assert output.count(": valid\n") == 3
    assert "foundation/Pulumi.stg.yaml: " in output and message in output


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_an_environment_with_copies_has_a_vault_that_accepts_their_retention(stack: str) -> None:
    settings, _ = read(valid(stack))
    shared, _ = read(valid("shared"))
    assert settings is not None and shared is not None and shared.vaults is not None
    owners = {owner.environment: owner.account for owner in shared.vaults.owners}
    for environment in settings.environments:
        assert owners.get(environment.name) == (settings.account.id if environment.copies.enabled else None)
        if environment.copies.enabled:
            limits = range(shared.vaults.min_retention_days, shared.vaults.max_retention_days + 1)
            assert environment.copies.keep_days in limits


def test_the_three_accounts_pull_images() -> None:
    shared, _ = read(valid("shared"))
    accounts = [
        settings.account.id for stack in ("dev", "stg", "prod") if (settings := read(valid(stack))[0])
    ]
    assert shared is not None and shared.registry is not None
    assert shared.registry.pull_accounts == accounts


def test_an_environment_is_copied_out_of_its_account_unless_its_file_says_otherwise() -> None:
    config = valid("prod")
    del config["pipe-foundation:environments"][0]["copies"]
    settings, none = read(config)
    assert none == [] and settings is not None
    assert (settings.environments[0].copies.enabled, settings.environments[0].copies.keep_days) == (True, 35)


def test_vaults_are_refused_outside_the_shared_account() -> None:
    config = valid("prod") | {"pipe-foundation:vaults": valid("shared")["pipe-foundation:vaults"]}
    assert faults(config, "prod").splitlines()[2:] == [
        "  pipe-foundation:vaults is set outside the shared account",
        "    allowed: only in the account pipe-foundation:sharedAccount.id (123456789012)",
        "    fix:     pulumi config rm pipe-foundation:vaults --stack prod --cwd foundation",
    ]


def test_copies_into_the_account_of_the_environment_are_refused() -> None:
    config = valid("shared") | {"pipe-foundation:environments": valid("prod")["pipe-foundation:environments"]}
    assert "  pipe-foundation:environments[0].copies.enabled = true\n" in faults(config, "shared")


def test_a_maximum_retention_below_the_minimum_is_refused() -> None:
    assert "  pipe-foundation:vaults.maxRetentionDays = 6\n" in faults(
        changed("vaults.maxRetentionDays", 6, "shared"), "shared"
    )


def test_a_lock_without_three_days_of_grace_is_refused() -> None:
    message = faults(changed("vaults.changeableForDays", 2, "shared"), "shared")
    assert "  pipe-foundation:vaults.changeableForDays = 2\n" in message
