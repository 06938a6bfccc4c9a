"""Tests of copying a lost environment's roles to the environment that replaces it."""

import argparse
import functools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import boto3
import pytest
import yaml
from moto import mock_aws

from components.common.naming import Naming
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles
from foundation.service_roles.role import ServiceRole
from operations.lib import command_line, sandbox_targets
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog
from operations.lib.services import role_copies
from operations.relocate import relocated_text
from sandbox.clouds.aws.moto_patches import ACCOUNT_VARIABLE

LOST, NEW = "ap-northeast-1", "ap-northeast-3"
ACCOUNT = "123456789012"
MANAGED = "arn:aws:iam::aws:policy"


def roles_of(environment: str, region: str, bucket: str) -> dict[str, ServiceRole]:
    """Return the roles that foundation declares for an environment in a region."""
    naming = Naming(environment=environment, team="platform", account=ACCOUNT, region=region)
    connection = f"arn:aws:codeconnections:{LOST}:{ACCOUNT}:connection/3f6d1c1e"  # Serves every region.
    buckets = [bucket, f"{bucket}-replica"]
    scope = Scope(
        naming=naming, copy_region=NEW, buckets=buckets, namespace="pipe", connection_arn=connection
    )
    return {role.name: role for role in environment_roles(scope)}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def options() -> command_line.Options:
    """Provide the options of a run for prod, after relocate.sh has changed the stack file."""
    prod = command_line.read_options(argparse.Namespace(stack="prod", dry_run=False, yes=True))
    text = relocated_text((command_line.ROOT / "Pulumi.prod.yaml").read_text(), prod.settings, "osaka", NEW)
    config = yaml.safe_load(text)["config"]
    settings = {key.removeprefix("pipe:"): value for key, value in config.items()}
    return replace(prod, settings=settings)


def _client(client: Any, _options: command_line.Options, service: str) -> Any:
    assert service == "iam"
    return client


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Provide a client of an account with the roles of prod and one role of dev."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv(
        ACCOUNT_VARIABLE, ACCOUNT
    )  # Another test of this process may have set another account.
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        client = cast(Any, boto3).client("iam", region_name=NEW)
        monkeypatch.setattr(sandbox_targets, "aws", functools.partial(_client, client))
        for role in roles_of("prod", LOST, "pipe-backup").values():
            trust = json.dumps(document(role.trust))
            tags = [{"Key": "env", "Value": "prod"}, {"Key": "Name", "Value": role.name}]
            client.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust, Tags=tags)
            for policy in role.managed_policies:
                client.attach_role_policy(RoleName=role.name, PolicyArn=f"{MANAGED}/{policy}")
            if role.statements:
                text = json.dumps(document(*role.statements))
                client.put_role_policy(RoleName=role.name, PolicyName=role.name, PolicyDocument=text)
        trust = json.dumps(document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}))
        client.create_role(RoleName="pipe-dev-node", AssumeRolePolicyDocument=trust)
        yield client


def copy(options: command_line.Options) -> str:
    return role_copies.copy_roles(RunLog("relocate", options), options, "prod")


def test_the_copies_are_the_roles_that_foundation_would_declare(
    iam: Any, options: command_line.Options
) -> None:
    assert copy(options) == "osaka has the roles of prod"
    expected = roles_of("osaka", NEW, "pipe-backup-osaka")
    names = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    assert {name for name in names if name.startswith("pipe-osaka-")} == set(expected)
    for name, role in expected.items():
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        assert trust == document(role.trust)
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        assert {policy["PolicyArn"] for policy in attached} == {
            f"{MANAGED}/{policy}" for policy in role.managed_policies
        }
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        assert inline == ([name] if role.statements else [])
        if role.statements:
            policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
            assert policy == document(*role.statements)
        tags = {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}
        assert tags == {"env": "osaka", "Name": name}


def test_a_policy_of_the_environment_is_copied_and_the_github_environment_keeps_its_name(
    iam: Any, options: command_line.Options
) -> None:
    subject = "repo:pipe-dev/infrastructure:environment:prod"
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"token.actions:sub": subject}},
        }
    )
    iam.create_role(RoleName="pipe-prod-deploy", AssumeRolePolicyDocument=json.dumps(trust))
    for name in ("pipe-prod-deploy-data", "pipe-read"):
        statement = {
            "Effect": "Allow",
            "Action": "rds:ModifyDBInstance",
            "Resource": f"arn:aws:rds:{LOST}:{ACCOUNT}:db:pipe-prod-*",
        }
        policy = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document(statement)))
        iam.attach_role_policy(RoleName="pipe-prod-deploy", PolicyArn=policy["Policy"]["Arn"])
    for _ in range(2):  # A second run finds the copies of the first.
        copy(options)
    role = iam.get_role(RoleName="pipe-osaka-deploy")["Role"]
    assert role["AssumeRolePolicyDocument"] == trust
    attached = iam.list_attached_role_policies(RoleName="pipe-osaka-deploy")["AttachedPolicies"]
    assert {policy["PolicyName"] for policy in attached} == {"pipe-osaka-deploy-data", "pipe-read"}
    arn = f"arn:aws:iam::{ACCOUNT}:policy/pipe-osaka-deploy-data"
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Resource"] == f"arn:aws:rds:{NEW}:{ACCOUNT}:db:pipe-osaka-*"


def test_a_dry_run_changes_nothing(iam: Any, options: command_line.Options) -> None:
    copy(replace(options, dry_run=True))
    assert not [role for role in iam.list_roles()["Roles"] if "osaka" in role["RoleName"]]


def test_an_environment_without_roles_is_reported(iam: Any, options: command_line.Options) -> None:
    with pytest.raises(FailedError, match="the account has no role whose name begins with pipe-qa-"):
        role_copies.copy_roles(RunLog("relocate", options), options, "qa")
