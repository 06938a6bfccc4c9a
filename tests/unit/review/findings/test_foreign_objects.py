"""Tests of findings about new settings of objects that belong to no resource of the stack."""

from typing import Any

import pytest

from review.findings.foreign_objects import UPSERTED, find_foreign_objects
from review.objects.parts import own_names
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from sandbox.wire import schema
from tests.support.review.stacks import VPC, after, resource, stack

BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
ACCOUNT = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:alarms"


def findings(
    *steps: Step, unevaluated: tuple[str, ...] = (), invented: tuple[Resource, str] | None = None
) -> list[tuple[str, str]]:
    """Return the name and the message of each finding, all of which block.

    The provider has invented a text of a resource (`invented`).
    """
    reviewed = stack(*steps)
    reviewed.predicted = True
    if invented and reviewed.head:
        reviewed.head.renewed[invented[0].urn] = {invented[1]: "another"}
    result = [finding for _, finding in find_foreign_objects(reviewed, unevaluated)]
    assert all(finding.blocks for finding in result)
    return [(finding.name, finding.message) for finding in result]


def kept(kind: str, name: str, **state: Any) -> Step:
    before = resource(kind, name, **state)
    return Step("same", before, before)


def named(kind: str, **inputs: str) -> Step:
    before = resource(kind, "own", inputs, id="x")
    return Step("same", before, before)


def new(kind: str, inputs: dict[str, Any]) -> Step:
    return Step("create", None, resource(kind, "it", inputs))


@pytest.mark.parametrize(
    ("kind", "inputs", "own"),
    [
        (BUCKET_POLICY, {"bucket": "data"}, kept(BUCKET, "data", id="data")),
        (TOPIC_POLICY, {"arn": TOPIC_ARN}, kept(TOPIC, "alarms", id="x", outputs={"arn": TOPIC_ARN})),
        (
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            {"repository": "api"},
            kept("aws:ecr/repository:Repository", "api", id="api"),
        ),
        (
            "aws:kms/keyPolicy:KeyPolicy",
            {"keyId": "1a2b-3c4d"},
            kept("aws:kms/key:Key", "key", id="1a2b-3c4d"),
        ),
        (
            "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy",
            {"destinationName": "central"},
            named("aws:cloudwatch/logDestination:LogDestination", name="central"),
        ),
        (
            "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
            {"eventBusName": "payments"},
            named("aws:cloudwatch/eventBus:EventBus", name="payments"),
        ),
        (
            "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy",
            {"modelPackageGroupName": "a"},
            named("aws:sagemaker/modelPackageGroup:ModelPackageGroup", modelPackageGroupName="a"),
        ),
        (
            "aws:route53domains/registeredDomain:RegisteredDomain",
            {"domainName": "pipe.dev"},
            named("aws:route53domains/domain:Domain", domainName="pipe.dev"),
        ),
    ],
    ids=["bucket", "topic", "repository", "key", "destination", "bus", "group of models", "domain"],
)
def test_a_setting_blocks_unless_the_stack_has_its_object(
    kind: str, inputs: dict[str, Any], own: Step
) -> None:
    [(name, message)] = findings(new(kind, inputs))
    [(input_name, value)] = inputs.items()
    assert name == "it" and message.startswith(f"{input_name}: no resource of this stack is {value}; ")
    assert findings(new(kind, inputs), own) == []
    assert own.old is not None
    deleted = Step("delete", own.old, None)
    assert len(findings(new(kind, inputs), deleted)) == 1


def test_only_the_object_itself_counts_as_the_object() -> None:
    policy = new(BUCKET_POLICY, {"bucket": "data"})
    others: list[Step] = [
        kept("aws:s3/bucketVersioning:BucketVersioning", "data", id="data"),
        kept(LOGS, "data", id="data"),
        kept("aws:s3/bucketObject:BucketObject", "data", id="data"),
        kept(BUCKET, "data", id="data", external=True),
    ]
    assert [name for name, _ in findings(policy, *others)] == ["it"]


TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"


