"""The calls for roles, policies, identity providers and the password policy (IAM API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Items,
    Read,
    ResourceCalls,
    extended,
    first,
    members,
)
from sandbox.wire.values import Json

OLDEST_KEPT_VERSIONS = 3
"""Versions of a policy, besides the default one, that leave room for a new one: it has at most five."""

PASSWORD_SETTINGS = {
    "allowUsersToChangePassword": "AllowUsersToChangePassword",
    "hardExpiry": "HardExpiry",
    "maxPasswordAge": "MaxPasswordAge",
    "minimumPasswordLength": "MinimumPasswordLength",
    "passwordReusePrevention": "PasswordReusePrevention",
    "requireLowercaseCharacters": "RequireLowercaseCharacters",
    "requireNumbers": "RequireNumbers",
    "requireSymbols": "RequireSymbols",
    "requireUppercaseCharacters": "RequireUppercaseCharacters",
}


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


def _tag(kind: str, id_name: str) -> tuple[Change, Change]:
    """Return the calls that add and remove tags of a kind of object, such as `Role`."""
    return (
        Change(action=f"Tag{kind}", arguments=lambda context: {id_name: context.id, "Tags": context.tags}),
        Change(
            action=f"Untag{kind}",
            condition=lambda context: context.removed.get("tags"),
            arguments=lambda context: {id_name: context.id, "TagKeys": context.removed["tags"]},
        ),
    )


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


def _provider_arn(context: Context) -> Json:
    return {"OpenIDConnectProviderArn": context.id}


def _identity_provider(response: Json, context: Context) -> Json | None:
    provider = members(response, ClientIDList="ClientIDList", ThumbprintList="ThumbprintList", tags="Tags")
    return extended(provider, arn=context.id, url=f"https://{response['Url']}")


def _client_id(context: Context) -> Json:
    return {"OpenIDConnectProviderArn": context.id, "ClientID": context.item}


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
        tag=_tag("Role", "RoleName"),
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
        tag=_tag("Policy", "PolicyArn"),
        delete=(
            Change(
                action="DeletePolicyVersion",
                items=Items("ListPolicyVersions", _policy_arn, _old_versions),
                arguments=_policy_version,
            ),
            Change(action="DeletePolicy", arguments=_policy_arn),
        ),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ResourceCalls(
        service="iam",
        create=Change(action="CreateOpenIDConnectProvider"),
        names={"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"},
        read=(Read(action="GetOpenIDConnectProvider", arguments=_provider_arn, take=_identity_provider),),
        update=(
            Change(
                action="AddClientIDToOpenIDConnectProvider",
                when=("clientIdLists",),
                items=lambda context: context.added.get("clientIdLists"),
                arguments=_client_id,
            ),
            Change(
                action="RemoveClientIDFromOpenIDConnectProvider",
                when=("clientIdLists",),
                items=lambda context: context.removed.get("clientIdLists"),
                arguments=_client_id,
            ),
            Change(
                action="UpdateOpenIDConnectProviderThumbprint",
                when=("thumbprintLists",),
                arguments=_provider_arn,
            ),
        ),
        tag=_tag("OpenIDConnectProvider", "OpenIDConnectProviderArn"),
        delete=(Change(action="DeleteOpenIDConnectProvider", arguments=_provider_arn),),
    ),
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy": ResourceCalls(
        service="iam",
        create=Change(action="UpdateAccountPasswordPolicy"),
        names={"hardExpiry": "HardExpiry"},
        read=(
            Read(
                action="GetAccountPasswordPolicy",
                take=lambda response, context: response["PasswordPolicy"],
            ),
        ),
        update=(
            Change(
                action="UpdateAccountPasswordPolicy",
                when=tuple(PASSWORD_SETTINGS),
                arguments=lambda context: {
                    api_name: context[name] for name, api_name in PASSWORD_SETTINGS.items()
                },
            ),
        ),
        delete=(Change(action="DeleteAccountPasswordPolicy"),),
    ),
}
