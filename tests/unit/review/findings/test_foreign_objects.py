"""Tests of findings about new settings of objects that belong to no resource of the stack."""

from typing import Any

import pytest

from review.findings.foreign_objects import find_foreign_objects
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from tests.support.review.stacks import VPC, after, resource, stack

BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
TOPIC, TOPIC_POLICY = "aws:sns/topic:Topic", "aws:sns/topicPolicy:TopicPolicy"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
ACCOUNT = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:alarms"


def findings(*steps: Step, unevaluated: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return the name and the message of each finding, all of which block."""
    reviewed = stack(*steps)
    reviewed.predicted = True
    result = [finding for _, finding in find_foreign_objects(reviewed, unevaluated)]
    assert all(finding.blocks for finding in result)
    return [(finding.name, finding.message) for finding in result]


def kept(kind: str, name: str, **state: Any) -> Step:
    before = resource(kind, name, **state)
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
    ],
    ids=["bucket", "topic", "repository", "key"],
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
    assert findings(Step("create", None, setting), present) == []
    assert len(findings(new(kind, {name: value}))) == 1
    other = resource(kind, "it", {name: "foreign"}, **after(**{name: own}))
    assert len(findings(Step("create", None, other), present)) == 1


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
        ("aws:autoscaling/policy:Policy", {"autoscalingGroupName": "a"}),
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