@pytest.mark.parametrize(
    ("kind", "name", "own"),
    [
        (
            "aws:dynamodb/resourcePolicy:ResourcePolicy",
            "resourceArn",
            resource("aws:dynamodb/table:Table", "orders", outputs={"arn": TABLE_ARN}),
        ),
        (
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            "defaultNetworkAclId",
            resource(VPC, "main", outputs={"defaultNetworkAclId": "acl-1"}),
        ),
        (
            "aws:secretsmanager/secretRotation:SecretRotation",
            "secretId",
            resource(
                "aws:rds/instance:Instance", "x", outputs={"masterUserSecrets": [{"secretArn": "arn:s"}]}
            ),
        ),
    ],
    ids=["ARN", "default of a network", "part of an output"],
)
def test_an_output_that_aws_determines_is_an_own_object(kind: str, name: str, own: Resource) -> None:
    value = [text for _, text in own.texts][-1]
    setting = resource(kind, "it", {name: value}, **after(**{name: own}))
    present = Step("create", None, own)
    assert findings(Step("create", None, setting), present, invented=(own, value)) == []
    assert len(findings(new(kind, {name: value}))) == 1
    other = resource(kind, "it", {name: "foreign"}, **after(**{name: own}))
    assert len(findings(Step("create", None, other), present, invented=(own, value))) == 1


@pytest.mark.parametrize(
    "own",
    [
        resource(BUCKET, "own", {"tags": {"of": "data"}}, id="own", outputs={"tags": {"of": "data"}}),
        resource(BUCKET, "own", id="own", outputs={"tagsAll": {"of": "data"}}),
        resource(LOGS, "own", {"name": "data"}, id="data", outputs={"name": "data"}),
        resource(
            "aws:cloudwatch/eventTarget:EventTarget", "own", {"rule": "da", "targetId": "ta"}, id="data"
        ),
    ],
    ids=["tag", "tag of the provider", "name of another kind", "ID of inputs"],
)
def test_a_text_that_the_program_chooses_is_no_own_object(own: Resource) -> None:
    setting = resource(BUCKET_POLICY, "it", {"bucket": "data"}, **after(bucket=own))
    messages = findings(Step("create", None, setting), Step("create", None, own))
    assert "it" in [name for name, _ in messages]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:sagemaker/endpointConfiguration:EndpointConfiguration", {"executionRoleArn": "a"}),
        ("aws:kms/alias:Alias", {"targetKeyId": "a"}),
        ("aws:eks/addon:Addon", {"clusterName": "a", "addonName": "b"}),
        ("aws:ec2/launchConfiguration:LaunchConfiguration", {"imageId": "ami-1"}),
        ("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration", {"configurationName": "a"}),
        ("aws:dlm/lifecyclePolicy:LifecyclePolicy", {"executionRoleArn": "arn:aws:iam::1:role/a"}),
    ],
)
def test_a_resource_with_a_name_of_its_own_or_a_role_is_no_such_setting(
    kind: str, inputs: dict[str, Any]
) -> None:
    assert findings(new(kind, inputs)) == []


