"""Tests of the RDS instance, and of the certificate authorities that the database's clients trust.

The policy pack checks encryption, public access and TLS versions; tests/engine/test_stacks.py runs the pack
on every stack.
"""

import json
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

import components.aws.database
from components.aws.database import BACKUP_WINDOW, MAINTENANCE_WINDOW
from components.common import connections
from components.common.connections import Port
from tests.support.components import aws
from tests.support.components.fixtures import Declare, Recorder
from tests.support.components.iam import statements, verdict

INSTANCE = ("aws:rds/instance:Instance", "database")
KEY = ("aws:kms/key:Key", "database")
PARAMETERS = ("aws:rds/parameterGroup:ParameterGroup", "database")
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOGS = "/aws/rds/instance/pipe-test-db"
AUTHORITIES = Path(components.aws.database.__file__).parents[1] / "kubernetes" / "assets" / "rds_ca.pem"


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.database)


def assert_instance_has(recorder: Recorder, **properties: Any) -> None:
    instance = recorder.inputs[INSTANCE]
    assert {name: instance.get(name) for name in properties} == properties


def test_the_database_is_private_and_named_as_in_the_guide(declare: Declare) -> None:
    assert_instance_has(
        declare(),
        identifier="pipe-test-db",
        dbName="pipe_db",
        username="pipe_admin",
        kmsKeyId="arn:aws:mock:::database",
        vpcSecurityGroupIds=["sg-database"],
        dbSubnetGroupName="pipe-test-db",
    )


def test_rds_makes_the_master_password_and_encrypts_it_with_the_databases_key(declare: Declare) -> None:
    recorder = declare()
    assert_instance_has(
        recorder, manageMasterUserPassword=True, masterUserSecretKmsKeyId="arn:aws:mock:::database"
    )
    assert not {"password", "passwordWo"} & recorder.inputs[INSTANCE].keys()


@pytest.mark.parametrize("version", ["16", "17"])
def test_the_parameter_group_is_for_the_major_version(declare: Declare, version: str) -> None:
    recorder = declare(engineVersion=version)
    group = recorder.inputs[PARAMETERS]
    assert (group["family"], group["name"]) == (f"postgres{version}", f"pipe-test-db-postgres{version}")
    assert_instance_has(
        recorder,
        engineVersion=version,
        parameterGroupName=group["name"],
        autoMinorVersionUpgrade=True,
        engineLifecycleSupport="open-source-rds-extended-support-disabled",
    )


def test_parameters_accept_only_scram_and_do_not_log_every_statement(declare: Declare) -> None:
    parameters = declare(maxConnections=321).inputs[PARAMETERS]["parameters"]
    values = {parameter["name"]: parameter["value"] for parameter in parameters}
    assert values["rds.accepted_password_auth_method"] == "scram"
    assert values["max_connections"] == "321"
    assert "log_statement" not in values
    immediate = {parameter["name"] for parameter in parameters if parameter["applyMethod"] == "immediate"}
    assert immediate == {name for name in values if name.startswith("log_")}


def test_it_listens_on_the_port_of_its_connections(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "POSTGRESQL", Port("PostgreSQL", 6432))
    assert_instance_has(declare(), port=6432)


def test_differences_between_stacks_come_from_the_settings(declare: Declare) -> None:
    recorder = declare(
        "dev",
        multiAz=True,
        deletionProtection=True,
        backupRetentionDays=9,
        insightsRetentionDays=31,
        storageGib=30,
        maxStorageGib=90,
        instanceClass="db.t4g.medium",
        applyImmediately=True,
    )
    assert_instance_has(
        recorder,
        applyImmediately=True,
        multiAz=True,
        deletionProtection=True,
        backupRetentionPeriod=9,
        performanceInsightsRetentionPeriod=31,
        allocatedStorage=30,
        maxAllocatedStorage=90,
        instanceClass="db.t4g.medium",
    )


def test_a_destroyed_database_leaves_its_key_a_snapshot_and_its_automated_backups(declare: Declare) -> None:
    recorder = declare()
    # The snapshot's name contains eight characters of the key's ID, since a new database has a new key.
    assert_instance_has(
        recorder,
        skipFinalSnapshot=False,
        deleteAutomatedBackups=False,
        finalSnapshotIdentifier="pipe-test-db-final-database",
    )
    assert KEY in recorder.retained


