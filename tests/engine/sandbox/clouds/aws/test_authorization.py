"""Tests of IAM's decisions on the requests of users and of roles' sessions."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.role_session import open_session
from sandbox.wire.aws_identity import Identity
from sandbox.wire.aws_requests import Clients
from sandbox.wire.targets import Targets
from sandbox.workspace.stacks import Stack
from tests.support.rows import check_rows
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import documents

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "codebuild.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
USER = "User: arn:aws:sts::123456789012:assumed-role/{role}/test is not authorized to perform: "


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        yield account


@pytest.fixture
def assume(account: AwsAccount) -> Callable[..., Clients]:
    """Provide a function that creates a role with statements, and returns the clients of a session of it."""

    def make(
        name: str, *statements: dict[str, Any], boundary: str = "", policy: str = "", trust: str = TRUST
    ) -> Clients:
        iam: Any = account.client("iam")
        limit = {"PermissionsBoundary": boundary} if boundary else {}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **limit)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=documents(*statements))
        return session(account.url, account.client("sts"), role, policy)

    return make


def session(url: str, sts: Any, role: str, policy: str = "") -> Clients:
    """Return the clients of a new session of a role."""
    limit = {"Policy": policy} if policy else {}
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test", **limit)["Credentials"]
    identity = Identity(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return Clients(url, attempts=1, identity=identity)


def answer(clients: Clients, service: str, method: str, **params: Any) -> tuple[int, str, str]:
    """Return the status, code and message of the response to a request; both are empty after a success."""
    try:
        response = getattr(clients.get(service, "ap-northeast-1"), method)(**params)
        return response["ResponseMetadata"]["HTTPStatusCode"], "", ""
    except ClientError as error:
        content = cast(Any, error.response)
        status = content["ResponseMetadata"]["HTTPStatusCode"]
        return status, content["Error"]["Code"], content["Error"]["Message"]


def test_a_session_may_do_what_its_role_allows_and_gets_awss_messages(
    assume: Callable[..., Clients],
) -> None:
    clients = assume(
        "reader",
        {"Action": ["ec2:CreateVpc", "iam:GetRole"], "Resource": "*"},
        {"Action": "s3:*", "Resource": "arn:aws:s3:::mine*"},
        {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"},
        {"Action": "logs:CreateLogGroup", "Resource": "arn:aws:logs:*:*:log-group:/mine/*"},
    )
    bucket = {"CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-1"}}
    user = USER.format(role="reader")
    rows: list[tuple[str, Callable[[], Any], Any]] = [
        (
            "the caller's identity needs no permission",
            lambda: answer(clients, "sts", "get_caller_identity"),
            (200, "", ""),
        ),
        ("allowed", lambda: answer(clients, "ec2", "create_vpc", CidrBlock="10.9.0.0/16"), (200, "", "")),
        (
            "no statement, without a resource",
            lambda: answer(clients, "ec2", "describe_vpcs"),
            (
                403,
                "UnauthorizedOperation",
                f"You are not authorized to perform this operation. {user}ec2:DescribeVpcs because no "
                "identity-based policy allows the ec2:DescribeVpcs action",
            ),
        ),
        (
            "tags need an action of their own",
            lambda: answer(
                clients,
                "ec2",
                "create_vpc",
                CidrBlock="10.9.0.0/16",
                TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}],
            ),
            (
                403,
                "UnauthorizedOperation",
                f"You are not authorized to perform this operation. {user}ec2:CreateTags on resource: "
                "arn:aws:ec2:ap-northeast-1:123456789012:vpc/* because no identity-based policy allows the "
                "ec2:CreateTags action",
            ),
        ),
        (
            "a resource that no statement covers",
            lambda: answer(clients, "s3", "create_bucket", Bucket="other", **bucket),
            (
                403,
                "AccessDenied",
                f'{user}s3:CreateBucket on resource: "arn:aws:s3:::other" because no identity-based policy '
                "allows the s3:CreateBucket action",
            ),
        ),
        (
            "an action whose name differs from the operation's",
            lambda: answer(clients, "s3", "get_bucket_encryption", Bucket="other"),
            (
                403,
                "AccessDenied",
                f'{user}s3:GetEncryptionConfiguration on resource: "arn:aws:s3:::other" because no '
                "identity-based policy allows the s3:GetEncryptionConfiguration action",
            ),
        ),
        (
            "a covered resource",
            lambda: answer(clients, "s3", "create_bucket", Bucket="mine-1", **bucket),
            (200, "", ""),
        ),
        (
            "an explicit deny",
            lambda: answer(clients, "s3", "delete_bucket", Bucket="mine-1"),
            (
                403,
                "AccessDenied",
                f'{user}s3:DeleteBucket on resource: "arn:aws:s3:::mine-1" with an explicit deny in an '
                "identity-based policy",
            ),
        ),
        (
            "a service with the JSON protocol",
            lambda: answer(clients, "logs", "create_log_group", logGroupName="/other/x"),
            (
                400,
                "AccessDeniedException",
                f"{user}logs:CreateLogGroup on resource: arn:aws:logs:ap-northeast-1:123456789012:"
                "log-group:/other/x:log-stream: because no identity-based policy allows the "
                "logs:CreateLogGroup action",
            ),
        ),
        (
            "an operation without a resource in the table",
            lambda: answer(clients, "ec2", "describe_regions")[1:],
            (
                "SandboxFault",
                "the sandbox cannot decide ec2:DescribeRegions, since it does not know the resource: add the "
                "operation to sandbox/clouds/aws/authorization/resources.toml, or send the request as the "
                "administrator",
            ),
        ),
    ]

    def check(row: tuple[Callable[[], Any], Any]) -> None:
        call, expected = row
        assert call() == expected

    check_rows(((name, (call, expected)) for name, call, expected in rows), check)


def test_a_boundary_and_a_session_policy_limit_a_role(
    account: AwsAccount, assume: Callable[..., Clients]
) -> None:
    iam: Any = account.client("iam")
    limit = documents({"Action": "s3:*", "Resource": "*"})
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=limit)["Policy"]["Arn"]
    everything = {"Action": "*", "Resource": "*"}
    bounded = assume("bounded", everything, boundary=boundary)
    assert answer(bounded, "s3", "head_bucket", Bucket="none")[0] == 404
    assert answer(bounded, "iam", "list_roles") == (
        403,
        "AccessDenied",
        f"{USER.format(role='bounded')}iam:ListRoles because no permissions boundary allows the "
        "iam:ListRoles action",
    )
    narrow = assume("narrow", everything, policy=limit)
    assert answer(narrow, "iam", "list_roles")[2].endswith(
        "because no session policy allows the iam:ListRoles action"
    )


def test_a_role_is_passed_only_with_a_permission_for_the_service(assume: Callable[..., Clients]) -> None:
    project = {
        "name": "runner",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
    }
    passing = {
        "Action": "iam:PassRole",
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}},
    }
    creating = {"Action": "codebuild:*", "Resource": "*"}
    role = "arn:aws:iam::123456789012:role/passes"
    refused = assume("passes-nothing", creating)
    allowed = assume("passes", creating, passing)
    assert answer(refused, "codebuild", "create_project", **project, serviceRole=role) == (
        400,
        "AccessDeniedException",
        f"{USER.format(role='passes-nothing')}iam:PassRole on resource: {role} because no identity-based "
        "policy allows the iam:PassRole action",
    )
    assert answer(allowed, "codebuild", "create_project", **project, serviceRole=role) == (200, "", "")


def test_a_keys_policy_and_its_tags_take_part(account: AwsAccount, assume: Callable[..., Clients]) -> None:
    kms: Any = account.client("kms")
    delegation = {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}
    named = {**delegation, "Principal": {"AWS": "arn:aws:iam::123456789012:user/nobody"}}
    account.client("iam").create_user(UserName="nobody")
    clients = assume(
        "keys",
        {"Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "kms:DisableKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/env": "foundation"}},
        },
    )
    tagged, plain, closed = (
        kms.create_key(Policy=documents(statement), Tags=tags, BypassPolicyLockoutSafetyCheck=True)[
            "KeyMetadata"
        ]["Arn"]
        for statement, tags in (
            (delegation, [{"TagKey": "env", "TagValue": "foundation"}]),
            (delegation, []),
            (named, []),
        )
    )
    assert answer(clients, "kms", "disable_key", KeyId=plain.rpartition("/")[2]) == (200, "", "")
    assert answer(clients, "kms", "disable_key", KeyId=tagged.rpartition("/")[2])[2].endswith(
        f"kms:DisableKey on resource: {tagged} with an explicit deny in an identity-based policy"
    )
    assert answer(clients, "kms", "describe_key", KeyId=closed)[2].endswith(
        "because no resource-based policy allows the kms:DescribeKey action"
    )


def test_the_administrator_may_assume_any_role_and_others_only_roles_that_trust_them(
    account: AwsAccount, assume: Callable[..., Clients]
) -> None:
    assuming = assume("assuming", {"Action": "sts:AssumeRole", "Resource": "*"})
    trusting = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:role/assuming"},
                "Action": "sts:AssumeRole",
            },
        }
    )
    assume("trusting", trust=trusting)
    to = {"RoleSessionName": "next"}
    role = "arn:aws:iam::123456789012:role/"
    assert answer(assuming, "sts", "assume_role", RoleArn=f"{role}trusting", **to) == (200, "", "")
    assert answer(assuming, "sts", "assume_role", RoleArn=f"{role}assuming", **to)[2].endswith(
        "because no resource-based policy allows the sts:AssumeRole action"
    )
    with pytest.raises(ClientError, match=r"AccessDenied.*sts:AssumeRole on resource: .*role/missing"):
        account.client("sts").assume_role(RoleArn=f"{role}missing", **to)


def test_a_users_key_has_the_users_policies_and_an_unknown_key_is_refused(account: AwsAccount) -> None:
    iam: Any = account.client("iam")
    iam.create_user(UserName="reader")
    allowed = documents({"Action": "iam:ListUsers", "Resource": "*"})
    iam.put_user_policy(UserName="reader", PolicyName="own", PolicyDocument=allowed)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    user = Clients(account.url, attempts=1, identity=Identity(key["AccessKeyId"], key["SecretAccessKey"]))
    assert answer(user, "iam", "list_users") == (200, "", "")
    assert answer(user, "iam", "list_roles")[2] == (
        "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: iam:ListRoles because no "
        "identity-based policy allows the iam:ListRoles action"
    )
    unknown = Clients(account.url, attempts=1, identity=Identity("AKIAIOSFODNN7EXAMPLE", "x"))
    invalid = "The security token included in the request is invalid."
    assert [answer(unknown, *call) for call in (("iam", "list_users"), ("kms", "list_keys"))] == [
        (403, "InvalidClientTokenId", invalid),
        (400, "UnrecognizedClientException", invalid),
    ]
    assert answer(unknown, "ec2", "describe_vpcs")[:2] == (401, "AuthFailure")
    assert answer(unknown, "s3", "list_objects", Bucket="x")[:2] == (403, "InvalidAccessKeyId")


def test_a_command_uses_a_session_only_of_a_role_of_the_account(account: AwsAccount, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    stack = Stack("dev", tmp_path, tmp_path, "shop", tmp_path)
    targets = Targets(0, account.url, "", "", kubeconfig=None, since=0)
    account.client("iam").create_role(RoleName="shop-deploy", AssumeRolePolicyDocument=TRUST)
    identity = Identity()
    open_session("", stack, None, identity, Progress())
    assert identity.variables() == {}
    with pytest.raises(CommandError, match="ROLE needs the APIs: leave TARGETS=none out"):
        open_session("shop-deploy", stack, None, identity, Progress())
    with pytest.raises(CommandError) as error:
        open_session("shop-deplyo", stack, targets, identity, Progress())
    message = str(error.value)
    assert message.startswith(
        "ROLE=shop-deplyo: the sandbox's account 123456789012 has no such role. Roles: "
    )
    assert " shop-deploy" in message and "`make sandbox STACK=dev` without ROLE" in message
    assert identity == Identity()
    open_session("shop-deploy", stack, targets, identity, Progress())
    sts: Any = Clients(account.url, identity=identity).get("sts", "us-east-1")
    assert sts.get_caller_identity()["Arn"].endswith(":assumed-role/shop-deploy/sandbox")
    assert identity.variables()["AWS_SESSION_TOKEN"] == identity.token
