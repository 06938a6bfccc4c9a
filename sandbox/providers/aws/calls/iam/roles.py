"""The calls for roles and policies (IAM API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.iam.tags import tag_calls
from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Items,
    Read,
    ResourceCalls,
    first,
    members,
)
from sandbox.wire.values import Json

OLDEST_KEPT_VERSIONS = 3
"""Number of non-default versions to keep before a new one is created; a policy has at most five in all."""


def _role_name(context: Context) -> Json:
    return {"RoleName": context.id}


def _role(response: Json, context: Context) -> Json | None:
    role: Json = response["Role"]
    return {
        "RoleName": role.get("RoleName"),
        "arn": role.get("Arn"),
        "path": role.get("Path"),
        "RoleId": role.get("RoleId"),
        "description": role.get("Description"),
        "maxSessionDuration": role.get("MaxSessionDuration"),
        "AssumeRolePolicyDocument": role.get("AssumeRolePolicyDocument"),
        "PermissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "tags": role.get("Tags"),
        "createDate": role.get("CreateDate"),
    }


def _attachment(response: Json, context: Context) -> Json | None:
    return first(
        {"policyArn": policy["PolicyArn"], "role": context["role"]}
        for policy in response["AttachedPolicies"]
        if policy["PolicyArn"] == context["policyArn"]
    )


def _attachment_key(context: Context) -> Json:
    return {"RoleName": context["role"], "PolicyArn": context["policyArn"]}


def _inline_policy_key(context: Context) -> Json:
    return {"RoleName": context["role"], "PolicyName": context["name"]}


def _old_versions(response: Json) -> list[str]:
    return [version["VersionId"] for version in response["Versions"] if not version["IsDefaultVersion"]]


def _policy_arn(context: Context) -> Json:
    return {"PolicyArn": context.id}


def _policy_version(context: Context) -> Json:
    return {"PolicyArn": context.id, "VersionId": context.item}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:iam/role:Role": ResourceCalls(
        service="iam",
        unchecked="whether the principals of other accounts exist",
        create=Change(action="CreateRole"),
        names={
            "name": "RoleName",
            "assumeRolePolicy": "AssumeRolePolicyDocument",
            "permissionsBoundary": "PermissionsBoundary",
            "uniqueId": "RoleId",
        },
        local=("forceDetachPolicies",),
        read=(Read(action="GetRole", arguments=_role_name, take=_role),),
        update=(
            Change(
                action="UpdateAssumeRolePolicy",
                when=("assumeRolePolicy",),
                arguments=lambda context: {
                    "RoleName": context.id,
                    "PolicyDocument": context["assumeRolePolicy"],
                },
            ),
            Change(
                action="UpdateRoleDescription",
                when=("description",),
                arguments=lambda context: {
                    "RoleName": context.id,
                    "Description": context["description"],
                },
            ),
            Change(
                action="UpdateRole",
                when=("maxSessionDuration",),
                arguments=lambda context: {
                    "RoleName": context.id,
                    "MaxSessionDuration": context["maxSessionDuration"],
                },
            ),
            Change(
                action="PutRolePermissionsBoundary",
                when=("permissionsBoundary",),
                condition=lambda context: context["permissionsBoundary"],
                arguments=_role_name,
            ),
            Change(
                action="DeleteRolePermissionsBoundary",
                when=("permissionsBoundary",),
                condition=lambda context: not context["permissionsBoundary"],
                arguments=_role_name,
            ),
        ),
        tag=tag_calls("Role", "RoleName"),
        delete=(
            Change(
                action="RemoveRoleFromInstanceProfile",
                items=Items(
                    "ListInstanceProfilesForRole",
                    _role_name,
                    lambda response: [
                        profile["InstanceProfileName"] for profile in response["InstanceProfiles"]
                    ],
                ),
                arguments=lambda context: {"RoleName": context.id, "InstanceProfileName": context.item},
            ),
            Change(action="DeleteRole", arguments=_role_name),
        ),
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceCalls(
        service="iam",
        create=Change(action="PutRolePolicy"),
        names={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
        read=(
            Read(
                action="GetRolePolicy",
                arguments=_inline_policy_key,
                take=lambda response, context: response,
            ),
        ),
        update=(Change(action="PutRolePolicy", when=("policy",), arguments=_inline_policy_key),),
        delete=(Change(action="DeleteRolePolicy", arguments=_inline_policy_key),),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceCalls(
        service="iam",
        create=Change(action="AttachRolePolicy"),
        names={"role": "RoleName"},
        read=(
            Read(
                action="ListAttachedRolePolicies",
                arguments=lambda context: {"RoleName": context["role"]},
                take=_attachment,
            ),
        ),
        delete=(Change(action="DetachRolePolicy", arguments=_attachment_key),),
    ),
    "aws:iam/policy:Policy": ResourceCalls(
        service="iam",
        create=Change(action="CreatePolicy"),
        names={"name": "PolicyName", "policy": "PolicyDocument"},
        read=(
            Read(
                action="GetPolicy",
                arguments=_policy_arn,
                take=lambda response, context: members(
                    response["Policy"],
                    arn="Arn",
                    PolicyName="PolicyName",
                    path="Path",
                    policyId="PolicyId",
                    description="Description",
                    tags="Tags",
                    version="DefaultVersionId",
                ),
            ),
            Read(
                action="GetPolicyVersion",
                arguments=lambda context: {
                    "PolicyArn": context.id,
                    "VersionId": context.live.get("version"),
                },
                take=lambda response, context: {"PolicyDocument": response["PolicyVersion"]["Document"]},
            ),
        ),
        update=(
            Change(
                action="DeletePolicyVersion",
                when=("policy",),
                items=Items(
                    "ListPolicyVersions",
                    _policy_arn,
                    lambda response: _old_versions(response)[OLDEST_KEPT_VERSIONS:],
                ),
                arguments=_policy_version,
            ),
            Change(
                action="CreatePolicyVersion",
                when=("policy",),
                arguments=lambda context: {"PolicyArn": context.id, "SetAsDefault": True},
            ),
        ),
        tag=tag_calls("Policy", "PolicyArn"),
        delete=(
            Change(
                action="DeletePolicyVersion",
                items=Items("ListPolicyVersions", _policy_arn, _old_versions),
                arguments=_policy_version,
            ),
            Change(action="DeletePolicy", arguments=_policy_arn),
        ),
    ),
}
