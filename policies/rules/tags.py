"""Tags and labels: every resource says whose it is."""

from pathlib import Path

from pulumi_policy import EnforcementLevel, Severity

from policies import remedies
from policies.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Verdicts,
)
from policies.rules.hops import ACROSS

TAGGABLE = frozenset(Path(__file__).with_name("taggable.txt").read_text().split())
"""AWS types with a map of tags, from the pinned SDK; a test keeps the list current."""


@ACROSS.rule(
    "tags-missing",
    remedy=remedies.tags,
    types=TAGGABLE,
    severity=Severity.LOW,
    controls=("Design: one source of tags",),
    remediation="Tag the resource, or give the AWS provider defaultTags.",
    url="https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    level=EnforcementLevel.ADVISORY,
    options={
        "keys": Option(
            default=["env", "service", "team"],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Tags that every resource has.",
            },
        ),
        "values": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "What the level `remediate` writes into tags that are missing.",
            },
        ),
    },
)
def tags(resource: Resource, options: Options) -> Verdicts:
    """Every AWS resource that can be tagged says whose it is."""
    own = resource["tags"]
    given = set(own.entries()) | set(resource.settings["defaultTags"].json()["tags"].entries())
    missing = [str(key) for key in options["keys"] if key not in given]
    if missing:
        shown = "not set" if own.absent else f"without {', '.join(missing)}"
        yield Finding("tags", shown, f"add {', '.join(missing)}", own.absent)
