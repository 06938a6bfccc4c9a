"""Tests of RDS's changes that take effect later, and of its restores, in the local AWS API."""

import datetime
from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.clouds.aws import databases
from sandbox.clouds.aws.rds.maintenance import announce_maintenance
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account


@pytest.fixture
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create("database")
        yield account


def instance(account: AwsAccount, name: str = "pipe-db") -> dict[str, Any]:
    return account.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def await_available(account: AwsAccount, name: str) -> list[str]:
    """Read an instance until it is available; return the other statuses that it had."""
    statuses: list[str] = []
    while (status := instance(account, name)["DBInstanceStatus"]) != "available":
        statuses.append(status)
    return statuses


def test_a_change_waits_for_the_maintenance_window(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    rds = account.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", DBInstanceClass="db.r6g.large", MultiAZ=True)
    before = instance(account)
    assert (before["DBInstanceClass"], before["MultiAZ"]) == ("db.t4g.medium", False)
    assert before["PendingModifiedValues"] == {"DBInstanceClass": "db.r6g.large", "MultiAZ": True}

    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", MultiAZ=False)
    assert instance(account)["PendingModifiedValues"] == {"DBInstanceClass": "db.r6g.large"}

    week = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)
    monkeypatch.setattr(databases, "_now", lambda: week)
    after = instance(account)
    assert (after["DBInstanceClass"], after["PendingModifiedValues"]) == ("db.r6g.large", {})


def test_an_immediate_change_applies_the_waiting_ones_too(account: AwsAccount) -> None:
    rds = account.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", AllocatedStorage=40)
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", MultiAZ=True, ApplyImmediately=True)
    after = instance(account)
    assert (after["AllocatedStorage"], after["MultiAZ"], after["PendingModifiedValues"]) == (40, True, {})


def test_a_static_parameter_waits_for_a_reboot(account: AwsAccount) -> None:
    rds, group = account.client("rds"), "pipe-db-postgres17"

    def set_parameter(name: str, value: str, method: str) -> str:
        parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter])
        return instance(account)["DBParameterGroups"][0]["ParameterApplyStatus"]

    assert set_parameter("log_min_duration_statement", "900", "immediate") == "in-sync"
    assert set_parameter("max_connections", "321", "pending-reboot") == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier="pipe-db")
    with pytest.raises(ClientError, match="not in available state: rebooting"):
        rds.reboot_db_instance(DBInstanceIdentifier="pipe-db")
    assert await_available(account, "pipe-db") == ["rebooting"]
    assert instance(account)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert set_parameter("max_connections", "321", "pending-reboot") == "in-sync"


def test_a_restored_database_has_the_defaults_of_rds_and_takes_a_name(account: AwsAccount) -> None:
    rds, source = account.client("rds"), instance(account)
    request = {"SourceDBInstanceIdentifier": "pipe-db", "TargetDBInstanceIdentifier": "pipe-restored"}
    future = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    with pytest.raises(ClientError, match="its backups do not cover this time"):
        rds.restore_db_instance_to_point_in_time(**request, RestoreTime=future)
    with pytest.raises(ClientError, match="applies to RDS for Oracle only"):
        rds.restore_db_instance_to_point_in_time(
            **request, UseLatestRestorableTime=True, ManageMasterUserPassword=True
        )
    rds.restore_db_instance_to_point_in_time(**request, UseLatestRestorableTime=True)
    assert await_available(account, "pipe-restored") == ["creating"]
    restored = instance(account, "pipe-restored")
    assert restored["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres17"
    assert restored["TagList"] == []
    assert restored["VpcSecurityGroups"] != source["VpcSecurityGroups"]
    for kept in ("KmsKeyId", "MasterUsername", "EngineVersion", "AllocatedStorage", "DBName"):
        assert restored[kept] == source[kept]

    rds.modify_db_instance(
        DBInstanceIdentifier="pipe-db", NewDBInstanceIdentifier="pipe-old", ApplyImmediately=True
    )
    assert await_available(account, "pipe-old") == ["renaming"]
    rds.modify_db_instance(
        DBInstanceIdentifier="pipe-restored", NewDBInstanceIdentifier="pipe-db", ApplyImmediately=True
    )
    await_available(account, "pipe-db")
    assert instance(account)["DbiResourceId"] == restored["DbiResourceId"]
    assert instance(account)["Endpoint"] == source["Endpoint"]
    assert instance(account, "pipe-old")["DbiResourceId"] == source["DbiResourceId"]


def test_a_maintenance_action_waits_until_it_is_applied(account: AwsAccount) -> None:
    from moto.backends import get_backend

    rds, arn = account.client("rds"), instance(account)["DBInstanceArn"]
    moto: Any = get_backend("rds")
    database = moto["123456789012"]["ap-northeast-1"].databases["pipe-db"]
    announce_maintenance(database, "system-update", "New operating system")
    [waiting] = rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"]
    assert waiting["PendingMaintenanceActionDetails"][0]["Action"] == "system-update"
    request = {"ResourceIdentifier": arn, "ApplyAction": "system-update"}
    rds.apply_pending_maintenance_action(**request, OptInType="next-maintenance")
    [waiting] = rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"]
    assert waiting["PendingMaintenanceActionDetails"][0]["OptInStatus"] == "next-maintenance"
    rds.apply_pending_maintenance_action(**request, OptInType="immediate")
    assert rds.describe_pending_maintenance_actions()["PendingMaintenanceActions"] == []
    assert set(await_available(account, "pipe-db")) == {"maintenance"}
