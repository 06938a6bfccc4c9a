"""The calls for CodeBuild's projects and webhooks, and for image repositories (CodeBuild API, ECR API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Read,
    ResourceCalls,
    first,
    first_object,
    members,
)
from sandbox.wire.values import Json


def _project_name(context: Context) -> Json:
    return {"name": context["name"]}


def _filter_groups(context: Context) -> list[list[Json]] | None:
    groups: list[Json] | None = context["filterGroups"]
    return None if groups is None else [group["filters"] for group in groups if "filters" in group]


def _webhook(response: Json, context: Context) -> Json | None:
    webhook: Json | None = first_object(response["projects"]).get("webhook")
    groups: list[Json] | None = (webhook or {}).get("filterGroups")
    return webhook and {
        "projectName": context.id,
        "url": webhook.get("url"),
        "payloadUrl": webhook.get("payloadUrl"),
        "buildType": webhook.get("buildType"),
        "branchFilter": webhook.get("branchFilter"),
        "filterGroups": groups and [{"filters": group} for group in groups],
    }


def _repository_name(context: Context) -> Json:
    return {"repositoryName": context.id}


def _repository(response: Json, context: Context) -> Json | None:
    repository: Json | None = first(response["repositories"])
    return repository and {
        **repository,
        "arn": repository.get("repositoryArn"),
        "encryptionConfigurations": [repository.get("encryptionConfiguration")],
    }


def _replication(response: Json, context: Context) -> Json | None:
    if not response.get("replicationConfiguration", {}).get("rules"):
        return None
    return members(response, registryId="registryId", replicationConfiguration="replicationConfiguration")


def _repository_document(
    create: str, read: str, delete: str, names: Mapping[str, str], unchecked: str = "nothing else"
) -> ResourceCalls:
    """Return the calls for a document that belongs to a repository."""
    return ResourceCalls(
        service="ecr",
        unchecked=unchecked,
        create=Change(action=create),
        names=names,
        read=(Read(action=read, arguments=_repository_name, take=lambda response, context: response),),
        update=(Change(action=create, when=("policy",), arguments=_repository_name),),
        delete=(Change(action=delete, arguments=_repository_name),),
    )


CALLS: Mapping[str, ResourceCalls] = {
    "aws:codebuild/project:Project": ResourceCalls(
        service="codebuild",
        is_emulated=True,
        unchecked="whether the connection to GitHub exists; the service role's permissions",
        create=Change(action="CreateProject"),
        names={"buildTimeout": "timeoutInMinutes", "queuedTimeout": "queuedTimeoutInMinutes"},
        read=(
            Read(
                action="BatchGetProjects",
                arguments=lambda context: {"names": [context["name"] or context.live.get("name")]},
                take=lambda response, context: first(response["projects"]),
            ),
        ),
        update=(
            Change(
                action="UpdateProject",
                when=(
                    "description",
                    "serviceRole",
                    "buildTimeout",
                    "queuedTimeout",
                    "source",
                    "artifacts",
                    "environment",
                    "vpcConfig",
                    "logsConfig",
                    "cache",
                    "encryptionKey",
                    "concurrentBuildLimit",
                    "sourceVersion",
                ),
                arguments=_project_name,
            ),
        ),
        delete=(Change(action="DeleteProject", arguments=_project_name),),
    ),
    "aws:codebuild/webhook:Webhook": ResourceCalls(
        service="codebuild",
        is_emulated=True,
        create=Change(
            action="CreateWebhook", arguments=lambda context: {"filterGroups": _filter_groups(context)}
        ),
        read=(
            Read(
                action="BatchGetProjects",
                arguments=lambda context: {"names": [context.id]},
                take=_webhook,
            ),
        ),
        update=(
            Change(
                action="UpdateWebhook",
                when=("buildType", "branchFilter", "filterGroups"),
                arguments=lambda context: {
                    "projectName": context.id,
                    "filterGroups": _filter_groups(context),
                },
            ),
        ),
        delete=(Change(action="DeleteWebhook", arguments=lambda context: {"projectName": context.id}),),
    ),
    "aws:ecr/repository:Repository": ResourceCalls(
        service="ecr",
        create=Change(
            action="CreateRepository",
            arguments=lambda context: {"encryptionConfiguration": first(context["encryptionConfigurations"])},
        ),
        names={"name": "repositoryName", "arn": "repositoryArn", "repositoryUrl": "repositoryUri"},
        local=("forceDelete",),
        read=(
            Read(
                action="DescribeRepositories",
                arguments=lambda context: {"repositoryNames": [context.id]},
                take=_repository,
            ),
            Read(
                action="ListTagsForResource",
                arguments=lambda context: {"resourceArn": context.live.get("arn")},
                take=lambda response, context: {"tags": response.get("tags")},
            ),
        ),
        update=(
            Change(action="PutImageTagMutability", when=("imageTagMutability",), arguments=_repository_name),
            Change(
                action="PutImageScanningConfiguration",
                when=("imageScanningConfiguration",),
                arguments=_repository_name,
            ),
        ),
        delete=(
            Change(
                action="DeleteRepository",
                arguments=lambda context: {
                    "repositoryName": context.id,
                    "force": context["forceDelete"],
                },
            ),
        ),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _repository_document(
        "PutLifecyclePolicy",
        "GetLifecyclePolicy",
        "DeleteLifecyclePolicy",
        {"repository": "repositoryName", "policy": "lifecyclePolicyText"},
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _repository_document(
        "SetRepositoryPolicy",
        "GetRepositoryPolicy",
        "DeleteRepositoryPolicy",
        {"repository": "repositoryName", "policy": "policyText"},
        "whether the principals exist",
    ),
    # The registry always exists; its configuration has no rules if there is no replication.
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": ResourceCalls(
        service="ecr",
        unchecked="the copies of images, since no image is ever pushed",
        create=Change(action="PutReplicationConfiguration"),
        id=lambda context: context.account,
        read=(Read(action="DescribeRegistry", take=_replication),),
        update=(Change(action="PutReplicationConfiguration", when=("replicationConfiguration",)),),
        delete=(
            Change(
                action="PutReplicationConfiguration",
                arguments=lambda context: {"replicationConfiguration": {"rules": []}},
            ),
        ),
    ),
}
