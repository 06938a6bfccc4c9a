import json
from collections.abc import Callable

import pulumi
import pytest

from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.common.naming import Naming
from tests.support.components.fixtures import Recorder, evaluate

Declare = Callable[..., Recorder]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming) -> Declare:
    recorder.computed["aws:kms/key:Key"] = {"keyId": "key-1"}

    def run(*, protect: bool = False) -> Recorder:
        args = LogGroupArgs(
            group="/aws/eks/pipe-test/cluster",
            alias="logs",
            retention_days=30,
            naming=naming,
            protect=protect,
        )
        evaluate(lambda: encrypted_log_group("logs", args, pulumi.ResourceOptions()).arn)
        return recorder

    return run


@pytest.fixture
def declared(declare: Declare) -> Recorder:
    return declare()


def test_events_end_when_their_days_are_over(declared: Recorder) -> None:
    group = declared.inputs["aws:cloudwatch/logGroup:LogGroup", "logs"]
    assert (group["name"], group["retentionInDays"]) == ("/aws/eks/pipe-test/cluster", 30)


def test_the_key_rotates_and_has_a_name(declared: Recorder) -> None:
    assert declared.inputs["aws:kms/key:Key", "logs"]["enableKeyRotation"] is True
    alias = declared.inputs["aws:kms/alias:Alias", "logs"]
    assert (alias["name"], alias["targetKeyId"]) == ("alias/pipe-test-logs", "key-1")


def test_only_the_logs_of_this_group_are_encrypted_with_the_key(declared: Recorder) -> None:
    policy = json.loads(declared.inputs["aws:kms/key:Key", "logs"]["policy"])
    [service] = [s for s in policy["Statement"] if "Service" in s["Principal"]]
    assert service["Principal"] == {"Service": "logs.ap-northeast-1.amazonaws.com"}
    group = "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/eks/pipe-test/cluster"
    assert service["Condition"] == {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [group]}}


@pytest.mark.parametrize("protect", [True, False])
def test_the_key_is_protected_where_the_settings_say_so(declare: Declare, protect: bool) -> None:
    assert declare(protect=protect).protected == ({("aws:kms/key:Key", "logs")} if protect else set())