def test_a_setting_that_stays_or_another_resource_is_no_finding() -> None:
    def policy(bucket: str) -> Resource:
        return resource(BUCKET_POLICY, "it", {"bucket": bucket})

    assert findings(Step("update", policy("a"), policy("a"))) == []
    assert findings(Step("replace", policy("a"), policy("a"))) == []
    assert [name for name, _ in findings(Step("replace", policy("a"), policy("b")))] == ["it"]
    attachment = {"role": "admin", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    assert findings(new("aws:iam/rolePolicyAttachment:RolePolicyAttachment", attachment)) == []
    assert findings(new(BUCKET, {"bucket": "data"}), new(LOGS, {"name": "x"})) == []
    assert findings(new("kubernetes:core/v1:ConfigMap", {"data": {}})) == []


REPOSITORY, REPOSITORY_POLICY = "aws:ecr/repository:Repository", "aws:ecr/repositoryPolicy:RepositoryPolicy"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
ROUTES_OF = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ITEM = "aws:s3/bucketObjectv2:BucketObjectv2"


@pytest.mark.parametrize(
    ("kind", "before", "after", "own"),
    [
        (
            REPOSITORY_POLICY,
            {"repository": "api"},
            {"repository": "api", "region": "us-east-1"},
            resource(REPOSITORY, "api", {"name": "api"}, id="api"),
        ),
        (
            TARGET,
            {"rule": "nightly", "targetId": "a"},
            {"rule": "nightly", "targetId": "a", "eventBusName": "payments"},
            resource(RULE, "nightly", {"name": "nightly"}, id="nightly"),
        ),
        (ITEM, {"bucket": "foreign", "key": "a"}, {"bucket": "foreign", "key": "b"}, resource(BUCKET, "x")),
    ],
    ids=["region", "container", "key"],
)
def test_a_setting_that_keeps_the_name_of_its_object_blocks_if_it_moves_to_a_foreign_one(
    kind: str, before: dict[str, str], after: dict[str, str], own: Resource
) -> None:
    old, new = (resource(kind, "it", inputs, id="x") for inputs in (before, after))
    assert [name for name, _ in findings(Step("replace", old, new), Step("same", own, own))] == ["it"]
    assert findings(Step("replace", old, old), Step("same", own, own)) == []


def test_a_setting_that_moves_by_its_provider_blocks_unless_its_object_moves_as_well() -> None:
    def moved(kind: str, name: str, inputs: dict[str, str]) -> Step:
        it = resource(kind, name, inputs, id="api", provider=f"{west.urn}::p", **dependencies)
        return Step("replace", it, it)

    west, east = (
        resource("pulumi:providers:aws", "aws", {"region": region}, id="p")
        for region in ("eu-west-1", "us-east-1")
    )
    provider = Step("replace", west, east)
    dependencies = after()
    repository = moved(REPOSITORY, "api", {"name": "api"})
    dependencies = after(repository.resource)
    policy = moved(REPOSITORY_POLICY, "it", {"repository": "api"})
    own = resource(REPOSITORY, "api", {"name": "api", "region": "eu-west-1"}, id="api")
    assert findings(provider, policy, repository) == []
    assert [name for name, _ in findings(provider, policy, Step("same", own, own))] == ["it"]
    # The objects of some services are the same in all regions.
    assert findings(provider, moved(BUCKET_POLICY, "it", {"bucket": "foreign"})) == []


ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"


def test_a_new_namesake_of_a_foreign_object_counts_only_if_the_setting_depends_on_it() -> None:
    inputs = {"role": "company-admin", "policy": "{}"}
    role = resource(ROLE, "role", {"name": "company-admin"}, id="company-admin")
    [(name, message)] = findings(new(ROLE_POLICY, inputs), Step("create", None, role))
    assert name == "it" and message.startswith(
        "role: it does not depend on role (aws:iam:Role), which is new"
    )
    # A replacement may get the name of a foreign object as well.
    old = resource(ROLE, "role", {"name": "pipe"}, id="pipe")
    assert findings(new(ROLE_POLICY, inputs), Step("replace", old, role))
    component = resource("pipe:x:Role", "component", parent=role.urn)
    for dependencies in (after(role), after(role=role), {"parent": component.urn}):
        policy = resource(ROLE_POLICY, "it", inputs, **dependencies)
        steps = Step("create", None, policy), Step("create", None, role), Step("create", None, component)
        assert findings(*steps) == []
    # Its dependency on the setting itself is the other way round.
    late = resource(ROLE, "role", {"name": "company-admin"}, **after(resource(ROLE_POLICY, "it")))
    assert findings(new(ROLE_POLICY, inputs), Step("create", None, late))


@pytest.mark.parametrize(
    ("kind", "inputs", "helper", "helper_inputs"),
    [
        (
            ROLE_POLICY,
            {"role": "admin", "policy": "{}"},
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            {"role": "admin", "policyArn": "arn:p"},
        ),
        (
            "aws:iam/userPolicy:UserPolicy",
            {"user": "admin", "policy": "{}"},
            "aws:iam/userGroupMembership:UserGroupMembership",
            {"user": "admin", "groups": ["a"]},
        ),
        (
            TARGET,
            {"rule": "alarm", "targetId": "a", "arn": "arn:q"},
            "aws:cloudwatch/contributorInsightRule:ContributorInsightRule",
            {"ruleName": "alarm"},
        ),
        (
            BUCKET_POLICY,
            {"bucket": "archive", "policy": "{}"},
            "aws:s3/vectorsVectorBucket:VectorsVectorBucket",
            {"vectorBucketName": "archive"},
        ),
    ],
    ids=["attachment", "membership", "rule", "bucket"],
)
def test_a_resource_of_another_kind_with_the_name_owns_no_object(
    kind: str, inputs: dict[str, str], helper: str, helper_inputs: dict[str, Any]
) -> None:
    own = resource(helper, "own", helper_inputs, id="x")
    [(name, message)] = findings(new(kind, inputs), Step("same", own, own))
    assert name == "it" and "no resource of this stack is" in message


def test_a_setting_of_the_account_that_moves_to_another_region_is_new_there() -> None:
    kind = "aws:ebs/defaultKmsKey:DefaultKmsKey"
    old, moved = (resource(kind, "it", inputs) for inputs in ({}, {"region": "us-east-1"}))
    others = ("foundation/dev",)
    assert [name for name, _ in findings(Step("replace", old, moved), unevaluated=others)] == ["it"]
    assert findings(Step("replace", old, old), unevaluated=others) == []


def test_a_setting_of_the_account_blocks_if_another_stack_of_it_is_not_evaluated() -> None:
    assert findings(new(ACCOUNT, {})) == []
    [(_, message)] = findings(new(ACCOUNT, {}), unevaluated=("foundation/dev",))
    assert message.startswith("it is a setting of the whole account, which foundation/dev may set as well; ")


@pytest.mark.parametrize(
    ("kind", "inputs", "own"),
    [
        (
            "aws:iam/rolePolicy:RolePolicy",
            {"name": "deploy", "role": "deploy"},
            kept("aws:iam/role:Role", "deploy", id="deploy"),
        ),
        (
            "aws:cloudwatch/eventTarget:EventTarget",
            {"rule": "guard", "targetId": "guard"},
            kept("aws:cloudwatch/eventRule:EventRule", "guard", id="guard"),
        ),
    ],
    ids=["role", "rule"],
)
def test_a_part_that_replaces_one_of_the_same_name_blocks_unless_the_stack_has_its_object(
    kind: str, inputs: dict[str, Any], own: Step
) -> None:
    assert [name for name, _ in findings(new(kind, inputs))] == ["it"]
    assert findings(new(kind, inputs), own) == []


@pytest.mark.parametrize(
    "kind", ["aws:ebs/defaultKmsKey:DefaultKmsKey", "aws:ecr/registryPolicy:RegistryPolicy"]
)
def test_a_setting_of_the_account_without_a_table_blocks_as_well(kind: str) -> None:
    assert findings(new(kind, {})) == []
    assert len(findings(new(kind, {}), unevaluated=("foundation/dev",))) == 1


def test_a_real_preview_has_no_such_finding() -> None:
    assert [*find_foreign_objects(stack(new(BUCKET_POLICY, {"bucket": "data"})), [])] == []


def test_a_secret_name_is_compared_by_its_value_and_quoted_as_it_is_shown() -> None:
    own = kept(BUCKET, "data", id="data")
    setting = new(BUCKET_POLICY, {"bucket": "data"})
    assert setting.new is not None
    setting.new.inputs = {"bucket": "data (secret)"}
    assert findings(setting, own) == []
    setting.new.values, setting.new.inputs = {"bucket": "foreign"}, {"bucket": "[secret]"}
    [(_, message)] = findings(setting, own)
    assert "foreign" not in message and message.startswith("bucket: no resource of this stack is [secret]; ")


VAULT, VAULT_POLICY = "aws:backup/vault:Vault", "aws:backup/vaultPolicy:VaultPolicy"


@pytest.mark.parametrize(
    ("own_region", "region", "expected"),
    [("", "", 0), ("eu-west-1", "", 1), ("", "eu-west-1", 1), ("eu-west-1", "eu-west-1", 0)],
)
def test_a_namesake_in_another_region_is_not_the_object(own_region: str, region: str, expected: int) -> None:
    own = kept(VAULT, "guard", id="guard")
    assert own.new is not None
    own.new.values = {"name": "guard", "region": own_region}
    setting = new(VAULT_POLICY, {"backupVaultName": "guard", "region": region})
    assert len(findings(setting, own)) == expected


def test_the_region_of_the_provider_counts_as_well() -> None:
    providers = [
        resource("pulumi:providers:aws", name, {"region": region}, id=name)
        for name, region in (("west", "eu-west-1"), ("east", "us-east-1"))
    ]
    west, east = (f"{provider.urn}::{provider.name}" for provider in providers)
    setting = resource(VAULT_POLICY, "it", {"backupVaultName": "guard"}, provider=west)
    steps = [Step("create", None, setting), *(Step("same", provider, provider) for provider in providers)]
    assert findings(*steps, kept(VAULT, "guard", id="guard", provider=west)) == []
    assert len(findings(*steps, kept(VAULT, "guard", id="guard", provider=east))) == 1


def test_an_output_that_repeats_an_input_is_no_own_object() -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/foreign"
    alias = resource("aws:kms/alias:Alias", "a", {"targetKeyId": "foreign"}, outputs={"targetKeyArn": arn})
    setting = resource("aws:kms/keyPolicy:KeyPolicy", "it", {"keyId": arn}, **after(keyId=alias))
    assert [name for name, _ in findings(Step("create", None, setting), Step("create", None, alias))] == [
        "it"
    ]


@pytest.mark.parametrize("op", ["update", "replace"])
def test_a_setting_that_moves_to_a_foreign_object_blocks(op: str) -> None:
    queue = "aws:sqs/queuePolicy:QueuePolicy"
    before, moved = (resource(queue, "it", {"queueUrl": url}) for url in ("https://own", "https://foreign"))
    assert [name for name, _ in findings(Step(op, before, moved))] == ["it"]
    assert findings(Step(op, before, before)) == []


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "state", "key": "prod.json"}),
        ("aws:guardduty/detectorFeature:DetectorFeature", {"detectorId": "d", "name": "S3_DATA_EVENTS"}),
        ("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter", {"name": "a", "logGroup": "b"}),
        ("aws:cloudwatch/logMetricFilter:LogMetricFilter", {"name": "a", "logGroupName": "b"}),
        ("aws:cfg/recorderStatus:RecorderStatus", {"name": "default", "isEnabled": False}),
        ("aws:dynamodb/tableItem:TableItem", {"tableName": "locks", "hashKey": "id"}),
        ("aws:ec2/tag:Tag", {"resourceId": "i-1", "key": "owner", "value": "x"}),
        ("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", {"vpcId": "vpc-1"}),
        ("aws:ec2/networkAclAssociation:NetworkAclAssociation", {"networkAclId": "acl-1", "subnetId": "s"}),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": "vpc-1"}),
        ("aws:ec2/defaultRouteTable:DefaultRouteTable", {"defaultRouteTableId": "rtb-1", "routes": []}),
        ("aws:secretsmanager/secretVersion:SecretVersion", {"secretId": "s"}),
        ("aws:autoscaling/schedule:Schedule", {"autoscalingGroupName": "g", "scheduledActionName": "x"}),
        ("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", {"functionName": "f"}),
        ("aws:iam/accessKey:AccessKey", {"user": "admin"}),
        ("aws:iam/policyAttachment:PolicyAttachment", {"policyArn": "arn:aws:iam::123456789012:policy/x"}),
        ("aws:ssm/parameter:Parameter", {"name": "image", "overwrite": True}),
        ("aws:route53/record:Record", {"zoneId": "Z", "name": "api", "allowOverwrite": True}),
        ("aws:ec2/eipAssociation:EipAssociation", {"allocationId": "a", "allowReassociation": True}),
        ("cloudflare:index/universalSslSetting:UniversalSslSetting", {"zoneId": "z", "enabled": False}),
        ("cloudflare:index/botManagement:BotManagement", {"zoneId": "z"}),
        ("datadog:index/ipAllowlist:IpAllowlist", {"enabled": True}),
        ("datadog:index/securityMonitoringDefaultRule:SecurityMonitoringDefaultRule", {"enabled": False}),
    ],
)
def test_what_replaces_a_part_of_a_foreign_object_blocks(kind: str, inputs: dict[str, Any]) -> None:
    assert [name for name, _ in findings(new(kind, inputs))] == ["it"]


