"""Look-ups of an account's objects, and helpers, which several services share."""

import ipaddress
from collections.abc import Iterable, Mapping

from sandbox.clouds.aws.requests import AwsRequest
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NO_KEY = "not found"
"""The state of a KMS key that does not exist, as in messages."""


def network(block: str) -> Network | None:
    """Parse a CIDR block; return None if it is invalid or has host bits."""
    try:
        return ipaddress.ip_network(block)
    except ValueError:
        return None


def lacking(items: Iterable[str] | None, among: Iterable[str] | None) -> list[str]:
    """Return the items of a list that another list lacks."""
    known = set(among or ())
    return [item for item in items or () if item not in known]


def roles(request: AwsRequest) -> list[Json]:
    """Return the account's roles, without those that services do not know yet."""
    existing: list[Json] = request.look("ListRoles", "iam")["Roles"]
    return [role for role in existing if role["Arn"] not in request.new_roles]


def role_arns(request: AwsRequest) -> list[str]:
    """Return the ARNs of the account's roles."""
    return [role["Arn"] for role in roles(request)]


def user_arns(request: AwsRequest) -> list[str]:
    """Return the ARNs of the account's users."""
    return [user["Arn"] for user in request.look("ListUsers", "iam")["Users"]]


def unknown_principals(request: AwsRequest) -> list[str]:
    """Return the roles and users of the account that the request's document names and that do not exist.

    A principal that is deleted later stays in the policy, by its unique ID (IAM user guide, AWS JSON policy
    elements: Principal).
    """
    principals = policy_documents.entities(request.document, request.account)
    return lacking(principals, role_arns(request) + user_arns(request)) if principals else []


def trust_policy(request: AwsRequest, role_arn: str) -> Json | None:
    """Return the trust policy of a role; None if the role does not exist."""
    policies = (role["AssumeRolePolicyDocument"] for role in roles(request) if role["Arn"] == role_arn)
    return next(policies, None)


def trusts(
    request: AwsRequest, role_arn: str, service: str, context: Mapping[str, str] | None = None
) -> bool:
    """Return True if a role exists and lets a service, such as `backup.amazonaws.com`, assume it.

    `context` has the values of condition keys.
    """
    policy = trust_policy(request, role_arn)
    return policy is not None and policy_documents.allows(policy, service, "sts:AssumeRole", context or {})


def key_state(request: AwsRequest, key_id: str | None) -> str:
    """Return the state of a KMS key, such as `Enabled`; `not found` if the key does not exist."""
    key = request.look_if_there("DescribeKey", "kms", KeyId=key_id) if key_id else None
    return str(key["KeyMetadata"]["KeyState"]) if key else NO_KEY


def key_policy(request: AwsRequest, key_id: str) -> str:
    """Return the policy document of a KMS key that exists."""
    return str(request.look("GetKeyPolicy", "kms", KeyId=key_id, PolicyName="default")["Policy"])


def security_groups(request: AwsRequest) -> list[Json]:
    """Return the security groups in the region."""
    return request.look("DescribeSecurityGroups", "ec2")["SecurityGroups"]


def subnets(request: AwsRequest, ids: list[str]) -> list[Json]:
    """Return the subnets with the IDs; raise ErrorResponse if one does not exist."""
    return request.look("DescribeSubnets", "ec2", SubnetIds=ids)["Subnets"] if ids else []


def databases(request: AwsRequest) -> list[Json]:
    """Return the database instances in the region."""
    return request.look("DescribeDBInstances", "rds")["DBInstances"]
