"""Tests of the resources whose objects are named by inputs of other resources."""

from typing import Any

from review.objects.owners import NOT_IN_STACK, find_default, find_owner, is_object_kind, owner_remark
from review.objects.parts import object_inputs
from review.stacks.engine_run import Step
from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.providers.resource_types import table
from sandbox.wire import schema
from tests.support.review.stacks import after, resource, stack
from tests.support.rows import each_row

BUCKET, OBJECT = "aws:s3/bucket:Bucket", "aws:s3/bucketObjectv2:BucketObjectv2"
LOGS, FILTER = "aws:cloudwatch/logGroup:LogGroup", "aws:cloudwatch/logMetricFilter:LogMetricFilter"
VPC, TARGETS = "aws:ec2/vpc:Vpc", "aws:lb/targetGroup:TargetGroup"


def reviewed(*resources: Resource, invented: tuple[Resource, str] | None = None) -> Stack:
    """Return a stack under review with these resources; the provider has invented a text of one of them."""
    result = stack(*(Step("same", member, member) for member in resources))
    result.predicted = True
    if invented and result.head:
        result.head.renewed[invented[0].urn] = {invented[1]: "another"}
    return result


@each_row(
    ("own", "inputs", "is_own"),
    [
        (resource(BUCKET, "own", {"bucket": "data"}, id="data"), {"bucket": "data"}, True),
        (resource(LOGS, "own", {"name": "data"}, id="data"), {"bucket": "data"}, False),
        (resource(OBJECT, "own", {"bucket": "data", "key": "data"}, id="data"), {"bucket": "data"}, False),
        (resource(BUCKET, "own", {"bucket": "data"}, id="data", external=True), {"bucket": "data"}, False),
        (resource(BUCKET, "own", id="x", outputs={"arn": "arn:b"}), {"kmsKeyId": "arn:b"}, True),
        (
            resource(BUCKET, "own", {"arn": "arn:b"}, id="x", outputs={"arn": "arn:b"}),
            {"kmsKeyId": "arn:b"},
            False,
        ),
    ],
)
def test_an_object_belongs_to_a_resource_of_its_kind(
    own: Resource, inputs: dict[str, Any], *, is_own: bool
) -> None:
    part, [name] = resource(OBJECT, "it", inputs), inputs
    both = reviewed(own, part)
    assert find_owner(both, part, name) is (own if is_own else None)
    assert owner_remark(both, part, name) == ("own (aws:s3:Bucket)" if is_own else NOT_IN_STACK)


def test_a_filter_is_no_log_group_or_function_of_its_name() -> None:
    named = resource(FILTER, "filter", {"name": "guard", "logGroupName": "x"}, id="guard")
    config = resource(
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "it", {"functionName": "guard"}
    )
    assert find_owner(reviewed(named, config), config, "functionName") is None
    logs = resource(LOGS, "logs", {"name": "/x"}, id="/x")
    other = resource(FILTER, "it", {"name": "a", "logGroupName": "/x"})
    assert find_owner(reviewed(logs, other), other, "logGroupName") is logs


def test_an_id_that_aws_chooses_belongs_to_its_resource_whatever_its_kind() -> None:
    vpc = resource(VPC, "vpc", id="vpc-1")
    group = resource(TARGETS, "it", {"vpcId": "vpc-1"})
    assert find_owner(reviewed(vpc, group, invented=(vpc, "vpc-1")), group, "vpcId") is vpc
    # Without a sign that AWS chooses it, the ID may be a text of the program.
    assert find_owner(reviewed(vpc, group), group, "vpcId") is None
    real = reviewed(vpc, group)
    real.predicted = False
    assert find_owner(real, group, "vpcId") is vpc


def test_an_output_that_aws_chooses_counts_if_the_input_depends_on_the_resource() -> None:
    cluster = resource("aws:eks/cluster:Cluster", "c", id="c", outputs={"securityGroup": "sg-1"})
    tag = resource("aws:ec2/tag:Tag", "it", {"resourceId": "sg-1", "key": "a"}, **after(resourceId=cluster))
    assert find_owner(reviewed(cluster, tag, invented=(cluster, "sg-1")), tag, "resourceId") is cluster
    assert find_owner(reviewed(cluster, tag), tag, "resourceId") is None
    alone = resource("aws:ec2/tag:Tag", "it", {"resourceId": "sg-1", "key": "a"})
    assert find_owner(reviewed(cluster, alone, invented=(cluster, "sg-1")), alone, "resourceId") is None


def test_a_namesake_on_another_account_is_not_the_object() -> None:
    providers = [
        resource("pulumi:providers:aws", name, settings, id="p")
        for name, settings in (
            ("own", {"defaultTags": {"a": "b"}, "version": "7"}),
            ("same", {"allowedAccountIds": ["1"]}),
            ("other", {"assumeRoles": [{"roleArn": "arn:r"}]}),
        )
    ]
    own, same, other = (f"{provider.urn}::p" for provider in providers)
    bucket = resource(BUCKET, "bucket", {"bucket": "data"}, id="data", provider=own)
    for reference, expected in ((own, bucket), (same, bucket), (other, None)):
        part = resource(OBJECT, "it", {"bucket": "data"}, provider=reference)
        assert find_owner(reviewed(*providers, bucket, part), part, "bucket") is expected


RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"


@each_row(
    ("own", "named", "is_own"),
    [
        ({}, {}, True),
        ({}, {"eventBusName": "default"}, True),
        ({"eventBusName": "payments"}, {"eventBusName": "payments"}, True),
        ({}, {"eventBusName": "payments"}, False),
        ({"eventBusName": "payments"}, {}, False),
    ],
)
def test_a_namesake_in_another_container_is_not_the_object(
    own: dict[str, str], named: dict[str, str], *, is_own: bool
) -> None:
    rule = resource(RULE, "rule", {"name": "nightly", **own}, id="nightly")
    target = resource(TARGET, "it", {"rule": "nightly", "targetId": "a", "roleArn": "arn:r", **named})
    assert find_owner(reviewed(rule, target), target, "rule") is (rule if is_own else None)