@pytest.mark.parametrize(
    ("conflicts", "cluster", "blocks"),
    [
        ("OVERWRITE", "other", True),
        ("OVERWRITE", "own", False),
        ("NONE", "other", False),
        (None, "other", False),
    ],
)
def test_an_add_on_blocks_if_it_overwrites_what_a_foreign_cluster_has(
    conflicts: str | None, cluster: str, *, blocks: bool
) -> None:
    own = named("aws:eks/cluster:Cluster", name="own")
    inputs = {"addonName": "coredns", "clusterName": cluster, "resolveConflictsOnCreate": conflicts}
    messages = [message for _, message in findings(own, new("aws:eks/addon:Addon", inputs))]
    assert [message.partition(":")[0] for message in messages] == ["clusterName"] * blocks


@pytest.mark.parametrize(("name", "expected"), [("/foreign", ["it"]), ("/own", [])])
def test_an_update_takes_over_an_object_if_the_name_differs(name: str, expected: list[str]) -> None:
    kind, inputs = "aws:ssm/parameter:Parameter", {"overwrite": True, "insecureValue": "a"}
    before = resource(kind, "it", {"name": "/own", **inputs})
    after_it = resource(kind, "it", {**inputs, "name": name, "insecureValue": "b"})
    assert [name for name, _ in findings(Step("update", before, after_it))] == expected


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:lambda/permission:Permission", {"function": "f"}),
        ("aws:sns/topicSubscription:TopicSubscription", {"topic": TOPIC_ARN}),
        ("aws:route53/record:Record", {"zoneId": "Z", "name": "api"}),
        ("aws:ssm/parameter:Parameter", {"name": "image"}),
        ("aws:ec2/subnet:Subnet", {"vpcId": "vpc-1"}),
        ("aws:iam/policy:Policy", {"path": "/x/", "name": "y"}),
        ("cloudflare:index/dnsRecord:DnsRecord", {"zoneId": "z", "name": "api", "type": "A"}),
        # The policy cloudflare-zone-not-owned decides which stack has the settings of a zone.
        ("cloudflare:index/zoneSetting:ZoneSetting", {"zoneId": "z", "settingId": "ssl"}),
        ("datadog:index/monitor:Monitor", {"name": "m"}),
    ],
)
def test_what_only_adds_to_an_object_is_no_finding(kind: str, inputs: dict[str, Any]) -> None:
    assert findings(new(kind, inputs)) == []


