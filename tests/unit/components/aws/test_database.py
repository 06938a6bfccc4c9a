import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

import components.aws.database
from components.aws.database import BACKUP_WINDOW, MAINTENANCE_WINDOW, Database, DatabaseArgs
from components.common.naming import Naming
from components.settings.models.database import Database as DatabaseSettings
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.resource_options import Options, predecessors, recording

Declare = Callable[..., Recorder]


@pytest.fixture
def options() -> Options:
    return {}


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any], options: Options) -> Declare:
    def run(stack: str = "prod", *, protect: bool = False, **changes: Any) -> Recorder:
        recorder.computed["aws:rds/instance:Instance"] = {"address": "db.example"}
        args = DatabaseArgs(
            settings=topic(DatabaseSettings, "database", stack, **changes),
            naming=naming,
            protect=protect,
            subnet_ids=["subnet-a", "subnet-b"],
            security_group_id="sg-database",
            password="planted-password",
        )
        evaluate(lambda: Database("database", args, recording(options)).identifier)
        return recorder

    return run


def instance(recorder: Recorder) -> dict[str, Any]:
    return recorder.of_type("aws:rds/instance:Instance")["database"]


def test_the_database_is_private_encrypted_and_named_as_the_guide_has_it(declare: Declare) -> None:
    found = instance(declare())
    assert found["identifier"] == "pipe-test-db"
    assert found["dbName"] == "pipe_db"
    assert found["username"] == "pipe_admin"
    assert found["publiclyAccessible"] is False
    assert found["storageEncrypted"] is True
    assert found["kmsKeyId"] == "arn:aws:mock:::database"
    assert found["vpcSecurityGroupIds"] == ["sg-database"]
    assert found["dbSubnetGroupName"] == "pipe-test-db"


def test_the_key_of_the_database_rotates(declare: Declare) -> None:
    assert declare().of_type("aws:kms/key:Key")["database"]["enableKeyRotation"] is True


@pytest.mark.parametrize(("version", "family"), [("16", "postgres16"), ("17", "postgres17")])
def test_the_parameters_are_those_of_the_major_version(declare: Declare, version: str, family: str) -> None:
    group = declare(engineVersion=version).of_type("aws:rds/parameterGroup:ParameterGroup")["database"]
    assert group["family"] == family
    assert group["name"] == f"pipe-test-db-{family}"


def test_minor_versions_are_left_to_rds_and_extended_support_to_nobody(declare: Declare) -> None:
    database = instance(declare(engineVersion="17"))
    assert (database["engineVersion"], database["autoMinorVersionUpgrade"]) == ("17", True)
    assert database["engineLifecycleSupport"] == "open-source-rds-extended-support-disabled"


def test_connections_without_tls_or_with_an_old_version_are_refused(declare: Declare) -> None:
    recorder = declare(maxConnections=321)
    group = recorder.of_type("aws:rds/parameterGroup:ParameterGroup")["database"]
    values = {parameter["name"]: parameter["value"] for parameter in group["parameters"]}
    assert values["rds.force_ssl"] == "1"
    assert values["ssl_min_protocol_version"] == "TLSv1.2"
    assert values["rds.accepted_password_auth_method"] == "scram"
    assert values["max_connections"] == "321"
    assert {parameter["applyMethod"] for parameter in group["parameters"]} == {"pending-reboot"}
    assert instance(recorder)["parameterGroupName"] == group["name"]


def test_no_statement_is_logged_that_could_hold_a_password(declare: Declare) -> None:
    group = declare().of_type("aws:rds/parameterGroup:ParameterGroup")["database"]
    assert "log_statement" not in {parameter["name"] for parameter in group["parameters"]}


def test_what_differs_between_environments_comes_from_the_settings(declare: Declare) -> None:
    found = instance(
        declare(
            "dev",
            multiAz=True,
            deletionProtection=True,
            backupRetentionDays=9,
            insightsRetentionDays=31,
            storageGib=30,
            maxStorageGib=90,
            instanceClass="db.t4g.medium",
        )
    )
    assert found["multiAz"] is True
    assert found["deletionProtection"] is True
    assert found["backupRetentionPeriod"] == 9
    assert found["performanceInsightsRetentionPeriod"] == 31
    assert (found["allocatedStorage"], found["maxAllocatedStorage"]) == (30, 90)
    assert found["instanceClass"] == "db.t4g.medium"