def test_an_owner_is_in_the_container_that_both_types_require() -> None:
    for database, is_own in (("own", True), ("other", False)):
        names = {"databaseName": "own", "tableName": "orders", "catalogId": "1"}
        table = resource("aws:glue/catalogTable:CatalogTable", "t", {**names, "name": "orders"}, id="orders")
        index = resource("aws:glue/partitionIndex:PartitionIndex", "it", names | {"databaseName": database})
        assert (find_owner(reviewed(table, index), index, "tableName") is table) is is_own


@each_row(
    ("own", "kind", "inputs", "is_own"),
    [
        (
            resource("aws:opensearch/domain:Domain", "own", {"domainName": "logs"}, id="x"),
            "aws:opensearch/domainPolicy:DomainPolicy",
            {"domainName": "logs"},
            True,
        ),
        (
            resource("aws:ses/domainIdentity:DomainIdentity", "own", {"domain": "pipe.dev"}, id="x"),
            "aws:ses/identityPolicy:IdentityPolicy",
            {"identity": "pipe.dev"},
            True,
        ),
        (
            resource("aws:ses/domainIdentity:DomainIdentity", "own", {"domain": "pipe.dev"}, id="x"),
            "aws:ses/domainDkim:DomainDkim",
            {"domain": "pipe.dev"},
            True,
        ),
        (
            resource("aws:opensearch/domain:Domain", "own", {"engineVersion": "logs"}, id="x"),
            "aws:opensearch/domainPolicy:DomainPolicy",
            {"domainName": "logs"},
            False,
        ),
    ],
)
def test_the_name_of_a_resource_may_be_an_input_named_like_its_type(
    own: Resource, kind: str, inputs: dict[str, Any], *, is_own: bool
) -> None:
    part, [name] = resource(kind, "it", inputs), inputs
    assert find_owner(reviewed(own, part), part, name) is (own if is_own else None)


OWNERS = {
    ("backup", "backupVaultName"): "Vault",
    ("cfg", "configRuleName"): "Rule",
    ("cloudwatch", "rule"): "EventRule",
    ("ec2", "vpcId"): "Vpc",
    ("ecr", "repository"): "Repository",
    ("guardduty", "detectorId"): "Detector",
    ("iam", "role"): "Role",
    ("s3", "bucket"): "Bucket",
}
"""Kinds of the objects in the inputs of settings, by the module of the setting and the input."""


def test_an_input_of_each_setting_with_a_table_names_objects_of_one_kind() -> None:
    def declared(token: str) -> Resource:
        return resource(token, "x", dict.fromkeys(schema.properties(schema.args_class(token)), "x"))

    members = {
        module: [declared(token) for token in schema.type_tokens("aws") if token.startswith(f"aws:{module}/")]
        for module, _ in OWNERS
    }
    inputs: set[tuple[str, str]] = set()
    tokens = [token for token in table("aws") if token.count(":") == 2]
    for token in (*tokens, "aws:cfg/remediationConfiguration:RemediationConfiguration"):
        setting, module = declared(token), kind_of(token)[1]
        for name in object_inputs(setting):
            kinds = {kind_of(own.type)[-1] for own in members[module] if is_object_kind(own, setting, name)}
            assert (token, kinds) == (token, {OWNERS[module, name]})
            inputs.add((module, name))
    assert inputs == OWNERS.keys()


def test_the_owner_of_an_object_in_an_access_point_is_the_bucket() -> None:
    arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/a"

    def point(bucket: str) -> Resource:
        kind = "aws:s3/accessPoint:AccessPoint"
        return resource(kind, "point", {"name": "a", "bucket": bucket}, id="x", outputs={"arn": arn})

    bucket = resource(BUCKET, "own", {"bucket": "data"}, id="data")
    part = resource(OBJECT, "it", {"bucket": arn, "key": "a"})
    assert find_owner(reviewed(bucket, point("data"), part), part, "bucket") is bucket
    assert find_owner(reviewed(bucket, point("foreign"), part), part, "bucket") is None
    assert find_owner(reviewed(bucket, point(arn), part), part, "bucket") is None


def test_an_owner_in_the_base_has_the_name_of_the_base() -> None:
    old, new = (resource(BUCKET, "own", {"bucket": name}, id=name) for name in ("old", "new"))
    moved = stack(Step("replace", old, new))
    moved.predicted = True
    part = resource(OBJECT, "it", {"bucket": "old", "key": "a"})
    assert find_owner(moved, part, "bucket") is None
    assert find_owner(moved, part, "bucket", in_base=True) is old


def test_the_default_that_a_resource_takes_over_is_that_of_its_network() -> None:
    outputs = {"defaultSecurityGroupId": "sg-1", "defaultRouteTableId": "rtb-1"}
    vpc = resource(VPC, "vpc", id="vpc-1", outputs=outputs)
    group = resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "it", {"vpcId": "vpc-1"})
    table = resource("aws:ec2/defaultRouteTable:DefaultRouteTable", "it", {"defaultRouteTableId": "rtb-1"})
    network = reviewed(vpc, group, invented=(vpc, "vpc-1"))
    assert find_default(network, group) == "sg-1"
    assert find_default(network, table) == "rtb-1"
    foreign = resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "it", {"vpcId": "vpc-2"})
    assert find_default(network, foreign) == find_default(network, vpc) == ""