def test_a_setting_of_an_own_zone_is_no_finding() -> None:
    zone = kept("cloudflare:index/zone:Zone", "zone", id="z1")
    setting = new("cloudflare:index/universalSslSetting:UniversalSslSetting", {"zoneId": "z1"})
    assert findings(setting, zone) == []


@pytest.mark.parametrize("kind", ["r2ManagedDomain:R2ManagedDomain", "r2BucketLifecycle:R2BucketLifecycle"])
def test_a_setting_of_a_foreign_bucket_of_r2_blocks(kind: str) -> None:
    named = {"name": "own", "accountId": "a"}
    bucket = resource("cloudflare:index/r2Bucket:R2Bucket", "own", named, id="own")
    own, foreign = (
        new(f"cloudflare:index/{kind}", {"accountId": "a", "bucketName": name}) for name in ("own", "prod")
    )
    assert findings(own, Step("same", bucket, bucket)) == []
    assert [name for name, _ in findings(foreign, Step("same", bucket, bucket))] == ["it"]


EVENT_RULE, QUEUE = "aws:cloudwatch/eventRule:EventRule", "aws:sqs/queue:Queue"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TOPIC, "name"),
        (EVENT_RULE, "name"),
        (QUEUE, "name"),
        ("aws:cloudwatch/dashboard:Dashboard", "dashboardName"),
    ],
)
def test_a_new_object_with_a_name_that_aws_does_not_refuse_blocks(kind: str, name: str) -> None:
    own = resource(kind, "own", {name: "nightly-backup"})
    [(title, message)] = findings(Step("create", None, own))
    assert title == "own" and message.startswith(f"{name}: AWS does not refuse nightly-backup if it exists")
    generated = resource(kind, "own", {name: "own-1a2b3c4", "__defaults": [name]})
    assert findings(Step("create", None, generated)) == []
    assert findings(Step("create", None, resource(kind, "own", {"namePrefix": "own"}))) == []


