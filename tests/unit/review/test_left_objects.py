"""Tests of the objects that a deletion leaves."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
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
    assert "only forgets" in reason("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter", {})
    assert reason("aws:ec2/defaultVpc:DefaultVpc", {"forceDestroy": True}) == ""


def test_settings_of_cloudflare_without_a_deletion_stay() -> None:
    for name in ("zoneSetting:ZoneSetting", "r2ManagedDomain:R2ManagedDomain"):
        assert "only forgets" in reason(f"cloudflare:index/{name}", {})
    assert reason("cloudflare:index/dnsRecord:DnsRecord", {}) == ""
    assert reason("other:index/zoneSetting:ZoneSetting", {}) == ""


def test_settings_without_a_deletion_stay_though_no_documentation_says_so() -> None:
    for token in (
        "macie2/organizationConfiguration:OrganizationConfiguration",
        "datazone/userProfile:UserProfile",
    ):
        assert "only forgets" in reason(f"aws:{token}", {})


def test_finalizers_and_orphans_stay_in_the_cluster() -> None:
    orphan = {"annotations": {"pulumi.com/deletionPropagationPolicy": "Orphan"}}
    assert "such as its pods" in reason(JOB, {"metadata": orphan})
    assert "(a.b/c)" in reason(JOB, {"metadata": {"finalizers": ["a.b/c"]}})
    assert reason(JOB, {"metadata": {"finalizers": [], "annotations": {"a": "orphan"}}}) == ""


@each_row("token", sorted(STAYING))
def test_the_sdks_have_each_type_that_only_a_state_forgets(token: str) -> None:
    assert schema.resource_class(token)


FORGOTTEN = re.compile(
    r"remov[^.]{0,60} from (?:(?:the|your|its|terraform|pulumi) )*state(?:file)?\b"
    r"|destr\w+ of this resource (?:is a no-op|means)|API does not delete|from the configuration does not"
    r"|terraform has no effect|(?:will|does)\W+not\W+(?:destroy|delete|detach|revoke)",
    re.IGNORECASE,
)
"""Words with which an SDK documents that a deletion leaves the object."""

DELETED = {
    "aws:bedrock/evaluationJob:EvaluationJob": "a deletion stops the job, unless skipDestroy is true",
    "aws:bedrockmodel/invocationJob:InvocationJob": "a deletion stops the job, unless skipDestroy is true",
    "aws:ec2/allowedImagesSettings:AllowedImagesSettings": "a deletion disables the setting",
    "aws:ecs/accountSettingDefault:AccountSettingDefault": "a deletion disables the setting",
    "aws:efs/replicationConfiguration:ReplicationConfiguration": "only the destination stays",
    "aws:lambda/layerVersion:LayerVersion": "stays only if skipDestroy is true",
    "aws:lambda/layerVersionPermission:LayerVersionPermission": "stays only if skipDestroy is true",
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": "stays only with skipDestroy",
    "aws:odb/autonomousDatabaseSecretsManagerIntegration:AutonomousDatabaseSecretsManagerIntegration": (
        "only the identity domain stays, which is another object"
    ),
    "aws:outposts/capacityTask:CapacityTask": "a deletion cancels the task, unless it has ended",
    "aws:pinpoint/smsvoicev2Keyword:Smsvoicev2Keyword": "stays only if AWS demands the keyword",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "stays only if skipDestroy is true",
    "aws:s3/bucketVersioning:BucketVersioning": "a deletion suspends versions, if there are any",
    "aws:s3/bucketVersioningV2:BucketVersioningV2": "a deletion suspends versions, if there are any",
    "aws:sns/topicSubscription:TopicSubscription": "stays only without a confirmation",
    "datadog:index/orgGroupPolicy:OrgGroupPolicy": "only a policy that does nothing any more can be deleted",
}
"""Types with such words whose objects are deleted, and why."""


def documentation(package: str) -> Iterator[tuple[str, str]]:
    """Yield the token of each resource type of an SDK, and the documentation of its class."""
    sdk = importlib.util.find_spec(f"pulumi_{package}")
    assert sdk and sdk.origin
    for path in Path(sdk.origin).parent.rglob("*.py"):
        text = path.read_text()
        declared = text.find("(pulumi.CustomResource):")
        start = text.find('"""', declared)
        token = text.rfind('@pulumi.type_token("', 0, max(declared, 0))
        if declared >= 0 and token >= 0:
            doc = text[start : text.find(":param str resource_name", start)].split()
            yield text[token:declared].split('"')[1], " ".join(doc)


@pytest.mark.parametrize("package", ["aws", "datadog"])
def test_each_type_whose_documentation_says_that_it_stays_is_listed(package: str) -> None:
    documented = {token for token, text in documentation(package) if FORGOTTEN.search(text)}
    assert documented - STAYING - DELETED.keys() == set()
    assert {token for token in DELETED if token.startswith(f"{package}:")} <= documented


@each_row("name", sorted(STAYING_OF_CLOUDFLARE))
def test_the_sdk_has_each_type_of_cloudflare_without_a_deletion(name: str) -> None:
    assert schema.resource_class(f"cloudflare:index/{name[0].lower()}{name[1:]}:{name}")
