"""Tests of the foundation's roles, registry, state bucket and keys."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.github_access import BUILD_WORKFLOW, DEPLOY_WORKFLOWS, DRIFT_WORKFLOW
from foundation.operators import trust
from tests.support.components.fixtures import Recorder
from tests.support.components.iam import verdict
from tests.support.foundation.fixtures import evaluate_foundation
from tools.iam.recording import record_program

ROOT = Path(__file__).parents[3]

TRUST: dict[str, tuple[str, list[tuple[str, tuple[str, ...]]]]] = {
    "pipe-build": ("shared", [("ref:refs/heads/main", ("deploy.yml",))]),
    "pipe-dev-preview": ("dev", [("environment:drift", ("drift.yml",)), ("environment:preview", ())]),
    "pipe-stg-preview": ("stg", [("environment:drift", ("drift.yml",))]),
    "pipe-prod-preview": ("prod", [("environment:drift", ("drift.yml",))]),
    "pipe-dev-deploy": ("dev", [("environment:dev", ("deploy-stack.yml", "operate.yml"))]),
    "pipe-stg-deploy": ("stg", [("environment:stg", ("deploy-stack.yml", "operate.yml"))]),
    "pipe-prod-deploy": ("prod", [("environment:prod", ("deploy-stack.yml", "operate.yml"))]),
}
"""Trust of each role that GitHub's jobs assume: foundation's stack with the role, and the trusted subjects,
each with the workflows on main in which it is trusted; an empty tuple means any workflow."""

REPOSITORY = "pipe-dev/infrastructure"


def test_github_is_an_identity_provider_without_thumbprints(foundation: Recorder) -> None:
    [provider] = foundation.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider").values()
    assert provider["url"] == "https://token.actions.githubusercontent.com"
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    assert "thumbprintLists" not in provider


def trust_of(foundation: Recorder, name: str) -> list[dict[str, Any]]:
    [role] = [role for role in foundation.of_type("aws:iam/role:Role").values() if role["name"] == name]
    return json.loads(role["assumeRolePolicy"])["Statement"]


def test_github_s_jobs_assume_no_other_role() -> None:
    federated = {
        role.inputs["name"]
        for stack in ("dev", "stg", "prod", "shared")
        for role in record_program(stack, is_foundation=True).of_type("aws:iam/role:Role")
        if "sts:AssumeRoleWithWebIdentity" in role.inputs["assumeRolePolicy"]
    }
    assert federated == set(TRUST)


@pytest.mark.parametrize("name", TRUST)
def test_each_role_trusts_exactly_its_jobs(name: str) -> None:
    stack, trusted = TRUST[name]
    statements = trust_of(evaluate_foundation(stack), name)
    for statement, (job, workflows) in zip(statements, trusted, strict=True):
        assert statement["Principal"] == {"Federated": "arn:aws:mock:::github"}
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        claims = {
            "aud": "sts.amazonaws.com",
            "sub": [f"repo:{REPOSITORY}:{job}", f"repo:pipe-dev@123456/infrastructure@456789:{job}"],
            "repository_id": "456789",
        }
        if workflows:
            files = [f"{REPOSITORY}/.github/workflows/{file}@refs/heads/main" for file in workflows]
            claims |= {"ref": "refs/heads/main", "job_workflow_ref": files}
        expected = {f"token.actions.githubusercontent.com:{claim}": value for claim, value in claims.items()}
        assert statement["Condition"] == {"StringEquals": expected}


TOKEN = {
    "aud": "sts.amazonaws.com",
    "repository_id": "456789",
    "ref": "refs/heads/main",
    "job_workflow_ref": f"{REPOSITORY}/.github/workflows/deploy-stack.yml@refs/heads/main",
    "sub": f"repo:{REPOSITORY}:environment:stg",
}
"""Claims of the job that deploys stg."""


@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        ({}, True),
        ({"sub": "repo:pipe-dev@123456/infrastructure@456789:environment:stg"}, True),
        ({"job_workflow_ref": f"{REPOSITORY}/.github/workflows/operate.yml@refs/heads/main"}, True),
        ({"sub": f"repo:{REPOSITORY}:environment:prod"}, False),
        ({"sub": f"repo:{REPOSITORY}:ref:refs/heads/main"}, False),
        ({"sub": "repo:pipe-dev@1/infrastructure@2:environment:stg"}, False),
        # The claims of another repository that has taken over the name.
        ({"repository_id": "2"}, False),
        ({"aud": "https://github.com/x"}, False),
        # A pushed branch that uses the environment, with its own or with main's workflow.
        ({"ref": "refs/heads/x"}, False),
        ({"job_workflow_ref": f"{REPOSITORY}/.github/workflows/deploy-stack.yml@refs/heads/x"}, False),
        ({"job_workflow_ref": f"{REPOSITORY}/.github/workflows/preview.yml@refs/heads/main"}, False),
        ({"job_workflow_ref": "x/y/.github/workflows/deploy-stack.yml@refs/heads/main"}, False),
    ],
)
def test_the_deploy_role_accepts_only_the_environment_s_jobs_in_main_s_deploy_workflows(
    foundation: Recorder, claims: dict[str, str], accepted: bool
) -> None:
    context = {f"token.actions.githubusercontent.com:{key}": value for key, value in (TOKEN | claims).items()}
    statements = [statement | {"Resource": "*"} for statement in trust_of(foundation, "pipe-stg-deploy")]
    document = json.dumps({"Statement": statements})
    expected = "allow" if accepted else "nothing"
    assert verdict([document], "sts:AssumeRoleWithWebIdentity", "*", context) == expected


def test_the_workflows_that_a_role_trusts_are_those_that_assume_it() -> None:
    uses: dict[str, set[str]] = {}
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        for role in re.findall(r"tools\.stack_access \S+ (\w+)", file.read_text()):
            uses.setdefault(role, set()).add(file.name)
    assert uses == {
        "build": {BUILD_WORKFLOW},
        "deploy": {*DEPLOY_WORKFLOWS},
        "preview": {DRIFT_WORKFLOW, "preview.yml"},
    }


def test_the_role_that_the_stack_files_name_as_operator_exists() -> None:
    for stack in ("dev", "stg", "prod"):
        foundation = evaluate_foundation(stack)
        roles = {role["name"] for role in foundation.of_type("aws:iam/role:Role").values()}
        file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        for arn in file["pipe:cluster"]["operators"]:
            assert arn.rpartition("/")[2] in roles


def test_operators_are_named_people(foundation: Recorder) -> None:
    [statement] = trust_of(foundation, "pipe-stg-operators")
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::444455556666:user/operator"]}
    assert statement["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize(
    ("principal", "mfa", "expected"),
    [
        ("user/operator", {"aws:MultiFactorAuthPresent": "true"}, "allow"),
        ("user/operator", {"aws:MultiFactorAuthPresent": "false"}, "nothing"),
        ("user/operator", {}, "nothing"),
        ("role/platform", {}, "allow"),  # The trust of this role has to ask for MFA.
    ],
)
def test_operators_who_are_users_need_mfa(principal: str, mfa: dict[str, str], expected: str) -> None:
    arns = [f"arn:aws:iam::444455556666:{name}" for name in ("user/operator", "role/platform")]
    [statement] = [item for item in trust(arns) if principal in str(item["Principal"])]
    policy = json.dumps({"Statement": [{**statement, "Resource": "*"}]})
    assert verdict([policy], "sts:AssumeRole", "*", mfa) == expected


def test_no_policy_is_longer_than_iam_allows(foundation: Recorder) -> None:
    for name, policy in foundation.of_type("aws:iam/policy:Policy").items():
        assert len("".join(policy["policy"].split())) <= 6144, name


def test_no_role_has_more_policies_than_iam_allows(policies: dict[str, list[str]]) -> None:
    assert max(len(documents) for documents in policies.values()) <= 10


def statements(foundation: Recorder) -> list[dict[str, Any]]:
    policies = foundation.of_type("aws:iam/policy:Policy").values()
    return [statement for policy in policies for statement in json.loads(policy["policy"])["Statement"]]


def test_no_statement_allows_a_whole_service_or_more(foundation: Recorder) -> None:
    allowing = [statement for statement in statements(foundation) if statement["Effect"] == "Allow"]
    actions = {action for statement in allowing for action in statement["Action"]}
    assert not {action for action in actions if action == "*" or action.endswith(":*")}


def test_an_image_is_pushed_once_scanned_and_encrypted(shared: Recorder) -> None:
    repository = shared.of_type("aws:ecr/repository:Repository")["registry"]
    assert repository["name"] == "pipe/api"
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [
        {"encryptionType": "KMS", "kmsKey": "arn:aws:mock:::registry"}
    ]


def test_the_newest_images_stay(shared: Recorder) -> None:
    lifecycle = shared.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy")["registry"]
    untagged, rest = json.loads(lifecycle["policy"])["rules"]
    assert (untagged["selection"]["tagStatus"], untagged["selection"]["countNumber"]) == ("untagged", 14)
    assert (rest["selection"]["countType"], rest["selection"]["countNumber"]) == ("imageCountMoreThan", 200)


def test_state_and_records_are_kept_in_hardened_buckets_with_copies(foundation: Recorder) -> None:
    buckets = foundation.of_type("aws:s3/bucket:Bucket")
    assert {bucket["bucket"] for bucket in buckets.values()} == {
        f"pipe-{content}-444455556666{copy}{logs}"
        for content in ("state", "trail")
        for copy in ("", "-copy")
        for logs in ("", "-logs")
    }
    for typ in ("bucketVersioning:BucketVersioning", "bucketPublicAccessBlock:BucketPublicAccessBlock"):
        assert set(foundation.of_type(f"aws:s3/{typ}")) == set(buckets)
    assert set(foundation.of_type("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")) == {
        "state-bucket",
        "state-copy",
        "trail",
        "trail-copy",
    }


def test_every_provider_is_limited_to_the_account(foundation: Recorder) -> None:
    providers = foundation.of_type("pulumi:providers:aws")
    assert set(providers) == {"state-copy", "trail-copy", "break-glass-global"}
    for provider in providers.values():
        assert json.loads(provider["allowedAccountIds"]) == ["444455556666"]


def test_secrets_have_their_own_key_and_every_key_rotates(foundation: Recorder) -> None:
    aliases = foundation.of_type("aws:kms/alias:Alias")
    assert aliases["state"]["name"] == "alias/pipe-state"
    assert {alias["name"] for alias in aliases.values()} == {
        "alias/pipe-state",
        "alias/pipe-state-bucket",
        "alias/pipe-state-copy",
        "alias/pipe-stg-vault",
        "alias/pipe-trail",
        "alias/pipe-trail-copy",
        "alias/pipe-alerts",
    }
    for key in foundation.of_type("aws:kms/key:Key").values():
        assert key["enableKeyRotation"] is True


def test_everything_is_tagged(foundation: Recorder) -> None:
    for (typ, name), inputs in foundation.inputs.items():
        if typ in ("aws:iam/role:Role", "aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:iam/policy:Policy"):
            assert {"service", "env", "team", "managed-by", "Name"} <= set(inputs["tags"]), (typ, name)