def test_the_remedy_leaves_out_only_a_name_that_the_provider_generates() -> None:
    for kind in UPSERTED:
        inputs = schema.properties(schema.args_class(kind))
        names = own_names(resource(kind, "it", dict.fromkeys(inputs, "x")))
        name = "name" if "name" in names else names[0]
        reviewed = stack(new(kind, {name: "foreign"}))
        reviewed.predicted = True
        [(_, finding)] = find_foreign_objects(reviewed, ())
        assert finding.remediation.startswith("Leave the name out") is (name == "name")
        if name == "name":
            assert not inputs[name].required


@pytest.mark.parametrize(
    ("kind", "inputs", "name"),
    [
        ("aws:cfg/organizationManagedRule:OrganizationManagedRule", {"ruleIdentifier": "SSH"}, "name"),
        ("aws:cloudwatch/alarmMuteRule:AlarmMuteRule", {"rule": {"schedule": {}}}, "name"),
        ("aws:cloudwatch/logDeliverySource:LogDeliverySource", {"logType": "ALB_ACCESS_LOGS"}, "name"),
        ("aws:xray/resourcePolicy:ResourcePolicy", {"policyDocument": "{}"}, "policyName"),
    ],
)
def test_only_the_name_of_a_new_object_counts(kind: str, inputs: dict[str, Any], name: str) -> None:
    [(_, message)] = findings(new(kind, inputs | {name: "foreign"}))
    assert message.startswith(f"{name}: AWS does not refuse foreign if it exists")
    generated = resource(kind, "own", inputs | {name: "own-1a2b3c4", "__defaults": [name]})
    assert findings(Step("create", None, generated)) == []


