"""A rule on the ownership tags of AWS resources."""

from pathlib import Path

from pulumi_policy import EnforcementLevel, Severity

from policies.engine import remediation
from policies.engine.rule import Option, Options, Resource, Verdicts
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.tag_checks import missing_keys, required_keys

TAGGABLE = frozenset(Path(__file__).with_name("taggable.txt").read_text().split())
"""AWS resource types with a map of tags, from the pinned SDK; a test checks that the list is current."""


@ACROSS_PROVIDERS.rule(
    "tags-missing",
    remedy=remediation.tags,
    types=TAGGABLE,
    severity=Severity.LOW,
    controls=("Design: one source of tags",),
    remediation="Tag the resource, or give the AWS provider defaultTags.",
    url="https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": required_keys(["env", "service", "team"], "Tags that every resource must have."),
        "values": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "The values with which the level `remediate` adds missing tags.",
            },
        ),
    },
)
def tags(resource: Resource, options: Options) -> Verdicts:
    """Require ownership tags on every AWS resource that supports tags."""
    own = resource["tags"]
    present = set(own.entries()) | set(resource.settings["defaultTags"].json()["tags"].entries())
    yield from missing_keys(own, present, options["keys"])
