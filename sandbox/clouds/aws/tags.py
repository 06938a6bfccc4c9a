"""Tags: the limits that all services share, and the tag operations of the emulated services."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, tag_map
from sandbox.clouds.registry import EVERY
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

LONGEST_KEY = 128
LONGEST_VALUE = 256
RESERVED_PREFIX = "aws:"
"""The limits of a tag (AWS General Reference, tag naming limits and requirements)."""


class TagParameters(NamedTuple):
    """The names of a service's parameters for tags."""

    arn: str = "resourceArn"
    tags: str = "tags"
    removed_keys: str = "tagKeys"


SERVICES = {
    "eks": TagParameters(),
    "accessanalyzer": TagParameters(),
    "backup": TagParameters("ResourceArn", "Tags", "TagKeyList"),
    "guardduty": TagParameters("ResourceArn", "Tags", "TagKeys"),
    "budgets": TagParameters("ResourceARN", "ResourceTags", "ResourceTagKeys"),
    "ce": TagParameters("ResourceArn", "ResourceTags", "ResourceTagKeys"),
}
"""The emulated services with tags. `ResourceTags` are a list of keys and values; other tags are a map."""


def tags_in(params: Json) -> Iterator[tuple[str | None, str | None]]:
    """Yield the keys and values of the tags in a request."""
    lists: list[Any] = [params.get("Tags"), params.get("tags")]
    lists += [specification.get("Tags") for specification in params.get("TagSpecifications", [])]
    lists.append(params.get("Tagging", {}).get("TagSet"))
    for tags in lists:
        for tag in cast(list[Json], tags) if isinstance(tags, list) else ():
            members = {name.lower().removeprefix("tag"): item for name, item in tag.items()}
            yield members.get("key"), members.get("value")
    if isinstance(params.get("tags"), dict):
        yield from params["tags"].items()


@refuses(EVERY)
def invalid_tag(request: AwsRequest) -> None:
    """Refuse a tag with a reserved key, or with a key or a value that is too long."""
    for key, value in tags_in(request.params):
        is_bad_key = key and (len(key) > LONGEST_KEY or key.startswith(RESERVED_PREFIX))
        if is_bad_key or (value and len(value) > LONGEST_VALUE):
            message = (
                "A tag's key must have at most 128 characters and not begin with aws:, and its value must"
                " have at most 256 characters"
            )
            raise ErrorResponse(400, message, "InvalidParameterValue")


def _record(request: AwsRequest) -> Json:
    """Return the record with the ARN in the request; raise ErrorResponse if there is none."""
    arn = request.params[SERVICES[request.service].arn]
    record = request.records.with_arn(request.region, arn)
    if record is None:
        raise ErrorResponse(404, f"No resource with the ARN {arn}", "NotFoundException")
    return record


@emulates(*(f"{service}:TagResource" for service in SERVICES))
def tag_resource(request: AwsRequest) -> Json:
    """Add tags to a record, or change their values."""
    tags: Json = _record(request).setdefault("tags", {})
    tags.update(tag_map(request.params[SERVICES[request.service].tags]))
    return {}


@emulates(*(f"{service}:UntagResource" for service in SERVICES))
def untag_resource(request: AwsRequest) -> Json:
    """Remove tags from a record."""
    tags: Json = _record(request).setdefault("tags", {})
    for key in request.params[SERVICES[request.service].removed_keys]:
        tags.pop(key, None)
    return {}


@emulates(
    *(f"{service}:{'ListTags' if service == 'backup' else 'ListTagsForResource'}" for service in SERVICES)
)
def list_tags(request: AwsRequest) -> Json:
    """Return the tags of a record."""
    name = SERVICES[request.service].tags
    tags: Json = _record(request).get("tags", {})
    if name == "ResourceTags":
        return {name: [{"Key": key, "Value": value} for key, value in tags.items()]}
    return {name: tags}