SCALING, SCALED_TARGET = "aws:appautoscaling/policy:Policy", "aws:appautoscaling/target:Target"
SERVICE = resource("aws:ecs/service:Service", "api", {"name": "api", "cluster": "main"}, id="arn:s")
SERVICE_ID = "service/main/api"


@pytest.mark.parametrize(
    ("kind", "inputs", "own"),
    [
        ("aws:ec2/eipAssociation:EipAssociation", {"allocationId": "eipalloc-1"}, "aws:ec2/eip:Eip"),
        (
            "aws:ec2/eipAssociation:EipAssociation",
            {"instanceId": "i-1", "allowReassociation": False},
            "aws:ec2/instance:Instance",
        ),
        ("aws:ec2/eip:Eip", {"instance": "i-1"}, "aws:ec2/instance:Instance"),
        (ROUTES_OF, {"subnetId": "subnet-1", "routeTableId": "rtb-1"}, "aws:ec2/subnet:Subnet"),
        (
            ROUTES_OF,
            {"gatewayId": "igw-1", "routeTableId": "rtb-1"},
            "aws:ec2/internetGateway:InternetGateway",
        ),
        (
            "aws:servicediscovery/instance:Instance",
            {"serviceId": "srv-1", "instanceId": "api"},
            "aws:servicediscovery/service:Service",
        ),
        (
            "aws:cloudfront/monitoringSubscription:MonitoringSubscription",
            {"distributionId": "E1"},
            "aws:cloudfront/distribution:Distribution",
        ),
    ],
    ids=["address", "machine", "new address", "subnet", "gateway", "instance of a service", "metrics"],
)
def test_a_part_that_replaces_one_of_an_object_blocks_unless_the_stack_has_the_object(
    kind: str, inputs: dict[str, Any], own: str
) -> None:
    name, value = next(iter(inputs.items()))
    [(_, message)] = findings(new(kind, inputs))
    assert message.startswith(f"{name}: no resource of this stack is {value}; ")
    owner = resource(own, "own", {}, id=value)
    part = resource(kind, "it", inputs, **after(**{name: owner}))
    steps = Step("create", None, part), Step("create", None, owner)
    assert findings(*steps, invented=(owner, value)) == []
    foreign = resource(kind, "it", inputs | {name: "foreign"}, **after(**{name: owner}))
    assert len(findings(Step("create", None, foreign), steps[1], invented=(owner, value))) == 1


def test_an_address_without_a_machine_is_no_finding() -> None:
    assert findings(new("aws:ec2/eip:Eip", {"domain": "vpc"})) == []


@pytest.mark.parametrize(
    "kind", [SCALED_TARGET, SCALING, "aws:appautoscaling/scheduledAction:ScheduledAction"]
)
@pytest.mark.parametrize(
    ("value", "own"),
    [
        (SERVICE_ID, SERVICE),
        ("table/orders", resource("aws:dynamodb/table:Table", "t", {"name": "orders"}, id="orders")),
        (
            "table/orders/index/date",
            resource("aws:dynamodb/table:Table", "t", {"name": "orders"}, id="orders"),
        ),
        ("cluster:main", resource("aws:rds/cluster:Cluster", "c", {"clusterIdentifier": "main"}, id="x")),
        (
            SERVICE_ID,
            resource(
                "aws:ecs/service:Service", "s", {"name": "api", "cluster": "arn:a:cluster/main"}, id="x"
            ),
        ),
        ("service/default/api", resource("aws:ecs/service:Service", "s", {"name": "api"}, id="x")),
        ("function:api:live", resource("aws:lambda/function:Function", "f", {"name": "api"}, id="api")),
        (
            "function:api:live",
            resource("aws:lambda/alias:Alias", "a", {"name": "live", "functionName": "api"}, id="x"),
        ),
        (
            "arn:aws:kafka:x",
            resource("aws:msk/cluster:Cluster", "c", id="x", outputs={"arn": "arn:aws:kafka:x"}),
        ),
        ("instancegroup/j-1/ig-1", resource("aws:emr/cluster:Cluster", "c", {"name": "main"}, id="j-1")),
    ],
)
def test_the_scaling_of_an_own_object_is_no_finding(kind: str, value: str, own: Resource) -> None:
    scaling = resource(kind, "it", {"resourceId": value}, **after(resourceId=own))
    assert findings(Step("create", None, scaling), Step("same", own, own)) == []


