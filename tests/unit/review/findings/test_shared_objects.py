"""Tests of the findings about objects that two resources share."""

from typing import Any

import pytest

from review.findings.shared_objects import find_shared
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from tests.support.review.stacks import resource, stack

BLOCK, BLOCK_V2 = "aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"
LINK = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
POLICY, CLUSTER = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "pulumi:providers:kubernetes"


def names(*steps: Step) -> list[str]:
    """Return the names of the resources with a finding, all of which block."""
    reviewed = stack(*steps)
    reviewed.predicted = True
    findings = [finding for _, finding in find_shared(reviewed)]
    assert all(finding.blocks for finding in findings)
    return [finding.name for finding in findings]


def block(name: str, identifier: str = "data", kind: str = BLOCK, /, **inputs: Any) -> Resource:
    """Return a resource whose object has this ID."""
    return resource(kind, name, inputs, id=identifier)


@pytest.mark.parametrize("kind", [BLOCK, BLOCK_V2])
def test_a_renamed_resource_blocks_if_its_object_is_deleted_with_the_old_one(kind: str) -> None:
    old, new = Step("delete", block("old"), None), Step("create", None, block("new", "data", kind))
    assert names(old, new) == ["new"]
    assert names(old, Step("create", None, block("new", "other", kind))) == []


def test_a_second_resource_for_an_object_blocks_once_it_is_new() -> None:
    kept = Step("same", block("kept"), block("kept"))
    assert names(kept, Step("create", None, block("new"))) == ["new"]
    assert names(kept, Step("same", block("other"), block("other"))) == []
    assert names(kept, Step("replace", block("other", "b"), block("other"))) == ["other"]


def test_a_replacement_blocks_if_it_is_created_first_and_keeps_the_object() -> None:
    assert names(Step("replace", block("it"), block("it"), created_first=True)) == ["it"]
    assert names(Step("replace", block("it"), block("it"))) == []
    assert names(Step("replace", block("it"), block("it", "b"), created_first=True)) == []


def test_two_replacements_that_exchange_their_objects_block() -> None:
    steps = [
        Step("replace", block(name, old), block(name, new), created_first=True)
        for name, old, new in (("first", "a", "b"), ("second", "b", "a"))
    ]
    assert sorted(names(*steps)) == ["first", "second"]


def test_links_with_equal_inputs_are_one_object_whatever_their_invented_ids() -> None:
    old, new = block("old", "r-1", LINK, role="r"), block("new", "r-2", LINK, role="r", __defaults=[])
    assert names(Step("delete", old, None), Step("create", None, new)) == ["new"]
    other = block("new", "r-2", LINK, role="s")
    assert names(Step("delete", old, None), Step("create", None, other)) == []


def test_objects_in_two_regions_are_two_objects() -> None:
    osaka = block("osaka", region="ap-northeast-3")
    assert names(Step("same", block("it"), block("it")), Step("create", None, osaka)) == []


def test_objects_of_a_replaced_provider_are_in_another_place() -> None:
    provider = resource(CLUSTER, "cluster", id="p")
    used = {"id": "pipe/api", "provider": f"{provider.urn}::p"}
    old, new = (resource(POLICY, name, {}, **used) for name in ("old", "new"))
    steps = Step("delete", old, None), Step("create", None, new)
    assert names(Step("same", provider, provider), *steps) == ["new"]
    assert names(Step("replace", provider, provider), *steps) == []


def test_components_providers_and_resources_that_are_only_read_have_no_object() -> None:
    for kind, state in (("pipe:a:B", {"custom": False}), (CLUSTER, {}), (BLOCK, {"external": True})):
        old, new = (resource(kind, name, {}, id="x", **state) for name in ("old", "new"))
        assert names(Step("delete", old, None), Step("create", None, new)) == []
