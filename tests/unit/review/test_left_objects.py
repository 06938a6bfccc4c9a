"""Tests of the objects that a deletion leaves."""

from typing import Any

from review.left_objects import STAYING, STAYING_OF_CLOUDFLARE, find_left_object
from review.stacks.engine_run import Step
from sandbox.wire import schema
from tests.support.review.stacks import KEY, resource, stack
from tests.support.rows import each_row

JOB = "kubernetes:batch/v1:Job"


def reason(kind: str, inputs: dict[str, Any], op: str = "delete") -> str:
    """Return why the object of a deleted or replaced resource stays; empty if it does not."""
    old = resource(kind, "it", inputs)
    step = Step(op, old, None if op == "delete" else old)
    left = find_left_object(step, stack(step))
    return left.reason if left else ""


def test_the_provider_may_be_told_to_leave_the_object() -> None:
    assert "(skipDestroy)" in reason("aws:lambda/layerVersion:LayerVersion", {"skipDestroy": True})
    assert "(preserve)" in reason("aws:eks/addon:Addon", {"preserve": True}, "replace")
    assert reason("aws:eks/addon:Addon", {"preserve": False}) == reason(KEY, {}) == ""


def test_the_provider_forgets_some_types_unless_it_is_forced() -> None:
    assert "only forgets" in reason("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {})
    assert "only forgets" in reason("aws:ec2/defaultVpc:DefaultVpc", {})
    assert reason("aws:ec2/defaultVpc:DefaultVpc", {"forceDestroy": True}) == ""


def test_settings_of_cloudflare_without_a_deletion_stay() -> None:
    for name in ("zoneSetting:ZoneSetting", "r2ManagedDomain:R2ManagedDomain"):
        assert "only forgets" in reason(f"cloudflare:index/{name}", {})
    assert reason("cloudflare:index/dnsRecord:DnsRecord", {}) == ""
    assert reason("other:index/zoneSetting:ZoneSetting", {}) == ""


def test_finalizers_and_orphans_stay_in_the_cluster() -> None:
    orphan = {"annotations": {"pulumi.com/deletionPropagationPolicy": "Orphan"}}
    assert "such as its pods" in reason(JOB, {"metadata": orphan})
    assert "(a.b/c)" in reason(JOB, {"metadata": {"finalizers": ["a.b/c"]}})
    assert reason(JOB, {"metadata": {"finalizers": [], "annotations": {"a": "orphan"}}}) == ""


@each_row("token", sorted(STAYING))
def test_the_sdks_have_each_type_that_only_a_state_forgets(token: str) -> None:
    assert schema.resource_class(token)


@each_row("name", sorted(STAYING_OF_CLOUDFLARE))
def test_the_sdk_has_each_type_of_cloudflare_without_a_deletion(name: str) -> None:
    assert schema.resource_class(f"cloudflare:index/{name[0].lower()}{name[1:]}:{name}")
