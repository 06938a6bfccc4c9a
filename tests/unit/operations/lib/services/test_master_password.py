"""Tests of the rotation of the master password, with fakes of RDS and Secrets Manager."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.database import instances
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog
from operations.lib.services import master_password
from tests.support.waits import replace_sleep

ARN = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:rds!db-1"
ROTATION = {
    "DBInstanceIdentifier": "pipe-prod-db",
    "RotateMasterUserPassword": True,
    "ApplyImmediately": True,
}


class FakeAws:
    """RDS and Secrets Manager in one, with a secret whose status and version change from call to call."""

    def __init__(self, *statuses: str, versions: str = "") -> None:
        self.statuses, self.versions = [*statuses], [*versions]
        self.modified: list[dict[str, Any]] = []
        self.refusal, self.refusals = "", 1_000_000_000
        """Code with which the next changes are refused, and the number of these changes."""

    def client(self, _options: Options, _service: str) -> "FakeAws":
        return self

    def sleep(self, _seconds: float) -> None:
        pass

    def describe_db_instances(self, **arguments: Any) -> dict[str, Any]:
        assert arguments == {"DBInstanceIdentifier": "pipe-prod-db"}
        if not self.statuses:
            return {"DBInstances": [{}]}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"DBInstances": [{"MasterUserSecret": {"SecretArn": ARN, "SecretStatus": status}}]}

    def modify_db_instance(self, **arguments: Any) -> None:
        if self.refusal and self.refusals:
            self.refusals -= 1
            error: Any = {"Error": {"Code": self.refusal, "Message": "no"}}
            raise ClientError(error, "ModifyDBInstance")
        self.modified.append(arguments)

    def describe_secret(self, **arguments: Any) -> dict[str, Any]:
        assert arguments == {"SecretId": ARN}
        version = self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]
        return {"VersionIdsToStages": {"old": ["AWSPREVIOUS"], version: ["AWSCURRENT", "AWSPENDING"]}}


def rotate(monkeypatch: pytest.MonkeyPatch, aws: FakeAws, *, dry_run: bool = False) -> RunLog:
    """Rotate with the fake, without waiting between two looks; return the log."""
    options = Options("prod", "real", dry_run, True, {"service": {"environment": "prod"}})
    log = RunLog("rotate", options)
    monkeypatch.setattr(sandbox_targets, "aws", aws.client)
    replace_sleep(monkeypatch, aws.sleep)
    monkeypatch.setattr(master_password, "ROTATE_SECONDS", 0.2)
    monkeypatch.setattr(instances, "LAG_SECONDS", 0.02)
    monkeypatch.setattr(instances, "LAG_EVERY_SECONDS", 0.01)
    with log.step("rotate"):
        master_password.rotate(log, options)
    return log


def test_it_waits_until_the_secret_has_a_new_version_and_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws("active", "rotating", "rotating", "active", versions="aaab")
    log = rotate(monkeypatch, aws)
    assert aws.modified == [ROTATION]
    assert (aws.statuses, aws.versions) == (["active"], ["b"])
    assert log.steps[-1].lines == [f"{ARN} has a new version"]


def test_a_rotation_that_does_not_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for aws in (FakeAws("active", versions="a"), FakeAws("active", "rotating", versions="ab")):
        with pytest.raises(
            FailedError, match=f"timed out after 0 s; still waiting for: the secret {ARN} has a new master"
        ):
            rotate(monkeypatch, aws)


def test_an_impaired_secret_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FailedError, match=f"RDS cannot rotate {ARN}: its status is impaired"):
        rotate(monkeypatch, FakeAws("active", "impaired", versions="ab"))


def test_a_database_with_a_password_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws()
    with pytest.raises(FailedError, match="RDS does not manage the master password of pipe-prod-db"):
        rotate(monkeypatch, aws)
    assert not aws.modified


def test_a_refusal_by_aws_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws("active", versions="a")
    aws.refusal = "AccessDenied"
    with pytest.raises(FailedError, match=r"was not rotated: .*AccessDenied.*\n.*run the command again"):
        rotate(monkeypatch, aws)


@pytest.mark.parametrize("code", ["AccessDenied", "KMSKeyNotAccessibleFault"])
def test_a_permission_that_arrives_late_is_awaited(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    aws = FakeAws("active", versions="ab")
    aws.refusal, aws.refusals = code, 2
    log = rotate(monkeypatch, aws)
    assert aws.modified == [ROTATION]
    waiting = [line for line in log.steps[-1].lines if "take up to five minutes" in line]
    assert len(waiting) == 2 and f"was denied ({code})" in waiting[0]


def test_another_refusal_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws("active", versions="a")
    aws.refusal = "InvalidParameterCombination"
    with pytest.raises(FailedError, match="was not rotated"):
        rotate(monkeypatch, aws)
    assert aws.refusals == 1_000_000_000 - 1


def test_a_dry_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws("active", versions="a")
    log = rotate(monkeypatch, aws, dry_run=True)
    assert log.steps[-1].lines == ["would rotate the master password of the RDS instance pipe-prod-db"]
    assert not aws.modified
