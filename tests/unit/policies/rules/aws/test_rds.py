from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, AssertChangeIsReported, Case, MessagesOf

RDS = "aws:rds/instance:Instance"


DATABASE: dict[str, Any] = {
    "storageEncrypted": True,
    "publiclyAccessible": False,
    "backupRetentionPeriod": 7,
    "multiAz": True,
    "deletionProtection": True,
    "skipFinalSnapshot": False,
    "enabledCloudwatchLogsExports": ["postgresql"],
    "parameterGroupName": "pipe",
}


CASES: list[Case] = [
    (
        "rds-storage-unencrypted",
        RDS,
        DATABASE,
        {"storageEncrypted": None},
        ["storageEncrypted is not set; set it to true"],
    ),
    (
        "rds-storage-unencrypted",
        "aws:rds/cluster:Cluster",
        DATABASE,
        {"storageEncrypted": False},
        ["storageEncrypted is False; set it to true"],
    ),
    (
        "rds-publicly-accessible",
        RDS,
        DATABASE,
        {"publiclyAccessible": True},
        ["publiclyAccessible is True; set it to false"],
    ),
    (
        "rds-publicly-accessible",
        "aws:rds/clusterInstance:ClusterInstance",
        {},
        {"publiclyAccessible": True},
        ["publiclyAccessible is True; set it to false"],
    ),
    (
        "rds-backup-missing",
        RDS,
        DATABASE,
        {"backupRetentionPeriod": 6},
        ["backupRetentionPeriod is 6; set it to 7 or more"],
    ),
    (
        "rds-backup-missing",
        RDS,
        DATABASE,
        {"backupRetentionPeriod": None},
        ["backupRetentionPeriod is not set; set it to 7 or more"],
    ),
    ("rds-single-zone", RDS, DATABASE, {"multiAz": False}, ["multiAz is False; set it to true"]),
    (
        "rds-deletion-unprotected",
        RDS,
        DATABASE,
        {"deletionProtection": False},
        ["deletionProtection is False; set it to true"],
    ),
    (
        "rds-final-snapshot-skipped",
        RDS,
        DATABASE,
        {"skipFinalSnapshot": True},
        ["skipFinalSnapshot is True; set it to false, with a finalSnapshotIdentifier"],
    ),
    (
        "rds-logs-not-exported",
        RDS,
        DATABASE,
        {"enabledCloudwatchLogsExports": []},
        [
            "enabledCloudwatchLogsExports is []; "
            "set it to the logs of the engine, such as ['postgresql', 'upgrade']"
        ],
    ),
    (
        "rds-default-parameters",
        RDS,
        DATABASE,
        {"parameterGroupName": "default.postgres14"},
        ["parameterGroupName is 'default.postgres14'; set it to a parameter group that forces TLS"],
    ),
    (
        "rds-default-parameters",
        RDS,
        DATABASE,
        {"parameterGroupName": None},
        ["parameterGroupName is not set; set it to a parameter group that forces TLS"],
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_one_change_is_named(assert_change_is_reported: AssertChangeIsReported, case: Case) -> None:
    assert_change_is_reported(*case)


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("rds-storage-unencrypted", RDS, "storageEncrypted"),
        ("rds-default-parameters", RDS, "parameterGroupName"),
    ],
)
def test_an_unknown_value_is_counted(messages_of: MessagesOf, policy: str, kind: str, path: str) -> None:
    assert messages_of(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


@pytest.mark.parametrize(
    "policy",
    ["rds-storage-unencrypted", "rds-backup-missing", "rds-single-zone", "rds-final-snapshot-skipped"],
)
def test_a_read_replica_follows_its_source(messages_of: MessagesOf, policy: str) -> None:
    replica = {"replicateSourceDb": "pipe", "skipFinalSnapshot": True}
    assert messages_of(policy, RDS, {"skipFinalSnapshot": True}) != []
    assert messages_of(policy, RDS, replica) == []


def test_the_days_of_backups_are_configured(messages_of: MessagesOf) -> None:
    assert messages_of("rds-backup-missing", RDS, DATABASE, days=14.0) == [
        "backupRetentionPeriod is 7; set it to 14 or more"
    ]


@pytest.mark.parametrize(
    "props",
    [
        {"parameterGroupName": "default.postgres17"},
        {"engine": "postgres", "engineVersion": "15.4"},
        {"engine": "mariadb", "engineVersion": "11.8.3"},
        {"engine": "oracle-ee", "engineVersion": "19"},
    ],
)
def test_a_default_group_that_forces_tls_is_enough(messages_of: MessagesOf, props: dict[str, str]) -> None:
    assert messages_of("rds-default-parameters", "aws:rds/instance:Instance", props) == []
