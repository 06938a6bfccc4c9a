"""Tests of the objects that created resources change, and of those who get access."""

import json
from pathlib import Path
from typing import Any

from review.objects.owners import NOT_IN_STACK
from review.stacks.engine_run import EngineRun, Step
from review.stacks.existing_objects import identifiers
from review.stacks.properties import new_properties
from review.stacks.stack import Stack
from sandbox.summary import MASK
from sandbox.wire import sentinels
from sandbox.wire.sentinels import SECRET, SIGNATURE
from tests.support.review.stacks import VPC, after, resource
from tests.support.rows import each_row

BUCKET, POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"

VPC_OF_BASE = Step("same", resource(VPC, "main", id="vpc-1"), resource(VPC, "main", id="vpc-1"))
STATE = Step("create", None, resource(BUCKET, "state", {"bucket": "pipe-state"}, id="pipe-state"))


def shown(kind: str, inputs: dict[str, Any], *others: Step) -> list[tuple[str, str | None, list[str]]]:
    """Return the path, the value and the resource of each input that every format shows."""
    dependencies = after(*(step.resource for step in others))
    created = Step("create", None, resource(kind, "it", inputs, id="pipe-state", **dependencies))
    steps = {step.resource.urn: step for step in (created, *others)}
    stack = Stack("dev", EngineRun(Path(), steps))
    return [(new.path, new.after, new.sources) for new in new_properties(created, stack) if new.always_shown]


def test_an_object_that_no_resource_creates_is_marked() -> None:
    inputs = {"bucket": "pipe-state"}
    foreign = [("bucket", "pipe-state", [NOT_IN_STACK])]
    assert shown(POLICY, inputs, VPC_OF_BASE) == foreign
    # Another part of the bucket is not the bucket.
    other = Step(
        "create", None, resource("aws:s3/bucketVersioning:BucketVersioning", "v", inputs, id="pipe-state")
    )
    assert shown(POLICY, inputs, other, VPC_OF_BASE) == foreign


def test_a_secret_output_identifies_no_object() -> None:
    secret = {SIGNATURE: SECRET, "ciphertext": ""}
    bucket = resource(BUCKET, "it", {"bucket": "data"}, id="data", outputs={"arn": secret, "bucket": "data"})
    assert identifiers(bucket) == ["data"]


def test_a_new_part_of_an_existing_stack_names_its_resource() -> None:
    inputs = {"bucket": "pipe-state"}
    assert shown(POLICY, inputs, STATE, VPC_OF_BASE) == [("bucket", "pipe-state", ["state (aws:s3:Bucket)"])]
    assert shown(POLICY, inputs, STATE) == shown(POLICY, inputs) == []  # All of a new stack is new.


@each_row(
    ("kind", "inputs", "names"),
    [
        (BUCKET, {"bucket": "x"}, []),
        ("aws:iam/role:Role", {"name": "x", "description": "y"}, []),
        (KEY_POLICY, {"keyId": "x"}, ["keyId"]),
        (
            "aws:eks/accessEntry:AccessEntry",
            {"clusterName": "x", "principalArn": "y", "kubernetesGroups": ["z"]},
            ["clusterName", "principalArn"],
        ),
        ("datadog:aws/integration:Integration", {"accountId": "x", "roleName": "y"}, []),
        ("random:index/pet:Pet", {"bucket": "x"}, ["bucket"]),
    ],
)
def test_inputs_name_objects(kind: str, inputs: dict[str, Any], names: list[str]) -> None:
    assert [path for path, *_ in shown(kind, inputs, VPC_OF_BASE)] == names


def test_only_objects_have_a_remark() -> None:
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    addon = {"clusterName": "x", "addonName": "metrics-server", "serviceAccountRoleArn": policy}
    assert shown("aws:eks/addon:Addon", addon, VPC_OF_BASE) == [
        ("clusterName", "x", [NOT_IN_STACK]),
        ("addonName", "metrics-server", []),
        ("serviceAccountRoleArn", policy, []),
    ]


