"""Tests of the values in place of unknown ones."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi_aws.autoscaling import Metric

from sandbox.providers.decided_values import DEPTH, NUMBER, decide
from sandbox.wire.sentinels import INVENTED, SECRET, SIGNATURE, UNKNOWN
from sandbox.wire.values import decode

DEPLOYMENT, VPC = "kubernetes:apps/v1:Deployment", "aws:ec2/vpc:Vpc"


def decided(token: str, outputs: dict[str, Any], declared: dict[str, Any] | None = None) -> dict[str, Any]:
    values, inputs = Struct(), Struct()
    values.update(outputs)
    inputs.update(declared or {})
    decide(values, token, inputs)
    return decode(values)


def test_each_value_has_the_type_of_its_output() -> None:
    names = {"enableDnsSupport": True, "tagsAll": {INVENTED: INVENTED}, "arn": INVENTED}
    names |= {"ipv4NetmaskLength": NUMBER}
    assert decided(VPC, {**dict.fromkeys(names, UNKNOWN), "cidrBlock": "10.0.0.0/16"}) == {
        **names,
        "cidrBlock": "10.0.0.0/16",
    }
    pod = {"hostNetwork": UNKNOWN, "containers": [{"tty": UNKNOWN}], "nodeSelector": {"a": UNKNOWN}}
    outputs = decided(DEPLOYMENT, {"spec": {"template": {"spec": pod}}})
    assert outputs["spec"]["template"]["spec"] == {
        "hostNetwork": True,
        "containers": [{"tty": True}],
        "nodeSelector": {"a": INVENTED},
    }


def test_an_output_that_is_left_out_has_the_documented_default() -> None:
    key = {"keyUsage": "ENCRYPT_DECRYPT", "deletionWindowInDays": 30, "enableKeyRotation": False}
    unknown = dict.fromkeys(key, UNKNOWN)
    assert decided("aws:kms/key:Key", unknown) == key
    assert decided("aws:kms/key:Key", unknown, {"keyUsage": "SIGN_VERIFY"})["keyUsage"] == "SIGN_VERIFY"
    assert decided("aws:kms/key:Key", unknown, {"keyUsage": UNKNOWN})["keyUsage"] == INVENTED
    assert decided(VPC, {"instanceTenancy": UNKNOWN}) == {"instanceTenancy": "default"}
    assert decided("aws:rds/instance:Instance", {"backupRetentionPeriod": UNKNOWN}) == {
        "backupRetentionPeriod": NUMBER
    }, "computed, so the account may have another one"


def test_an_enumeration_has_one_of_its_values() -> None:
    outputs = decided("aws:autoscaling/group:Group", {"enabledMetrics": UNKNOWN})
    assert outputs["enabledMetrics"] == [next(iter(Metric)).value]


def test_an_object_has_its_members_up_to_a_depth() -> None:
    context = decided(DEPLOYMENT, {"spec": {"template": {"spec": {"securityContext": UNKNOWN}}}})
    members = context["spec"]["template"]["spec"]["securityContext"]
    assert members["runAsNonRoot"] is True
    assert members["sysctls"] == [{"name": INVENTED, "value": INVENTED}]
    value: Any = decided(DEPLOYMENT, {"spec": UNKNOWN})["spec"]["template"]["spec"]
    assert value["hostNetwork"] is True
    assert value["securityContext"] == {}, f"{DEPTH} objects are in each other"


@pytest.mark.parametrize("is_secret", [False, True])
def test_a_declared_value_and_the_mark_of_a_secret_stay(is_secret: bool) -> None:
    def wrap(value: Any) -> Any:
        return {SIGNATURE: SECRET, "value": value} if is_secret else value

    outputs = {"tags": wrap({"a": UNKNOWN}), "enableDnsSupport": UNKNOWN}
    declared = {"tags": wrap({"a": "b"}), "enableDnsSupport": False}
    assert decided(VPC, outputs, declared) == decided(VPC, declared)


@pytest.mark.parametrize("token", ["x:y:Z", "pulumi:providers:aws", "x"])
def test_an_output_of_an_unknown_type_is_a_text(token: str) -> None:
    assert decided(token, {"a": UNKNOWN}) == {"a": INVENTED}
