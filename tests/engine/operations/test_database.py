"""Tests of the database's recovery and pending changes, with the engine and the sandbox's RDS."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.operations import database_stack
from tests.support.operations.database_stack import DatabaseStack

LIVE = "pipe-dev-db"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseStack]:
    root = Path(tmp_path_factory.mktemp("database"))
    stack = DatabaseStack(root)
    try:
        yield database_stack.start(root)
    finally:
        database_stack.stop(stack)


def test_a_recovery_that_is_killed_at_each_change_goes_on_and_the_program_adopts_the_instance(
    stack: DatabaseStack,
) -> None:
    before, moment = stack.instances()[LIVE], datetime.now(UTC)
    command = ("restore", "dev", "--from", "rds", "--at", moment.isoformat(), "--yes")
    label = f"{moment:%Y%m%dt%H%M%Sz}"
    old, new = f"{LIVE}-old-{label}", f"{LIVE}-new-{label}"
    names = [set[str](stack.instances())]
    for _ in range(4):
        code, output = stack.operate(*command, kill_after=1)
        assert code == -9, output
        names.append(set(stack.instances()))
    assert names == [{LIVE}, {LIVE, new}, {old, new}, {LIVE, old}, {LIVE, old}]
    code, output = stack.operate(*command)
    assert code == 0, output

    instances = stack.instances()
    after = instances[LIVE]
    assert instances[old]["DbiResourceId"] == before["DbiResourceId"] != after["DbiResourceId"]
    assert instances[old]["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres16"
    assert stack.managed()["id"] == after["DbiResourceId"]
    assert (
        stack.managed()["outputs"]["masterUserSecrets"][0]["secretArn"]
        == after["MasterUserSecret"]["SecretArn"]
    )
    assert after["MasterUserSecret"]["SecretArn"] != before["MasterUserSecret"]["SecretArn"]
    secrets = stack.client("secretsmanager")
    tags = secrets.describe_secret(SecretId=after["MasterUserSecret"]["SecretArn"])["Tags"]
    assert {"Key": "aws:rds:primaryDBInstanceArn", "Value": before["DBInstanceArn"]} in tags
    own = ("DbiResourceId", "MasterUserSecret", "InstanceCreateTime", "LatestRestorableTime", "TagList")
    assert {name: value for name, value in after.items() if name not in own} == {
        name: value for name, value in before.items() if name not in own
    }
    assert sorted(map(str, after["TagList"])) == sorted(map(str, before["TagList"]))
    assert f"delete-db-instance --region ap-northeast-1 --db-instance-identifier {old}" in output
    assert stack.changes() == {"same"}

    # The program is applied again, since an earlier `pulumi up` may have failed.
    code, output = stack.operate(*command)
    assert code == 0 and "up of dev succeeded" in output, output
    assert f"the last steps are repeated; {LIVE} was not restored again" in output
    assert {name: instance["DbiResourceId"] for name, instance in stack.instances().items()} == {
        LIVE: after["DbiResourceId"],
        old: before["DbiResourceId"],
    }
    assert stack.changes() == {"same"}


def test_a_moment_that_rds_does_not_have_is_refused(stack: DatabaseStack) -> None:
    code, output = stack.operate("restore", "dev", "--from", "rds", "--at", "2999-01-01T00:00Z", "--yes")
    assert code == 2 and "RDS cannot restore it yet; the latest moment is" in output
    code, output = stack.operate("restore", "dev", "--from", "rds", "--at", "2001-01-01T00:00Z", "--yes")
    assert code == 1 and "its backups do not cover this time" in output
    assert not [name for name in stack.instances() if "-2001" in name or "-2999" in name]


def test_a_new_class_waits_and_is_applied_on_demand(stack: DatabaseStack) -> None:
    stack.change("instanceClass", "db.t4g.medium")
    stack.change("maxConnections", 222)
    code, output = stack.sandbox("up")
    assert code == 0, output
    instance = stack.instances()[LIVE]
    assert instance["DBInstanceClass"] == "db.t4g.small"
    assert instance["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.medium"}
    code, output = stack.operate("database", "dev", "apply")
    assert code == 0, output
    assert "DBInstanceClass: db.t4g.medium, in the maintenance window" in output
    assert "parameters of pipe-dev-db-postgres16: only after a reboot" in output
    if not re.search("nothing was applied: the maintenance window is from", output):
        pytest.skip("the maintenance window is open")
    assert stack.instances()[LIVE]["PendingModifiedValues"]

    code, output = stack.operate("database", "dev", "apply", "--now", "--yes")
    assert code == 0, output
    instance = stack.instances()[LIVE]
    assert (instance["DBInstanceClass"], instance["PendingModifiedValues"]) == ("db.t4g.medium", {})
    assert instance["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert stack.changes() == {"same"}


def test_an_upgrade_is_rehearsed_done_and_taken_back(stack: DatabaseStack) -> None:
    command = ("database", "dev", "upgrade", "--to", "17", "--yes")
    before = stack.instances()
    code, output = stack.operate(*command, "--rehearse")
    assert code == 0 and "the rehearsal succeeded" in output, output
    assert set(stack.instances()) == set(before)

    code, output = stack.operate(*command, kill_after=2)  # The snapshot and the upgrade.
    assert code == -9, output
    code, output = stack.operate(*command)
    assert code == 0 and "an earlier run has upgraded it" in output, output
    upgraded = stack.instances()[LIVE]
    assert upgraded["EngineVersion"] == "17.7"
    assert upgraded["DBParameterGroups"] == [
        {"DBParameterGroupName": f"{LIVE}-postgres17", "ParameterApplyStatus": "in-sync"}
    ]
    assert stack.setting("engineVersion") == "17"
    assert upgraded["DbiResourceId"] == before[LIVE]["DbiResourceId"]

    back = ("restore", "dev", "--from", "rds", "--snapshot", f"{LIVE}-before-17", "--yes")
    stack.git("commit", "--quiet", "--all", "--message", "PostgreSQL 17")
    code, output = stack.operate(*back)
    assert code == 0, output
    restored = stack.instances()[LIVE]
    assert (restored["EngineVersion"], stack.setting("engineVersion")) == ("16.11", "16")
    assert restored["DBParameterGroups"] == [
        {"DBParameterGroupName": f"{LIVE}-postgres16", "ParameterApplyStatus": "in-sync"}
    ]
    assert stack.managed()["id"] == restored["DbiResourceId"] != upgraded["DbiResourceId"]
    assert stack.changes() == {"same"}