def test_all_who_get_access_are_shown() -> None:
    statement = {"Sid": "E", "Principal": {"AWS": ["arn:aws:iam::666666666666:root"]}, "Action": "kms:*"}
    inputs = {"keyId": "x", "policy": json.dumps({"Statement": [statement]})}
    assert shown(KEY_POLICY, inputs, VPC_OF_BASE) == [
        ("keyId", "x", [NOT_IN_STACK]),
        ("policy › Statement[0].Principal.AWS[0]", "arn:aws:iam::666666666666:root", []),
    ]
    binding = {
        "roleRef": {"kind": "ClusterRole", "name": "admin", "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "Group", "name": "system:authenticated"}],
    }
    assert [row[:2] for row in shown(BINDING, binding, VPC_OF_BASE)] == [
        ("roleRef.kind", "ClusterRole"),
        ("roleRef.name", "admin"),
        ("subjects[0].kind", "Group"),
        ("subjects[0].name", "system:authenticated"),
    ]


FOREIGN = "arn:aws:iam::666666666666:role/evil"
ALLOWED = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": FOREIGN}}]}
TO_FOREIGN = ("policy › Statement[0].Principal.AWS", FOREIGN)


def principals(text: str, *secret: str, output: str = "") -> list[tuple[str, str | None]]:
    """Return the shown parts of a policy that is secret and contains an output and these real secrets."""
    source = resource(BUCKET, "own", id=output)
    created = resource(
        POLICY, "it", {"policy": {SIGNATURE: sentinels.SECRET, "ciphertext": "x"}}, **after(source)
    )
    created_steps = (Step("create", None, new) for new in (source, created))
    steps = {step.resource.urn: step for step in (VPC_OF_BASE, *created_steps)}
    head = EngineRun(Path(), steps, secrets={created.urn: {("policy",): text}})
    stack = Stack("dev", head, EngineRun(Path()), predicted=True, secrets=dict.fromkeys(secret, "a:b"))
    properties = new_properties(steps[created.urn], stack)
    return [(new.path, new.after) for new in properties if new.always_shown]


def test_the_principals_of_a_secret_policy_are_shown_without_its_real_secrets() -> None:
    assert principals(json.dumps(ALLOWED | {"Id": "an-output"}), output="an-output") == [TO_FOREIGN]
    assert principals(json.dumps(ALLOWED), "666666666666") == [
        (TO_FOREIGN[0], f"arn:aws:iam::{MASK}:role/evil"),
        ("policy › setting", "a:b"),
    ]
    # The program chose all of it, so it stays masked, and blocks.
    assert principals(json.dumps(ALLOWED)) == [("policy", MASK)]


@each_row(
    ("before", "path"),
    [
        (" ", "policy › Statement[0].Principal.AWS"),
        ("\n\t", "policy › Statement[0].Principal.AWS"),
        ('{"Statement": [], ', "policy › Statement (2)[0].Principal.AWS"),
        ('{"Version": "1", "Version": "2", ', "policy › Statement[0].Principal.AWS"),
    ],
)
def test_the_principals_of_an_unusual_document_are_shown(before: str, path: str) -> None:
    text = json.dumps(ALLOWED)
    text = f"{before}{text.removeprefix('{') if '{' in before else text}"
    assert [(path, FOREIGN, [])] == [
        (shown_path, *others) for shown_path, *others in shown(POLICY, {"policy": text}, VPC_OF_BASE)
    ]


def test_a_text_that_only_seems_to_be_a_policy_is_shown_as_a_whole() -> None:
    text = f"{json.dumps(ALLOWED)},"
    assert shown(POLICY, {"policy": text}, VPC_OF_BASE) == [("policy", text, [])]
    assert shown(POLICY, {"policy": "the Principal is unknown"}, VPC_OF_BASE) == []
