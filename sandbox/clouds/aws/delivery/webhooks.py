"""The webhooks of CodeBuild's projects, which are emulated (CodeBuild API)."""

from sandbox.clouds.aws.delivery.codebuild import PROJECT
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, present
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

SOURCES = ("GITHUB", "GITHUB_ENTERPRISE", "BITBUCKET", "GITLAB", "GITLAB_SELF_MANAGED")
"""The types of sources that have webhooks (CodeBuild API, CreateWebhook)."""


@refuses("codebuild:CreateWebhook")
def second_webhook(request: AwsRequest) -> None:
    """Refuse a second webhook of a project."""
    if request.record.get("webhook"):
        message = f"Project {request.params['projectName']} has a webhook already"
        raise ErrorResponse(400, message, "ResourceAlreadyExistsException")


@refuses("codebuild:CreateWebhook")
def source_without_webhooks(request: AwsRequest) -> None:
    """Refuse a webhook for a type of source that does not support webhooks."""
    kind = request.record["source"]["type"]
    if kind not in SOURCES:
        raise ErrorResponse(400, f"a source of type {kind} has no webhooks", "InvalidInputException")


@refuses("codebuild:UpdateWebhook", "codebuild:DeleteWebhook")
def unknown_webhook(request: AwsRequest) -> None:
    """Refuse to change or delete the webhook of a project that has none."""
    if not request.record.get("webhook"):
        message = f"No webhook found for project {request.params['projectName']}"
        raise ErrorResponse(400, message, "ResourceNotFoundException")


def _filter_groups(request: AwsRequest) -> list[list[Json]] | None:
    """Return the filter groups in a request, with the members' defaults; None if it has none."""
    groups: list[list[Json]] | None = request.params.get("filterGroups")
    if groups is None:
        return None
    return [
        [
            present(
                {
                    "type": item.get("type"),
                    "pattern": item.get("pattern"),
                    "excludeMatchedPattern": item.get("excludeMatchedPattern", False),
                }
            )
            for item in group
        ]
        for group in groups
    ]


def _store(request: AwsRequest, webhook: Json) -> Json:
    """Store the webhook of a project; return the response."""
    request.record["webhook"] = present(webhook)
    return {"webhook": request.record["webhook"]}


@emulates("codebuild:CreateWebhook", needs=PROJECT)
def create_webhook(request: AwsRequest) -> Json:
    """Create a webhook."""
    url = f"https://codebuild.{request.region}.amazonaws.com/webhooks?t={request.hex.upper()}"
    webhook = {
        "url": url,
        "payloadUrl": url,
        "buildType": request.params.get("buildType") or "BUILD",
        "filterGroups": _filter_groups(request),
        "branchFilter": request.params.get("branchFilter"),
        "pullRequestBuildPolicy": request.params.get("pullRequestBuildPolicy"),
    }
    return _store(request, webhook)


@emulates("codebuild:UpdateWebhook", needs=PROJECT)
def update_webhook(request: AwsRequest) -> Json:
    """Change a webhook."""
    current: Json = request.record["webhook"]
    webhook = {
        "url": current["url"],
        "payloadUrl": current["payloadUrl"],
        "buildType": request.params.get("buildType") or current["buildType"],
        "filterGroups": _filter_groups(request) or current.get("filterGroups"),
        "branchFilter": request.params.get("branchFilter"),
        "pullRequestBuildPolicy": request.params.get("pullRequestBuildPolicy")
        or current.get("pullRequestBuildPolicy"),
    }
    return _store(request, webhook)


@emulates("codebuild:DeleteWebhook", needs=PROJECT)
def delete_webhook(request: AwsRequest) -> Json:
    """Delete a webhook."""
    del request.record["webhook"]
    return {}