def test_insights_logs_and_enhanced_monitoring_are_on(declare: Declare) -> None:
    recorder = declare(logRetentionDays=90)
    assert_instance_has(
        recorder,
        performanceInsightsEnabled=True,
        performanceInsightsKmsKeyId="arn:aws:mock:::database",
        monitoringInterval=60,
        monitoringRoleArn="arn:aws:iam::123456789012:role/pipe-test-db-monitoring",
        enabledCloudwatchLogsExports=["postgresql", "upgrade"],
    )
    groups = recorder.of_type(LOG_GROUP)
    retention = {group["name"]: group["retentionInDays"] for group in groups.values()}
    assert retention == {f"{LOGS}/postgresql": 90, f"{LOGS}/upgrade": 90}
    # Otherwise RDS would create the log groups itself, without retention and key.
    assert {(LOG_GROUP, name) for name in groups} < recorder.dependencies[INSTANCE]


def test_only_the_databases_own_log_groups_may_use_its_key(declare: Declare) -> None:
    *_, statement = statements(declare().inputs[KEY]["policy"]).values()
    assert statement["Principal"] == {"Service": "logs.ap-northeast-1.amazonaws.com"}
    prefix = f"arn:aws:logs:ap-northeast-1:123456789012:log-group:{LOGS}"
    assert statement["Condition"] == {
        "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [f"{prefix}/postgresql", f"{prefix}/upgrade"]}
    }


def test_aws_backup_of_the_shared_account_may_use_the_key_for_copies_and_nothing_else(
    declare: Declare,
) -> None:
    policy = declare().inputs[KEY]["policy"]
    context = {
        "aws:PrincipalArn": "arn:aws:iam::999999999999:role/aws-service-role/backup.amazonaws.com/"
        "AWSServiceRoleForBackup",
        "kms:ViaService": "rds.ap-northeast-1.amazonaws.com",
        "kms:GrantIsForAWSResource": "true",
    }
    shared = [
        statement
        for statement in statements(policy).values()
        if statement["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}
    ]
    document = json.dumps({"Statement": shared})
    other_role = {"aws:PrincipalArn": "arn:aws:iam::999999999999:role/admin"}
    for action in ("kms:CreateGrant", "kms:DescribeKey", "kms:ReEncryptFrom"):
        assert verdict([document], action, "*", context) == "allow"
        assert verdict([document], action, "*", context | other_role) == "nothing"
    for action in ("kms:Decrypt", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy"):
        assert verdict([document], action, "*", context) == "nothing"


def test_a_database_in_the_shared_account_shares_its_key_with_nobody(declare: Declare) -> None:
    policy = declare(shared_account="123456789012").inputs[KEY]["policy"]
    principals = [statement["Principal"] for statement in statements(policy).values()]
    assert principals == [
        {"AWS": "arn:aws:iam::123456789012:root"},
        {"Service": "logs.ap-northeast-1.amazonaws.com"},
    ]


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_the_instance_and_its_key(declare: Declare, protect: bool) -> None:
    assert declare(protect=protect).protected == ({INSTANCE, KEY} if protect else set())


def test_backups_end_before_maintenance_begins() -> None:
    end_of_backup = BACKUP_WINDOW.partition("-")[2]
    start_of_maintenance = MAINTENANCE_WINDOW.partition("-")[0].partition(":")[2]
    assert end_of_backup < start_of_maintenance


def test_the_certificate_authorities_are_amazons_for_both_regions() -> None:
    text = AUTHORITIES.read_text()
    authorities = x509.load_pem_x509_certificates(text.encode())
    recorded = re.findall(r"^# sha256 ([0-9a-f]{64})$", text, re.MULTILINE)
    assert [authority.fingerprint(SHA256()).hex() for authority in authorities] == recorded
    names = {
        authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for authority in authorities
    }
    assert names == {
        f"Amazon RDS {region} Root CA {kind} G1"
        for region in ("ap-northeast-1", "ap-northeast-3")
        for kind in ("RSA2048", "RSA4096", "ECC384")
    }
    now = datetime.now(UTC)
    for authority in authorities:
        authority.verify_directly_issued_by(authority)
        assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert authority.not_valid_before_utc < now < authority.not_valid_after_utc
