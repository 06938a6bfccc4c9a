"""Roles, policies and identity providers (IAM API)."""

import json
import re
from typing import Any

from sandbox.clouds.aws.lookups import role_arns, unknown_principals
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import completes, emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

LARGEST_POLICY = 6144
LARGEST_TRUST_POLICY = 2048
LARGEST_INLINE_POLICIES = 10240
"""The most characters of a managed policy, a trust policy and a role's inline policies in total.

Source: IAM user guide, quotas.
"""


def size(document: Any) -> int:
    """Return the length of a policy document without white space, which is how IAM counts it."""
    return len(re.sub(r"\s", "", document if isinstance(document, str) else json.dumps(document)))


def _limit_exceeded(message: str) -> ErrorResponse:
    return ErrorResponse(409, message, "LimitExceeded")


@refuses("iam:CreatePolicy", "iam:CreatePolicyVersion")
def large_policy(request: AwsRequest) -> None:
    """Refuse a managed policy that is too large."""
    if size(request.params["PolicyDocument"]) > LARGEST_POLICY:
        raise _limit_exceeded(f"Cannot exceed quota for PolicySize: {LARGEST_POLICY}")


@refuses("iam:CreateRole", "iam:UpdateAssumeRolePolicy")
def large_trust_policy(request: AwsRequest) -> None:
    """Refuse a trust policy that is too large."""
    if size(request.document) > LARGEST_TRUST_POLICY:
        raise _limit_exceeded(f"Cannot exceed quota for ACLSizePerRole: {LARGEST_TRUST_POLICY}")


@refuses("iam:PutRolePolicy")
def large_inline_policies(request: AwsRequest) -> None:
    """Refuse inline policies of a role that together are too large."""
    name, policy_name = request.params["RoleName"], request.params["PolicyName"]
    roles = request.look("GetAccountAuthorizationDetails", Filter=["Role"])["RoleDetailList"]
    others = [
        size(policy["PolicyDocument"])
        for role in roles
        if role["RoleName"] == name
        for policy in role.get("RolePolicyList", [])
        if policy["PolicyName"] != policy_name
    ]
    if size(request.params["PolicyDocument"]) + sum(others) > LARGEST_INLINE_POLICIES:
        raise _limit_exceeded(
            f"Maximum policy size of {LARGEST_INLINE_POLICIES} bytes exceeded for role {name}"
        )


@refuses("iam:CreateRole", "iam:UpdateAssumeRolePolicy")
def unknown_trusted_principal(request: AwsRequest) -> None:
    """Refuse a trust policy that names a role or a user that does not exist."""
    if unknown := unknown_principals(request):
        message = f'Invalid principal in policy: "AWS":"{unknown[0]}"'
        raise ErrorResponse(400, message, "MalformedPolicyDocument")


@refuses("iam:CreateRole", "iam:PutRolePermissionsBoundary")
def unknown_boundary(request: AwsRequest) -> None:
    """Refuse a permissions boundary of the account that does not exist."""
    boundary = request.params.get("PermissionsBoundary", "")
    if not boundary.startswith(f"arn:aws:iam::{request.account}:"):
        return
    policies = request.look("ListPolicies", Scope="Local")["Policies"]
    if boundary not in [policy["Arn"] for policy in policies]:
        message = f"Scope ARN: {boundary} does not exist or is not attachable."
        raise ErrorResponse(404, message, "NoSuchEntity")


@refuses("iam:CreateOpenIDConnectProvider")
def insecure_identity_provider(request: AwsRequest) -> None:
    """Refuse an identity provider without TLS."""
    url = request.params["Url"]
    if not url.startswith("https://"):
        message = f"Invalid Open ID Connect Provider URL: {url}; it must begin with https://"
        raise ErrorResponse(400, message, "InvalidInput")


@refuses("iam:ListInstanceProfilesForRole", "iam:UpdateRole")
def unknown_role(request: AwsRequest) -> None:
    """Refuse a role that does not exist, with moto's error for it."""
    request.look("GetRole", RoleName=request.params["RoleName"])


@refuses("sts:AssumeRole")
def unknown_assumed_role(request: AwsRequest) -> None:
    """Refuse a role of the account that does not exist; moto issues keys for it."""
    arn = request.params["RoleArn"]
    if arn.startswith(f"arn:aws:iam::{request.account}:") and arn not in role_arns(request):
        sender = request.look("GetCallerIdentity")["Arn"]
        message = f"User: {sender} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        raise ErrorResponse(403, message, "AccessDenied")


@refuses("iam:DeletePolicy")
def policy_in_use(request: AwsRequest) -> None:
    """Refuse to delete a policy that is attached, or that has several versions."""
    arn = request.params["PolicyArn"]
    attached = request.look("GetPolicy", PolicyArn=arn)["Policy"]["AttachmentCount"]
    versions = [
        version["VersionId"]
        for version in request.look("ListPolicyVersions", PolicyArn=arn)["Versions"]
        if not version["IsDefaultVersion"]
    ]
    if attached > 0 or versions:
        message = (
            f"Cannot delete a policy that is attached to entities ({attached}), or that has versions besides"
            f" its default one ({listing(versions)})."
        )
        raise ErrorResponse(409, message, "DeleteConflict")


@completes("iam:UpdateRole")
def keep_description(request: AwsRequest, response: Json) -> None:
    """Restore the description of a role if the request has none; moto drops it."""
    name = request.params["RoleName"]
    description = request.look("GetRole", RoleName=name)["Role"].get("Description")
    if not request.params.get("Description") and description:
        request.send("UpdateRoleDescription", RoleName=name, Description=description)


def _client_ids(request: AwsRequest) -> list[str]:
    """Return the list in which moto stores the client IDs of an identity provider."""
    arn = request.params["OpenIDConnectProviderArn"]
    return backend("iam", "aws").get_open_id_connect_provider(arn).client_id_list


@emulates("iam:AddClientIDToOpenIDConnectProvider")
def add_client_id(request: AwsRequest) -> Json:
    """Add a client ID to an identity provider; moto lacks this operation."""
    client_ids, client_id = _client_ids(request), request.params["ClientID"]
    if client_id not in client_ids:
        client_ids.append(client_id)
    return {}


@emulates("iam:RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id(request: AwsRequest) -> Json:
    """Remove a client ID from an identity provider; moto lacks this operation."""
    client_ids, removed = _client_ids(request), request.params["ClientID"]
    client_ids[:] = [client_id for client_id in client_ids if client_id != removed]
    return {}
