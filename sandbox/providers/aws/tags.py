"""The calls that change tags, and the calls that find a resource by the tag of its creation."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import CREATION_TAG, Change, Find, Items


def _tags_of_arn(arn_name: str, tags_name: str, keys_name: str) -> tuple[Change, ...]:
    """Return the calls TagResource and UntagResource for a service with these names of parameters."""
    return (
        Change(
            action="TagResource",
            arguments=lambda context: {arn_name: context.live.get("arn"), tags_name: context.tags},
        ),
        Change(
            action="UntagResource",
            condition=lambda context: context.removed.get("tags"),
            arguments=lambda context: {
                arn_name: context.live.get("arn"),
                keys_name: context.removed["tags"],
            },
        ),
    )


def _tags(
    actions: tuple[str, str], id_name: str, tags_name: str, keys_name: str, *, live_id: str = ""
) -> tuple[Change, ...]:
    """Return the two calls that add and remove tags; `actions` has their names.

    They name the resource by its ID or, if `live_id` is set, by this property of the live resource.
    """
    return (
        Change(
            action=actions[0],
            arguments=lambda context: {
                id_name: context.live.get(live_id) if live_id else context.id,
                tags_name: context.tags,
            },
        ),
        Change(
            action=actions[1],
            condition=lambda context: context.removed.get("tags"),
            arguments=lambda context: {
                id_name: context.live.get(live_id) if live_id else context.id,
                keys_name: context.removed["tags"],
            },
        ),
    )


TAG_RESOURCE = ("TagResource", "UntagResource")

TAGS: Mapping[str, tuple[Change, ...]] = {
    "ec2": (
        Change(
            action="CreateTags", arguments=lambda context: {"Resources": [context.id], "Tags": context.tags}
        ),
        Change(
            action="DeleteTags",
            condition=lambda context: context.removed.get("tags"),
            arguments=lambda context: {"Resources": [context.id], "Tags": context.removed["tags"]},
        ),
    ),
    "rds": _tags(
        ("AddTagsToResource", "RemoveTagsFromResource"), "ResourceName", "Tags", "TagKeys", live_id="arn"
    ),
    "kms": _tags(TAG_RESOURCE, "KeyId", "Tags", "TagKeys"),
    "logs": _tags_of_arn("resourceArn", "tags", "tagKeys"),
    "eks": _tags(TAG_RESOURCE, "resourceArn", "tags", "tagKeys", live_id="tagArn"),
    "ecr": _tags_of_arn("resourceArn", "tags", "tagKeys"),
    "backup": _tags_of_arn("ResourceArn", "Tags", "TagKeyList"),
    "sns": _tags_of_arn("ResourceArn", "Tags", "TagKeys"),
    "events": _tags_of_arn("ResourceARN", "Tags", "TagKeys"),
    "cloudtrail": _tags(("AddTags", "RemoveTags"), "ResourceId", "TagsList", "TagsList"),
    "guardduty": _tags_of_arn("ResourceArn", "Tags", "TagKeys"),
    "accessanalyzer": _tags_of_arn("resourceArn", "tags", "tagKeys"),
    "budgets": _tags_of_arn("ResourceARN", "ResourceTags", "ResourceTagKeys"),
    "ce": _tags(TAG_RESOURCE, "ResourceArn", "ResourceTags", "ResourceTagKeys"),
    "s3": (
        Change(
            action="PutBucketTagging",
            arguments=lambda context: {"Bucket": context.id, "Tagging": {"TagSet": context.tags}},
        ),
    ),
    "codebuild": (
        Change(
            action="UpdateProject",
            arguments=lambda context: {"name": context["name"], "tags": context.tags},
        ),
    ),
}
"""The calls that change tags, by service."""

FINDS: Mapping[str, Find] = {
    "ec2": Find(
        action="DescribeTags",
        arguments=lambda context: {
            "Filters": [
                {"Name": "key", "Values": [CREATION_TAG]},
                {"Name": "value", "Values": [context.mark]},
            ]
        },
        take=lambda response, context: [tag["ResourceId"] for tag in response["Tags"]],
    ),
    "kms": Find(
        items=Items(
            "ListKeys", lambda context: {}, lambda response: [key["KeyId"] for key in response["Keys"]]
        ),
        action="ListResourceTags",
        arguments=lambda context: {"KeyId": context.item},
        take=lambda response, context: [
            context.item
            for tag in response["Tags"]
            if tag["TagKey"] == CREATION_TAG and tag["TagValue"] == context.mark
        ],
    ),
}
"""The calls that find resources by the tag of their creation, by service."""