@pytest.mark.parametrize(
    ("value", "own"),
    [
        (SERVICE_ID, None),
        ("service/main/payments", SERVICE),
        ("service/main/foreign", resource("aws:ecs/cluster:Cluster", "main", {"name": "main"}, id="main")),
        ("service/foreign/api", SERVICE),
        ("custom", SERVICE),
        ("table/payments", resource(LOGS, "logs", {"name": "payments"}, id="payments")),
        ("table/payments", resource(LOGS, "logs", {"name": "table/payments"}, id="table/payments")),
        ("cluster:prod", resource("aws:secretsmanager/secret:Secret", "s", {"name": "prod"}, id="prod")),
        (
            "table/payments",
            resource("kubernetes:core/v1:Namespace", "n", {"name": "payments"}, id="payments"),
        ),
        (
            "function:payments:live",
            resource("aws:lambda/alias:Alias", "a", {"name": "live", "functionName": "api"}, id="x"),
        ),
    ],
    ids=[
        "no dependency",
        "another service",
        "service in an own cluster",
        "service in another cluster",
        "another form",
        "name of a log group",
        "log group with the form",
        "name of a secret",
        "name of a namespace",
        "another function",
    ],
)
@pytest.mark.parametrize("kind", [SCALED_TARGET, SCALING])
def test_the_scaling_of_a_foreign_object_blocks(kind: str, value: str, own: Resource | None) -> None:
    dependencies = after(resourceId=own) if own else {}
    scaling = resource(kind, "it", {"resourceId": value}, **dependencies)
    steps = [Step("same", member, member) for member in (SERVICE, own) if member]
    [(_, message)] = findings(Step("create", None, scaling), *steps)
    assert message.startswith(f"resourceId: no resource of this stack is {value}; ")


def test_a_scaled_service_may_have_a_cluster_with_an_invented_arn() -> None:
    cluster = resource("aws:ecs/cluster:Cluster", "c", {"name": "main"}, id="x", outputs={"arn": "arn:x"})
    inputs = {"name": "api", "cluster": "arn:x"}
    service = resource("aws:ecs/service:Service", "s", inputs, id="s", **after(cluster=cluster))
    target = resource(SCALED_TARGET, "it", {"resourceId": SERVICE_ID}, **after(resourceId=service))
    steps = (Step("create", None, member) for member in (target, service, cluster))
    assert findings(*steps) == []


def test_a_policy_takes_the_object_from_the_scaling_target() -> None:
    target = resource(SCALED_TARGET, "target", {"resourceId": SERVICE_ID}, **after(resourceId=SERVICE))
    policy = resource(SCALING, "it", {"resourceId": SERVICE_ID}, **after(resourceId=target))
    steps = Step("create", None, policy), Step("create", None, target), Step("same", SERVICE, SERVICE)
    assert findings(*steps) == []


@pytest.mark.parametrize(
    ("op", "before", "after_it", "expected"),
    [
        ("update", "a", "a", []),
        ("replace", "a", "a", []),
        ("replace", "a", "b", ["it"]),
        ("update", "a", "b", ["it"]),
    ],
)
@pytest.mark.parametrize("kind", [QUEUE, EVENT_RULE])
def test_a_resource_that_keeps_its_name_takes_over_nothing(
    kind: str, op: str, before: str, after_it: str, expected: list[str]
) -> None:
    old, replaced = (resource(kind, "it", {"name": name}, id=name) for name in (before, after_it))
    assert [name for name, _ in findings(Step(op, old, replaced))] == expected


def test_the_setting_of_an_object_that_may_be_taken_over_has_no_finding_of_its_own() -> None:
    rule = resource(EVENT_RULE, "rule", {"name": "nightly-backup"}, id="nightly-backup")
    target = resource(TARGET, "target", {"rule": "nightly-backup", "targetId": "t"}, **after(rule=rule))
    steps = Step("create", None, rule), Step("create", None, target)
    assert [name for name, _ in findings(*steps)] == ["rule"]


def test_a_release_that_takes_over_what_exists_blocks() -> None:
    release = "kubernetes:helm.sh/v3:Release"
    owning = resource(release, "it", {"chart": "agent", "takeOwnership": True})
    for step in (Step("create", None, owning), Step("update", resource(release, "it"), owning)):
        assert [message.partition(":")[0] for _, message in findings(step)] == ["takeOwnership"]
    assert findings(new(release, {"chart": "agent"}), Step("same", owning, owning)) == []
