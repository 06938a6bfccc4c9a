"""Tests of findings about physical names that the program no longer sets."""

from typing import Any

from review.findings.removed_names import find_removed_names
from review.model import Finding
from review.stacks.engine_run import Step
from sandbox.providers.aws.package import Aws
from tests.support.review.stacks import resource, stack
from tests.support.sandbox.providers import resources as sandbox_resources

BUCKET, ROLE = "aws:s3/bucket:Bucket", "aws:iam/role:Role"
NAMED = {"bucket": "pipe-backup"}
UNNAMED = {"bucket": "pipe-backup", "__defaults": ["bucket"]}


def findings(
    old: dict[str, Any] | None, new: dict[str, Any], kind: str = BUCKET, *, predicted: bool = True
) -> list[Finding]:
    before = old if old is None else resource(kind, "it", old)
    reviewed = stack(Step("same", before, resource(kind, "it", new)))
    reviewed.predicted = predicted
    return [finding for _, finding in find_removed_names(reviewed)]


def test_a_removed_name_of_a_resource_with_data_blocks() -> None:
    [finding] = findings(NAMED, UNNAMED)
    assert finding.blocks and finding.message.startswith("bucket: the program no longer sets pipe-backup; ")


def test_a_removed_name_of_another_resource_is_shown() -> None:
    [finding] = findings({"name": "a"}, {"name": "a", "__defaults": ["name"]}, ROLE)
    assert (finding.blocks, finding.level) == (False, "advisory")


def test_other_names_are_no_finding() -> None:
    renamed = {"bucket": "pipe-backup-1a2b3c4", "__defaults": ["bucket"]}
    for old, new in ((UNNAMED, UNNAMED), (UNNAMED, NAMED), (NAMED, NAMED), (NAMED, renamed), (None, UNNAMED)):
        assert findings(old, new) == []
    assert findings(NAMED, UNNAMED, predicted=False) == []


def test_the_provider_marks_a_name_that_it_keeps() -> None:
    declared = sandbox_resources.resource(BUCKET, {})
    [finding] = findings(NAMED, Aws("aws").complete(declared, NAMED, b"seed"))
    assert finding.blocks