def test_prod_survives_a_zone_and_refuses_to_be_deleted(declare: Declare) -> None:
    found = instance(declare("prod"))
    assert (found["multiAz"], found["deletionProtection"]) == (True, True)


def test_destroying_leaves_a_snapshot_and_the_automated_backups(declare: Declare) -> None:
    found = instance(declare())
    assert found["skipFinalSnapshot"] is False
    assert found["deleteAutomatedBackups"] is False
    # The first eight characters of the key's id: a new key, so a new name, for every new database.
    assert found["finalSnapshotIdentifier"] == "pipe-test-db-final-database"


def test_insights_logs_and_metrics_of_the_system_are_on(declare: Declare) -> None:
    recorder = declare(logRetentionDays=90)
    found = instance(recorder)
    assert found["performanceInsightsEnabled"] is True
    assert found["performanceInsightsKmsKeyId"] == "arn:aws:mock:::database"
    assert found["monitoringInterval"] == 60
    assert found["monitoringRoleArn"] == "arn:aws:mock:::database-monitoring"
    assert found["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    groups = recorder.of_type("aws:cloudwatch/logGroup:LogGroup").values()
    assert {group["name"] for group in groups} == {
        "/aws/rds/instance/pipe-test-db/postgresql",
        "/aws/rds/instance/pipe-test-db/upgrade",
    }
    assert {group["retentionInDays"] for group in groups} == {90}


def test_only_the_databases_own_log_groups_may_use_its_key(declare: Declare) -> None:
    policy = json.loads(declare().of_type("aws:kms/key:Key")["database"]["policy"])
    statement = policy["Statement"][1]
    assert statement["Principal"] == {"Service": "logs.ap-northeast-1.amazonaws.com"}
    prefix = "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/rds/instance/pipe-test-db"
    assert statement["Condition"] == {
        "ArnEquals": {"kms:EncryptionContext:aws:logs:arn": [f"{prefix}/postgresql", f"{prefix}/upgrade"]}
    }


@pytest.mark.parametrize("protect", [True, False])
def test_the_instance_and_its_key_are_protected_where_the_settings_ask(
    declare: Declare, options: Options, protect: bool
) -> None:
    declare(protect=protect)
    kept = {typ for (typ, _), opts in options.items() if opts.protect}
    assert kept == ({"aws:rds/instance:Instance", "aws:kms/key:Key"} if protect else set())


def test_the_key_outlives_the_database_for_the_sake_of_its_last_snapshot(
    declare: Declare, options: Options
) -> None:
    declare()
    assert options["aws:kms/key:Key", "database"].retain_on_delete


def test_log_groups_exist_before_rds_would_make_them(declare: Declare, options: Options) -> None:
    declare()
    before = predecessors(options["aws:rds/instance:Instance", "database"], "LogGroup")
    assert before == {"database-postgresql", "database-upgrade"}


def test_backups_end_before_maintenance_begins() -> None:
    end_of_backup = BACKUP_WINDOW.partition("-")[2]
    start_of_maintenance = MAINTENANCE_WINDOW.partition("-")[0].partition(":")[2]
    assert end_of_backup < start_of_maintenance


AUTHORITIES = Path(components.aws.database.__file__).parents[1] / "kubernetes" / "assets" / "rds_ca.pem"


def test_the_certificate_authorities_are_amazons_for_both_regions() -> None:
    text = AUTHORITIES.read_text()
    found = x509.load_pem_x509_certificates(text.encode())
    recorded = re.findall(r"^# sha256 ([0-9a-f]{64})$", text, re.MULTILINE)
    assert [certificate.fingerprint(SHA256()).hex() for certificate in found] == recorded
    names = {
        certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for certificate in found
    }
    assert names == {
        f"Amazon RDS {region} Root CA {kind} G1"
        for region in ("ap-northeast-1", "ap-northeast-3")
        for kind in ("RSA2048", "RSA4096", "ECC384")
    }


def test_each_authority_is_a_valid_root_that_signed_itself() -> None:
    now = datetime.now(UTC)
    for certificate in x509.load_pem_x509_certificates(AUTHORITIES.read_bytes()):
        assert certificate.issuer == certificate.subject
        certificate.verify_directly_issued_by(certificate)
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc
