"""Tests of the findings about objects that two resources share."""

import json
from typing import Any

import pytest

from review.findings.shared_objects import find_shared, find_shared_with
from review.project_selection import Accounts
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from tests.support.review.stacks import VPC, resource, stack

BLOCK, BLOCK_V2 = "aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"
SUBSCRIPTION, QUEUE_POLICY = "aws:sns/topicSubscription:TopicSubscription", "aws:sqs/queuePolicy:QueuePolicy"
LOGS, BUCKET = "aws:cloudwatch/logGroup:LogGroup", "aws:s3/bucket:Bucket"
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


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"queueUrl": "https://q", "policy": "a"}, {"queueUrl": "https://q", "policy": "b"}, ["it"]),
        ({"queueUrl": "https://q"}, {"queueUrl": "https://r"}, []),
        ({"name": "x-1a2b3c4", "mode": "same"}, {"name": "x-5d6e7f8", "mode": "same"}, []),
    ],
    ids=["the same queue", "another queue", "another name"],
)
def test_a_replacement_of_a_type_without_a_table_is_compared_by_its_inputs(
    before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    sides = block("it", "q-1", QUEUE_POLICY, **before), block("it", "q-2", QUEUE_POLICY, **after)
    assert names(Step("replace", *sides, created_first=True)) == expected
    assert names(Step("replace", *sides)) == []


def shared_with(own: Step, foreign: Step, *, predicted: bool = True) -> list[str]:
    """Return the messages about an object of dev that foundation/dev has, too."""
    dev, foundation = stack(own), stack(foreign, name="foundation/dev")
    dev.predicted, foundation.predicted = True, predicted
    return [finding.message for _, finding in find_shared_with(dev, [foundation], {})]


def test_an_object_of_another_project_on_the_account_blocks() -> None:
    new, kept = Step("create", None, block("new")), Step("same", block("kept"), block("kept"))
    deleted = Step("delete", block("old"), None)
    [message] = shared_with(new, kept)
    assert "old" not in message and message.startswith(
        "it has the object of kept (aws:s3:BucketAcl) of foundation/dev"
    )
    for own in (new, kept):
        [message] = shared_with(own, deleted)
        assert message.endswith("of foundation/dev, which a deployment of that stack deletes")
    assert (
        shared_with(kept, kept) == shared_with(deleted, kept) == shared_with(new, kept, predicted=False) == []
    )
    other = block("kept", "other")
    assert shared_with(new, Step("same", other, other)) == []
    pods = [Step("create", None, block("it", "default/it", POLICY))] * 2
    assert shared_with(*pods) == []


@pytest.mark.parametrize(("failed", "expected"), [("foundation/dev", ["new"]), ("dev", [])])
def test_the_objects_of_another_stack_count_also_if_its_base_failed(failed: str, expected: list[str]) -> None:
    dev = stack(Step("create", None, block("new")))
    foundation = stack(Step("create", None, block("kept")), name="foundation/dev")
    for member in (dev, foundation):
        member.predicted, member.base_failed = True, member.name == failed
    assert [finding.name for _, finding in find_shared_with(dev, [foundation], {})] == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("cloudflare:index/zoneSetting:ZoneSetting", ["it"]), ("aws:sns/topic:Topic", [])]
)
def test_stacks_of_other_names_may_share_an_account_that_is_not_of_aws(
    kind: str, expected: list[str]
) -> None:
    new, kept = block("it", "ssl", kind, zoneId="pipe"), block("kept", "ssl", kind, zoneId="pipe")
    dev, prod = stack(Step("create", None, new)), stack(Step("same", kept, kept), name="prod")
    dev.predicted = prod.predicted = True
    assert [finding.name for _, finding in find_shared_with(dev, [prod], {})] == expected


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [({"qa": {"1"}, "prod": {"1"}}, ["it"]), ({"qa": {"1"}, "prod": {"2"}}, []), ({}, [])],
    ids=["one account", "two accounts", "unknown accounts"],
)
def test_stacks_of_other_names_share_objects_if_they_have_one_account_of_aws(
    accounts: Accounts, expected: list[str]
) -> None:
    new, kept = block("it", "pipe"), block("kept", "pipe")
    qa, prod = stack(Step("create", None, new), name="qa"), stack(Step("same", kept, kept), name="prod")
    qa.predicted = prod.predicted = True
    assert [finding.name for _, finding in find_shared_with(qa, [prod], accounts)] == expected


def test_two_replacements_that_exchange_their_objects_block() -> None:
    steps = [
        Step("replace", block(name, old), block(name, new), created_first=True)
        for name, old, new in (("first", "a", "b"), ("second", "b", "a"))
    ]
    assert sorted(names(*steps)) == ["first", "second"]


def test_a_resource_that_stays_blocks_if_its_object_is_deleted_with_another_one() -> None:
    kept = Step("same", block("kept"), block("kept"))
    assert names(kept, Step("delete", block("other"), None)) == ["kept"]
    assert names(kept, Step("delete", block("other", "b"), None)) == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "is_shared"),
    [
        # The ID of a subscription is invented. A new input does not make it another one.
        (SUBSCRIPTION, {"topic": "arn:a", "protocol": "email"}, {"topic": "arn:a", "x": "y" * 4}, True),
        (SUBSCRIPTION, {"topic": "arn:a", "protocol": "email"}, {"topic": "arn:b"}, False),
        (SUBSCRIPTION, {"topic": "arn:a", "region": "west"}, {"topic": "arn:b", "region": "west"}, False),
        # No table describes the policy of a queue, so one equal text is enough.
        (QUEUE_POLICY, {"queueUrl": "https://a", "policy": "{...}"}, {"queueUrl": "https://a"}, True),
        (QUEUE_POLICY, {"queueUrl": "https://a"}, {"queueUrl": "https://b"}, False),
        ("cloudflare:index/botManagement:BotManagement", {"zoneId": "z" * 4}, {"zoneId": "z" * 4}, True),
        ("kubernetes:core/v1:ConfigMap", {"x": "y" * 4}, {"x": "y" * 4}, False),
        # AWS chooses the ID of a network, and the table tells the ID of an attachment.
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16"}, False),
        (LINK, {"role": "r-name"}, {"role": "r-name"}, False),
    ],
)
def test_resources_with_invented_ids_are_compared_by_what_identifies_them(
    kind: str, before: dict[str, str], after: dict[str, str], is_shared: bool
) -> None:
    old, new = block("old", "x-1", kind, **before), block("new", "x-2", kind, **after)
    steps = Step("delete", old, None), Step("create", None, new)
    assert names(*steps) == (["new"] if is_shared else [])


def test_objects_in_two_regions_are_two_objects_unless_they_are_global() -> None:
    def shared(kind: str, region: str) -> list[str]:
        kept = block("it", "data", kind, region="ap-northeast-1")
        return names(Step("same", kept, kept), Step("create", None, block("x", "data", kind, region=region)))

    assert shared(LOGS, "ap-northeast-3") == []
    assert shared(BLOCK, "ap-northeast-3") == shared(LOGS, "ap-northeast-1") == ["x"]
    # The environment of the deployment determines the region.
    assert shared(LOGS, "") == ["x"]


def test_settings_of_two_zones_are_two_objects() -> None:
    kind = "cloudflare:index/zoneSetting:ZoneSetting"
    kept, other, same = (block(zone, "ssl", kind, zoneId=zone) for zone in ("a", "b", "a"))
    assert names(Step("same", kept, kept), Step("create", None, other)) == []
    second = resource(kind, "second", same.inputs, id="ssl")
    assert names(Step("same", kept, kept), Step("create", None, second)) == ["second"]


def test_a_property_in_place_of_a_deleted_part_blocks() -> None:
    policy, versions = "aws:s3/bucketPolicy:BucketPolicy", {"versioning": {"enabled": True}}
    part = Step("delete", block("policy", "data", policy, bucket="data"), None)
    bucket = block("bucket", "data", BUCKET)
    assert names(part, Step("update", bucket, block("bucket", "data", BUCKET, **versions))) == ["bucket"]
    assert names(part, Step("update", bucket, block("bucket", "data", BUCKET))) == []
    tagged = block("bucket", "data", BUCKET, tags={"a": "b"})
    assert names(part, Step("update", bucket, tagged)) == []
    first, second = (block("bucket", "data", BUCKET, grants=grants) for grants in (["a"], ["a", "b"]))
    assert names(part, Step("update", first, second)) == ["bucket"]
    assert names(part, Step("update", second, first)) == []
    other = block("bucket", "other", BUCKET)
    assert names(part, Step("update", other, block("bucket", "other", BUCKET, **versions))) == []


OBJECT, OBJECT_V2 = "aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2"
RECORD, DNS_RECORD = "cloudflare:index/record:Record", "cloudflare:index/dnsRecord:DnsRecord"
GROUP, INGRESS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
MAIL_FROM_V2 = "aws:sesv2/emailIdentityMailFromAttributes:EmailIdentityMailFromAttributes"
SCALING, ATTACHMENT = "aws:autoscaling/group:Group", "aws:autoscaling/attachment:Attachment"


@pytest.mark.parametrize(
    ("before", "after"), [(OBJECT, OBJECT_V2), (OBJECT_V2, OBJECT), (RECORD, DNS_RECORD)]
)
def test_the_same_object_under_another_type_blocks(before: str, after: str) -> None:
    old = Step("delete", block("old", "x-1", before, bucket="data", key="config.json"), None)
    new = block("new", "x-1", after, bucket="data", key="config.json")
    assert names(old, Step("create", None, new)) == ["new"]


@pytest.mark.parametrize(
    ("kind", "inputs", "second", "other_inputs"),
    [
        (OBJECT_V2, {"content": "{}"}, "aws:s3/objectCopy:ObjectCopy", {"source": "evil/a.json"}),
        ("aws:ses/mailFrom:MailFrom", {"domain": "a.example"}, MAIL_FROM_V2, {"emailIdentity": "a.example"}),
    ],
    ids=["copy", "mail"],
)
def test_a_second_object_under_another_type_blocks(
    kind: str, inputs: dict[str, Any], second: str, other_inputs: dict[str, Any]
) -> None:
    path = {"bucket": "data", "key": "config.json"}
    first = block("kept", "x-1", kind, **path, **inputs)
    new = block("new", "x-2", second, **path, **other_inputs)
    assert names(Step("same", first, first), Step("create", None, new)) == ["new"]
    assert names(Step("delete", first, None), Step("create", None, new)) == ["new"]


def test_an_object_that_pulumi_only_forgets_is_not_deleted() -> None:
    retained = resource(BLOCK, "old", {}, id="data", retainOnDelete=True)
    assert names(Step("delete", retained, None), Step("create", None, block("new"))) == []
    assert names(Step("replace", retained, block("old"), created_first=True)) == []


def test_the_deletion_of_a_patch_deletes_no_object() -> None:
    patch = resource(f"{POLICY}Patch", "patch", {}, id="pipe/api")
    kept = resource(POLICY, "it", {}, id="pipe/api")
    assert names(Step("same", kept, kept), Step("delete", patch, None)) == []
    assert names(Step("same", kept, kept), Step("create", None, patch)) == ["patch"]
    assert names(Step("delete", kept, None), Step("create", None, patch)) == ["patch"]


def test_rules_inside_a_security_group_in_place_of_a_deleted_rule_block() -> None:
    rule = {"securityGroupId": "sg-1", "cidrIpv4": "10.0.0.0/8", "ipProtocol": "tcp"}
    part = Step("delete", block("rule", "sgr-1", INGRESS, **rule), None)
    old, new = (block("sg", "sg-1", GROUP, **inputs) for inputs in ({}, {"ingress": [{"protocol": "tcp"}]}))
    assert names(part, Step("update", old, new)) == ["sg"]


def test_a_new_item_that_names_all_that_a_deleted_resource_names_blocks() -> None:
    def changed(identifier: str, /, **added: Any) -> Step:
        old = block("it", identifier, SCALING, name="workers")
        return Step("update", old, block("it", identifier, SCALING, name="workers", **added))

    attachment = {"autoscalingGroupName": "workers", "lbTargetGroupArn": "arn:tg", "region": "west"}
    part = Step("delete", block("link", "a-1", ATTACHMENT, **attachment), None)
    for identifier in ("workers", "x-1"):
        assert names(part, changed(identifier, targetGroupArns=["arn:tg"])) == ["it"]
        assert names(part, changed(identifier, targetGroupArns=["arn:x"])) == []
    unnamed = Step(
        "update", block("it", "", SCALING, name={}), block("it", "", SCALING, name={}, x=["arn:tg"])
    )
    assert names(part, unnamed) == []
    # The deleted resource names nothing else.
    hook = Step("delete", block("hook", "h-1", ATTACHMENT, autoscalingGroupName="workers"), None)
    assert names(hook, changed("workers", suspendedProcesses=["Launch"])) == []


def test_kinds_of_two_groups_are_two_kinds() -> None:
    calico = block("x", "pipe/api", "kubernetes:crd.projectcalico.org/v1:NetworkPolicy")
    kept = block("it", "pipe/api", POLICY)
    assert names(Step("same", kept, kept), Step("create", None, calico)) == []
    beta = block("x", "pipe/api", "kubernetes:networking.k8s.io/v1beta1:NetworkPolicy")
    assert names(Step("same", kept, kept), Step("create", None, beta)) == ["x"]


CUSTOM = "kubernetes:example.com/v1:Guard"


def custom(name: str, namespace: str, kind: str = CUSTOM, *, called: str = "deny") -> Resource:
    """Return a custom resource; an object without a namespace is in `default`, if its kind has one."""
    metadata = {"name": called} | ({"namespace": namespace} if namespace else {})
    return resource(kind, name, {"metadata": metadata}, id=f"{namespace or 'default'}/{called}")


@pytest.mark.parametrize(
    ("before", "after", "expected"), [("", "x", ["new"]), ("x", "", ["new"]), ("x", "y", [])]
)
def test_a_custom_resource_that_only_seems_to_be_in_another_namespace_blocks(
    before: str, after: str, expected: list[str]
) -> None:
    old, new = custom("old", before), custom("new", after)
    assert names(Step("delete", old, None), Step("create", None, new)) == expected
    assert names(Step("same", old, old), Step("create", None, new)) == expected
    assert names(Step("replace", new, custom("new", before), created_first=True)) == expected


def test_custom_resources_with_another_name_and_objects_of_kubernetes_are_compared_by_their_ids() -> None:
    other = Step("create", None, custom("new", "x", called="allow"))
    assert names(Step("delete", custom("old", ""), None), other) == []
    for kind in (POLICY, "kubernetes:apps/v1:Deployment"):
        old, new = custom("old", "", kind), custom("new", "x", kind)
        assert names(Step("delete", old, None), Step("create", None, new)) == []


def kubeconfig(server: str) -> str:
    """Return the configuration of a cluster at an address."""
    return json.dumps(
        {
            "clusters": [{"name": "it", "cluster": {"server": server}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "current-context": "it",
        }
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("https://one", "https://two", []), ("https://one", "https://one", ["new"])],
    ids=["another cluster", "the same cluster"],
)
def test_objects_are_in_another_place_if_the_provider_leads_to_another_cluster(
    before: str, after: str, expected: list[str]
) -> None:
    provider, moved = (
        resource(CLUSTER, "cluster", {"kubeconfig": kubeconfig(server)}) for server in (before, after)
    )
    used = {"id": "pipe/api", "provider": f"{provider.urn}::p"}
    old, new = (resource(POLICY, name, {}, **used) for name in ("old", "new"))
    steps = Step("delete", old, None), Step("create", None, new)
    # A resource option such as replacementTrigger also replaces a provider.
    assert names(Step("replace", provider, moved), *steps) == expected
    assert names(Step("same", provider, provider), *steps) == ["new"]


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        (LOGS, "west", "west", ["new"]),
        (LOGS, "west", "east", []),
        (BLOCK, "west", "east", ["new"]),
    ],
    ids=["the same region", "another region", "global"],
)
def test_objects_of_a_replaced_provider_of_aws_are_compared_by_their_regions(
    kind: str, before: str, after: str, expected: list[str]
) -> None:
    provider, moved = (
        resource("pulumi:providers:aws", "aws", {"region": region}) for region in (before, after)
    )
    used = {"id": "data", "provider": f"{provider.urn}::p"}
    old, new = (resource(kind, name, {"name": "data"}, **used) for name in ("old", "new"))
    steps = Step("replace", provider, moved), Step("delete", old, None), Step("create", None, new)
    assert names(*steps) == expected


def test_a_resource_that_stays_in_the_place_that_a_provider_leaves_blocks() -> None:
    provider, moved = (
        resource("pulumi:providers:aws", "aws", {"region": region}) for region in ("west", "east")
    )
    used = resource(LOGS, "it", {}, id="data", provider=f"{provider.urn}::p")
    kept = block("kept", "data", LOGS, region="west")
    steps = Step("replace", provider, moved), Step("replace", used, used, created_first=True)
    assert names(*steps) == []
    assert names(*steps, Step("same", kept, kept)) == ["kept"]


def test_components_providers_and_resources_that_are_only_read_have_no_object() -> None:
    for kind, state in (("pipe:a:B", {"custom": False}), (CLUSTER, {}), (BLOCK, {"external": True})):
        old, new = (resource(kind, name, {}, id="x", **state) for name in ("old", "new"))
        assert names(Step("delete", old, None), Step("create", None, new)) == []


def test_a_secret_is_compared_by_its_value() -> None:
    kept, new = (block(name, "data", LOGS, region="west") for name in ("kept", "new"))
    new.inputs = {"region": "west (secret)"}
    assert names(Step("same", kept, kept), Step("create", None, new)) == ["new"]


def test_two_settings_of_one_object_block_although_their_ids_are_invented() -> None:
    def policy(name: str, identifier: str, queue: str = "https://q") -> Resource:
        return block(name, identifier, QUEUE_POLICY, queueUrl=queue, policy=name)

    kept = Step("same", policy("kept", "x-1"), policy("kept", "x-1"))
    assert names(kept, Step("create", None, policy("new", "x-2"))) == ["new"]
    assert names(kept, Step("create", None, policy("new", "x-2", "https://r"))) == []
    other = policy("new", "x-2", "https://r")
    assert names(kept, Step("update", other, policy("new", "x-2"))) == ["new"]
    # The provider deletes the policy of the object that a resource leaves.
    moved = Step("update", policy("kept", "x-1"), policy("kept", "x-1", "https://r"))
    assert names(moved, Step("create", None, policy("new", "x-2"))) == ["new"]
    assert names(moved, Step("create", None, policy("new", "x-2", "https://s"))) == []


def record(name: str, kind: str = "A", host: str = "api.pipe.dev") -> Resource:
    """Return a DNS record whose ID the review invents."""
    return block(name, name, DNS_RECORD, zoneId="z", name=host, type=kind, content=name)


def created(name: str, kind: str = "A", host: str = "api.pipe.dev") -> Step:
    return Step("create", None, record(name, kind, host))


def test_a_load_balancer_in_place_of_a_record_that_stays_blocks() -> None:
    def balancer(host: str) -> Resource:
        kind = "cloudflare:index/loadBalancer:LoadBalancer"
        return block("lb", "lb-1", kind, zoneId="z", name=host, fallbackPool="p", defaultPools=["p"])

    kept, text = (Step("same", side, side) for side in (record("one"), record("one", "TXT")))
    new, other = (Step("create", None, balancer(host)) for host in ("api.pipe.dev", "www.pipe.dev"))
    assert names(kept, new) == ["lb"]
    renamed = Step("update", balancer("www.pipe.dev"), balancer("api.pipe.dev"))
    assert names(kept, renamed) == ["lb"]
    assert names(text, new) == names(kept, other) == names(Step("delete", record("one"), None), new) == []
    stays = balancer("api.pipe.dev")
    assert names(kept, Step("same", stays, stays)) == []
    own, foreign = stack(new, name="dev"), stack(kept, name="foundation/shared")
    own.predicted = foreign.predicted = True
    [(_, finding)] = find_shared_with(own, [foreign], {})
    assert finding.blocks and "of foundation/shared, which has its name" in finding.message


def test_a_second_address_of_a_name_blocks() -> None:
    kept, text = (Step("same", side, side) for side in (record("one"), record("one", "TXT")))
    assert names(kept, created("two")) == ["two"]
    assert names(kept, created("two", host="API.pipe.dev")) == ["two"]
    assert names(text, created("two", "TXT")) == []
    assert names(kept, created("two", "TXT")) == []
    # Both objects exist until the old one is deleted, and the new one stays.
    assert names(Step("delete", record("one"), None), created("two")) == []


def test_a_second_address_under_another_name_or_of_another_type_blocks() -> None:
    kept = Step("same", record("one"), record("one"))
    for kind in ("AAAA", "CNAME", "HTTPS"):
        assert names(kept, created("two", kind)) == ["two"]
    assert names(kept, created("two", host="api")) == ["two"]
    assert names(kept, created("two", "AAAA", "web.pipe.dev")) == []
    # A new name may have an address of both kinds, but not two of one kind.
    assert names(created("one"), created("two", "AAAA")) == []
    assert names(created("one"), created("two")) == ["one", "two"]


def test_a_second_address_in_route_53_blocks_unless_one_program_declares_both() -> None:
    def routed(name: str, kind: str = "A", identifier: str | None = None) -> Resource:
        inputs = {"zoneId": "z", "name": "api.pipe.dev", "type": kind, "setIdentifier": identifier}
        return block(name, name, "aws:route53/record:Record", **inputs)

    kept = Step("same", routed("one"), routed("one"))
    assert names(kept, Step("create", None, routed("two", "AAAA"))) == ["two"]
    assert names(kept, Step("create", None, routed("two", "A", "b"))) == ["two"]
    assert names(kept, Step("create", None, routed("two", "TXT"))) == []
    pair = [Step("create", None, routed(name, "A", name)) for name in ("one", "two")]
    assert names(*pair) == []


def test_a_record_that_becomes_the_second_address_of_a_name_blocks() -> None:
    kept = Step("same", record("one"), record("one"))
    moved = Step("update", record("two", host="test.pipe.dev"), record("two"))
    assert names(kept, moved) == ["two"]
    assert names(kept, Step("update", record("two", "TXT"), record("two"))) == ["two"]
    # The program had both before.
    assert names(kept, Step("update", record("two"), record("two"))) == []


@pytest.mark.parametrize(
    ("kind", "foreign", "expected"),
    [
        ("A", "A", ["it has the name and the type of one"]),
        ("TXT", "TXT", ["it has the name and the type of one"]),
        ("AAAA", "A", ["it has the name of one"]),
        ("TXT", "A", []),
    ],
)
def test_a_record_for_a_name_of_another_stack_blocks(kind: str, foreign: str, expected: list[str]) -> None:
    kept = record("one", foreign)
    dev, prod = stack(created("two", kind)), stack(Step("same", kept, kept), name="prod")
    dev.predicted = prod.predicted = True
    messages = [finding.message for _, finding in find_shared_with(dev, [prod], {})]
    assert [message.partition(" (")[0] for message in messages] == expected


@pytest.mark.parametrize(
    ("host", "zone", "expected"),
    [
        ("api.pipe.dev", "0123", ["two"]),
        ("api", "0123", ["two"]),
        ("api.other.dev", "0123", []),
        ("api.pipe.dev", "own", ["two"]),
        ("api", "own", []),
    ],
)
def test_a_record_in_a_zone_with_another_id_counts_if_it_may_be_the_same_zone(
    host: str, zone: str, expected: list[str]
) -> None:
    kept = record("one")
    inputs = {"zoneId": zone, "name": host, "type": "A"}
    own = resource("cloudflare:index/zone:Zone", "zone", {"name": "other.dev"}, id="own")
    new = Step("create", None, block("two", "two", DNS_RECORD, **inputs))
    steps = Step("create", None, own), new
    assert names(Step("same", kept, kept), *steps) == expected
    dev, prod = stack(*steps), stack(Step("same", kept, kept), name="prod")
    dev.predicted = prod.predicted = True
    assert [finding.name for _, finding in find_shared_with(dev, [prod], {})] == expected


CIDR_BLOCK = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
ROLE, KEY_POLICY = "aws:iam/role:Role", "aws:kms/keyPolicy:KeyPolicy"


ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GROUP_OF_ENDPOINT = "aws:ec2/securityGroupAssociation:SecurityGroupAssociation"


@pytest.mark.parametrize(
    ("kind", "added", "part", "names_whole"),
    [
        (BUCKET, {"policy": "{}"}, "aws:s3/bucketPolicy:BucketPolicy", "bucket"),
        (
            BUCKET,
            {"lifecycleRules": [{"id": "a"}]},
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "bucket",
        ),
        (GROUP, {"ingress": []}, INGRESS, "securityGroupId"),
        (GROUP, {"ingress": []}, "aws:ec2/securityGroupRule:SecurityGroupRule", "securityGroupId"),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"ingress": []}, INGRESS, "securityGroupId"),
        ("aws:ec2/routeTable:RouteTable", {"routes": []}, "aws:ec2/route:Route", "routeTableId"),
        (ROLE, {"managedPolicyArns": []}, LINK, "role"),
        (ROLE, {"inlinePolicies": [{"name": "a"}]}, "aws:iam/rolePolicy:RolePolicy", "role"),
        ("aws:kms/key:Key", {"policy": "{}"}, KEY_POLICY, "keyId"),
        (
            "aws:guardduty/detector:Detector",
            {"datasources": {"s3Logs": {"enable": False}}},
            "aws:guardduty/detectorFeature:DetectorFeature",
            "detectorId",
        ),
        (BUCKET, {"grants": [{"type": "Group"}]}, BLOCK, "bucket"),
        ("aws:sqs/queue:Queue", {"redrivePolicy": "{}"}, "aws:sqs/redrivePolicy:RedrivePolicy", "queueUrl"),
        (
            ENDPOINT,
            {"subnetIds": ["subnet-1"]},
            "aws:ec2/vpcEndpointSubnetAssociation:VpcEndpointSubnetAssociation",
            "vpcEndpointId",
        ),
        (
            ENDPOINT,
            {"routeTableIds": ["rtb-1"]},
            "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation",
            "vpcEndpointId",
        ),
        (ENDPOINT, {"securityGroupIds": ["sg-1"]}, GROUP_OF_ENDPOINT, "vpcEndpointId"),
        (
            "aws:ec2/natGateway:NatGateway",
            {"secondaryAllocationIds": []},
            "aws:ec2/natGatewayEipAssociation:NatGatewayEipAssociation",
            "natGatewayId",
        ),
        (
            "aws:wafv2/webAcl:WebAcl",
            {"rules": [{"name": "a"}]},
            "aws:wafv2/webAclRule:WebAclRule",
            "webAclArn",
        ),
    ],
)
def test_a_property_beside_a_resource_that_declares_it_blocks(
    kind: str, added: dict[str, Any], part: str, names_whole: str
) -> None:
    old, changed = block("whole", "x-1", kind), block("whole", "x-1", kind, **added)
    rule = block("part", "p-1", part, **{names_whole: "x-1"})
    kept = Step("same", rule, rule)
    assert names(Step("update", old, changed), kept) == ["whole"]
    assert names(Step("create", None, changed), Step("create", None, rule)) == ["whole"]
    # The program had both before, or the part belongs to another object.
    assert names(Step("update", changed, changed), kept) == []
    other = block("part", "p-2", part, **{names_whole: "x-3"})
    assert names(Step("same", changed, changed), Step("create", None, other)) == []
    assert (
        names(Step("update", block("whole", "x-2", kind), block("whole", "x-2", kind, **added)), kept) == []
    )


@pytest.mark.parametrize(
    ("kind", "added", "part", "inputs"),
    [
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"}, CIDR_BLOCK, {"vpcId": "x-1"}),
        (
            GROUP,
            {"ingress": [{"a": "b"}]},
            INGRESS,
            {"securityGroupId": "y", "referencedSecurityGroupId": "x-1"},
        ),
        (BUCKET, {"logging": {"a": "b"}}, LOGGING, {"bucket": "y", "targetBucket": "x-1"}),
        (BUCKET, {"objectLockConfiguration": {"a": "b"}}, OBJECT_V2, {"bucket": "x-1"}),
        (BUCKET, {"versioning": {"enabled": True}}, "aws:s3/bucketPolicy:BucketPolicy", {"bucket": "x-1"}),
        (GROUP, {"egress": []}, INGRESS, {"securityGroupId": "x-1"}),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "x-1"}, BUCKET, {"bucket": "x-1"}),
        (GROUP, {"description": "y" * 9}, INGRESS, {"securityGroupId": "x-1"}),
        (ROLE, {"managedPolicyArns": ["a"]}, "aws:iam/rolePolicy:RolePolicy", {"role": "x-1"}),
        (ENDPOINT, {"subnetIds": ["subnet-1"]}, GROUP_OF_ENDPOINT, {"vpcEndpointId": "x-1"}),
        (ROLE, {"assumeRolePolicy": "{}"}, "aws:iam/rolePolicy:RolePolicy", {"role": "x-1"}),
    ],
)
def test_a_property_beside_a_resource_that_declares_another_one_is_no_finding(
    kind: str, added: dict[str, Any], part: str, inputs: dict[str, Any]
) -> None:
    rule = block("part", "p-1", part, **inputs)
    before, after = block("whole", "x-1", kind), block("whole", "x-1", kind, **added)
    assert names(Step("update", before, after), Step("same", rule, rule)) == []
    assert names(Step("same", after, after), Step("create", None, rule)) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "part", "names_whole"),
    [
        ("aws:kms/key:Key", {"policy": "{}"}, "aws:kms/keyPolicy:KeyPolicy", "keyId"),
        ("aws:sns/topic:Topic", {"policy": "{}"}, "aws:sns/topicPolicy:TopicPolicy", "arn"),
        (
            BUCKET,
            {"replicationConfiguration": {}},
            "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
            "bucket",
        ),
        (GROUP, {"ingress": []}, INGRESS, "securityGroupId"),
        ("aws:ec2/routeTable:RouteTable", {"routes": []}, "aws:ec2/route:Route", "routeTableId"),
    ],
)
def test_a_new_or_changed_part_beside_a_property_that_declares_the_same_blocks(
    kind: str, inputs: dict[str, Any], part: str, names_whole: str
) -> None:
    whole = block("whole", "x-1", kind, **inputs)
    kept = Step("same", whole, whole)
    old, new = (block("part", "p-1", part, **{names_whole: "x-1"}, content=text) for text in ("a", "b"))
    assert names(kept, Step("create", None, new)) == ["part"]
    assert names(kept, Step("replace", old, new)) == ["part"]
    assert names(kept, Step("update", old, new)) == ["part"]
    # Nothing changes, or only a resource option and tags.
    tagged = block("part", "p-1", part, **{names_whole: "x-1"}, content="a", tags={"a": "b"})
    assert names(kept, Step("same", old, old)) == names(kept, Step("update", old, tagged)) == []


def test_a_property_that_changes_beside_a_part_that_was_there_before_blocks() -> None:
    old, new = (block("whole", "x-1", BUCKET, policy=text) for text in ("a", "b"))
    part = block("part", "x-1", "aws:s3/bucketPolicy:BucketPolicy", bucket="x-1")
    assert names(Step("update", old, new), Step("same", part, part)) == ["whole"]


TARGET = "aws:cloudwatch/eventTarget:EventTarget"


def test_objects_of_two_containers_are_two_objects() -> None:
    kept = block("kept", "nightly-main", TARGET, rule="nightly", targetId="main")
    arn = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    for bus, expected in (("payments", []), ("default", ["new"]), (arn, ["new"])):
        inputs = {"rule": "nightly", "targetId": "main", "eventBusName": bus}
        new = block("new", "nightly-main", TARGET, **inputs)
        assert names(Step("same", kept, kept), Step("create", None, new)) == expected


def test_services_of_two_clusters_are_two_objects() -> None:
    def service(name: str, cluster: str | None) -> Resource:
        return block(name, name, "aws:ecs/service:Service", name="api", cluster=cluster)

    kept = Step("same", service("kept", "blue"), service("kept", "blue"))
    arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/blue"
    for cluster, expected in (("green", []), (None, []), ("blue", ["new"]), (arn, ["new"])):
        assert names(kept, Step("create", None, service("new", cluster))) == expected


def test_an_object_without_a_table_blocks_if_another_stack_has_its_name() -> None:
    queue = "aws:sqs/queue:Queue"
    kept = block("kept", "x-1", queue, name="jobs")
    new, other = (block("new", "x-2", queue, name=name) for name in ("jobs", "mails"))
    [message] = shared_with(Step("create", None, new), Step("same", kept, kept))
    assert message.startswith("it has the object of kept (aws:sqs:Queue) of foundation/dev, too")
    assert shared_with(Step("create", None, other), Step("same", kept, kept)) == []


def test_a_renamed_resource_without_a_table_blocks_if_another_stack_has_its_new_name() -> None:
    alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
    kept = block("kept", "x-1", alarm, name="root-login")
    before, renamed = (block("it", "x-2", alarm, name=name) for name in ("own", "root-login"))
    [message] = shared_with(Step("update", before, renamed), Step("same", kept, kept))
    assert message.startswith("it has the object of kept (aws:cloudwatch:MetricAlarm) of foundation/dev, too")


def test_a_second_resource_for_an_object_that_its_inputs_identify_blocks() -> None:
    script = "cloudflare:index/workersScript:WorkersScript"

    def worker(name: str, script_name: str) -> Resource:
        return block(name, name, script, accountId="a", scriptName=script_name)

    kept = Step("same", worker("kept", "edge"), worker("kept", "edge"))
    assert names(kept, Step("create", None, worker("it", "edge"))) == ["it"]
    assert names(kept, Step("create", None, worker("it", "other"))) == []
    dev, prod = stack(Step("create", None, worker("it", "edge"))), stack(kept, name="prod")
    dev.predicted = prod.predicted = True
    assert [finding.name for _, finding in find_shared_with(dev, [prod], {})] == ["it"]


def test_a_second_ruleset_of_a_phase_blocks_since_cloudflare_refuses_it() -> None:
    ruleset = "cloudflare:index/ruleset:Ruleset"

    def phase(name: str, phase: str, zone: str = "z", kind: str = "zone") -> Resource:
        return block(name, name, ruleset, zoneId=zone, kind=kind, phase=phase, name=name)

    managed = "http_request_firewall_managed"
    kept = Step("same", phase("kept", managed), phase("kept", managed))
    assert names(kept, Step("create", None, phase("it", managed))) == ["it"]
    for other in (
        phase("it", "http_ratelimit"),
        phase("it", managed, "y"),
        phase("it", managed, kind="root"),
    ):
        assert names(kept, Step("create", None, other)) == []
    # Pulumi deletes the old one first.
    replaced = Step("replace", phase("it", managed), phase("it", managed))
    assert names(replaced) == []


def test_the_own_account_may_be_written_or_left_out() -> None:
    budget = "aws:budgets/budget:Budget"
    kept = block("kept", "1:monthly", budget, name="monthly", accountId="1")
    for account, expected in ((None, ["new"]), ("1", ["new"]), ("2", [])):
        new = block("new", "1:monthly", budget, name="monthly", accountId=account)
        assert names(Step("same", kept, kept), Step("create", None, new)) == expected


KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1a2b"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        (KEY_POLICY, {"keyId": "1a2b"}, {"keyId": KEY_ARN}, True),
        (KEY_POLICY, {"keyId": "1a2"}, {"keyId": KEY_ARN}, False),
        (KEY_POLICY, {"keyId": KEY_ARN}, {"keyId": KEY_ARN.replace("1a2b", "other/1a2b")}, False),
        (SECRET_POLICY, {"secretArn": SECRET_ARN}, {"secretArn": "prod/db"}, True),
        (SECRET_POLICY, {"secretArn": SECRET_ARN}, {"secretArn": "db"}, False),
        (
            "aws:lambda/functionUrl:FunctionUrl",
            {"functionName": "123456789012:function:api"},
            {"functionName": "api"},
            True,
        ),
        (OBJECT_V2, {"bucket": "a", "key": "conf.json"}, {"bucket": "a", "key": "//conf.json"}, True),
    ],
)
def test_an_object_is_the_same_by_its_id_its_name_and_its_arn(
    kind: str, before: dict[str, str], after: dict[str, str], *, expected: bool
) -> None:
    old, new = block("kept", "x-1", kind, **before), block("new", "x-2", kind, **after)
    result = ["new"] if expected else []
    assert names(Step("same", old, old), Step("create", None, new)) == result
    assert [bool(message) for message in shared_with(Step("create", None, new), Step("same", old, old))] == [
        True
    ] * len(result)
    # A provider replaces a resource without a table whose name changes, and deletes the old object.
    changed = block("kept", "x-1", kind, **after)
    assert names(Step("update", old, changed)) == (["kept"] if expected else [])


def test_a_named_object_that_uses_something_else_than_before_keeps_its_name() -> None:
    function = "aws:lambda/function:Function"
    before, after = (block("it", "x", function, name="api", role=role) for role in ("arn:a", "arn:b"))
    assert names(Step("update", before, after)) == []


def test_names_that_lead_to_one_resource_are_those_of_one_object() -> None:
    url = "aws:lambda/functionUrl:FunctionUrl"

    def function(identifier: str) -> Resource:
        outputs = {"arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{identifier}-x"}
        return resource("aws:lambda/function:Function", "f", {"name": "api"}, id=identifier, outputs=outputs)

    own, other = function("api"), function("b")
    by_name = block("kept", "x-1", url, functionName="api")
    by_arn = block("new", "x-2", url, functionName=own.state["outputs"]["arn"])
    kept = Step("same", by_name, by_name)
    assert names(Step("same", own, own), kept, Step("create", None, by_arn)) == ["new"]
    # The replacement of the function is another function.
    moved = Step("update", block("it", "x", url, functionName="api"), block("it", "x", url, functionName="b"))
    assert names(Step("replace", own, other), moved) == []


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "part", "part_inputs"),
    [
        (
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            {"vpcId": "vpc-1"},
            "defaultSecurityGroupId",
            INGRESS,
            "securityGroupId",
        ),
        (
            "aws:ec2/defaultRouteTable:DefaultRouteTable",
            {"defaultRouteTableId": "default"},
            "defaultRouteTableId",
            "aws:ec2/route:Route",
            "routeTableId",
        ),
        (
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            {"defaultNetworkAclId": "default"},
            "defaultNetworkAclId",
            "aws:ec2/networkAclRule:NetworkAclRule",
            "networkAclId",
        ),
    ],
    ids=["security group", "route table", "network ACL"],
)
def test_a_default_of_a_network_beside_a_rule_of_it_blocks(
    kind: str, inputs: dict[str, str], output: str, part: str, part_inputs: str
) -> None:
    vpc = resource(VPC, "vpc", id="vpc-1", outputs={output: "default"})
    whole, rule = (
        block("whole", "x-1", kind, **inputs),
        block("rule", "x-2", part, **{part_inputs: "default"}),
    )

    def findings(*steps: Step) -> list[str]:
        reviewed = stack(Step("same", vpc, vpc), *steps)
        reviewed.predicted = True
        if reviewed.head:
            reviewed.head.renewed[vpc.urn] = {"vpc-1": "another"}
        return [finding.name for _, finding in find_shared(reviewed)]

    # It removes the rules that it does not list.
    assert findings(Step("create", None, whole), Step("same", rule, rule)) == ["whole"]
    assert findings(Step("same", whole, whole), Step("create", None, rule)) == ["rule"]
    assert findings(Step("same", whole, whole), Step("same", rule, rule)) == []
    other = block("rule", "x-2", part, **{part_inputs: "other"})
    assert findings(Step("create", None, whole), Step("same", other, other)) == []


def test_the_policy_of_a_domain_beside_its_access_policies_blocks() -> None:
    domain = block("domain", "x-1", "aws:opensearch/domain:Domain", domainName="logs", accessPolicies="{}")
    policy = block("it", "x-2", "aws:opensearch/domainPolicy:DomainPolicy", domainName="logs")
    assert names(Step("same", domain, domain), Step("create", None, policy)) == ["it"]


def test_a_deployment_of_workers_beside_an_upload_of_the_script_blocks() -> None:
    script, deployment = (
        block(
            name,
            name,
            f"cloudflare:index/{kind[0].lower()}{kind[1:]}:{kind}",
            accountId="a",
            scriptName="edge",
        )
        for name, kind in (("kept", "WorkersScript"), ("it", "WorkersDeployment"))
    )
    assert names(Step("same", script, script), Step("create", None, deployment)) == ["it"]
