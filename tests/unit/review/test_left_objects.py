"""Tests of the objects that a deletion leaves."""

from typing import Any

import pytest

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
    return find_left_object(step, stack(step))


def reason_with(holder: Step) -> str:
    """Return why the object of a resource stays whose deletion is left to the resource of a step."""
    old = resource(KEY, "it", deletedWith=(holder.old or holder.resource).urn)
    reviewed = stack(Step("delete", old, None), holder)
    reviewed.predicted = True
    return find_left_object(reviewed.steps[old.urn], reviewed)


PAIR = "aws:ec2/keyPair:KeyPair"
EXTERNAL = resource(PAIR, "holder", external=True)
OWN = resource(PAIR, "holder", {"publicKey": "a"})


@pytest.mark.parametrize(
    ("holder", "kind"),
    [
        (Step("create", None, OWN, is_replaced=True), "only read"),
        (Step("delete", EXTERNAL, None), "only read"),
        (Step("delete", resource("pipe:old:Access", "holder", custom=False), None), "a component"),
        (
            Step("create", resource(PAIR, "holder", custom=False), OWN, is_replaced=True),
            "a component",
        ),
        (Step("delete", resource("pulumi:providers:aws", "holder"), None), "a provider"),
        (Step("delete", resource(PAIR, "holder", retainOnDelete=True), None), "retainOnDelete"),
    ],
)
def test_an_object_that_pulumi_leaves_to_no_deletion_stays(holder: Step, kind: str) -> None:
    assert reason_with(holder).startswith(
        "stays, because Pulumi deletes neither it (deletedWith) nor holder "
    )
    assert reason_with(holder).endswith(f"({kind}).")


def test_an_object_that_pulumi_leaves_to_one_that_stays_stays() -> None:
    assert reason_with(Step("delete", resource("aws:ec2/defaultVpc:DefaultVpc", "holder"), None)) == (
        "stays, because Pulumi leaves it to holder (aws:ec2:DefaultVpc) (deletedWith), which stays as it is, "
        "because the provider only forgets resources of this type."
    )


def test_an_object_stays_with_a_holder_that_may_be_replaced() -> None:
    changed = resource(PAIR, "holder", {"publicKey": "b"})
    component = resource(PAIR, "holder", custom=False)
    assert reason_with(Step("delete", OWN, component, is_replaced=True)).startswith(
        "stays unless it vanishes"
    )
    # A type without a row, and options that may replace any resource.
    triggered = resource(KEY, "holder", replacementTrigger="1")
    for holder in (Step("update", OWN, changed, {"publicKey": "update"}), Step("same", triggered, triggered)):
        assert "a deployment may replace the latter, and then deletes nothing else" in reason_with(holder)
    for kept in (Step("same", OWN, OWN), Step("create", None, changed), Step("read", EXTERNAL, EXTERNAL)):
        assert reason_with(kept) == ""


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
