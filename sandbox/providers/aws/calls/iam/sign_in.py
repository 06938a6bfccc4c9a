"""The calls for identity providers and the password policy (IAM API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.iam.tags import tag_calls
from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls, extended, members
from sandbox.wire.values import Json

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


def _provider_arn(context: Context) -> Json:
    return {"OpenIDConnectProviderArn": context.id}


def _identity_provider(response: Json, context: Context) -> Json | None:
    provider = members(response, ClientIDList="ClientIDList", ThumbprintList="ThumbprintList", tags="Tags")
    return extended(provider, arn=context.id, url=f"https://{response['Url']}")


def _client_id(context: Context) -> Json:
    return {"OpenIDConnectProviderArn": context.id, "ClientID": context.item}


CALLS: Mapping[str, ResourceCalls] = {
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
        tag=tag_calls("OpenIDConnectProvider", "OpenIDConnectProviderArn"),
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
