"""Tests of an encrypted log group; the tests of components only check its name and retention."""

from collections.abc import Callable

import pulumi
import pytest

from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.common.naming import Naming
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.iam import statements

KEY = ("aws:kms/key:Key", "logs")
GROUP = "/aws/eks/pipe-test/cluster"
Declare = Callable[..., Recorder]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming) -> Declare:
    recorder.computed[KEY[0]] = {"keyId": "key-1"}

    def run(*, protect: bool = False) -> Recorder:
        args = LogGroupArgs(group=GROUP, alias="logs", retention_days=30, naming=naming, protect=protect)
        evaluate(lambda: encrypted_log_group("logs", args, pulumi.ResourceOptions()).arn)
        return recorder

    return run


def test_events_are_encrypted_with_a_rotating_key_and_expire(declare: Declare) -> None:
    recorder = declare()
    group = recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "logs"]
    assert (group["name"], group["retentionInDays"]) == (GROUP, 30)
    assert group["kmsKeyId"] == "arn:aws:mock:::logs"
    assert recorder.inputs[KEY]["enableKeyRotation"] is True
    alias = recorder.inputs["aws:kms/alias:Alias", "logs"]
    assert (alias["name"], alias["targetKeyId"]) == ("alias/pipe-test-logs", "key-1")


def test_only_logs_of_this_group_are_encrypted_with_the_key(declare: Declare) -> None:
    *_, statement = statements(declare().inputs[KEY]["policy"]).values()
    assert statement["Principal"] == {"Service": "logs.ap-northeast-1.amazonaws.com"}
    arn = f"arn:aws:logs:ap-northeast-1:123456789012:log-group:{GROUP}"
    assert statement["Condition"] == {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [arn]}}


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_the_key(declare: Declare, protect: bool) -> None:
    assert declare(protect=protect).protected == ({KEY} if protect else set())
