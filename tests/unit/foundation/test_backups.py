"""Tests of the backup plan in an environment's account and of the vaults in the shared account."""

import json
import re
from typing import Any

import pytest

from components.aws.database import BACKUP_WINDOW, MAINTENANCE_WINDOW
from components.common.naming import Naming
from foundation.backup_plan import BackupPlan, BackupPlanArgs
from foundation.backup_vaults import BackupVaults, BackupVaultsArgs, VaultOwner
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.iam import statements, trust, verdict

PROD, STG, SHARED = "777788889999", "444455556666", "123456789012"
REGION = "ap-northeast-1"
BACKUP_LINKED_ROLE = "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"


def arn(service: str, account: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{account}:{resource}"


@pytest.fixture
def plan(recorder: Recorder) -> Recorder:
    naming = Naming(environment="prod", team="platform", account=PROD, region=REGION)
    args = BackupPlanArgs(
        bucket="pipe-backup", shared_account=SHARED, keep_days=35, naming=naming, protect=True
    )
    evaluate(lambda: BackupPlan("prod-backups", args) and None)
    return recorder


@pytest.fixture
def vaults(recorder: Recorder) -> Recorder:
    naming = Naming(environment="shared", team="platform", account=SHARED, region=REGION)
    args = BackupVaultsArgs(
        owners=[
            VaultOwner(environment="stg", account=STG),
            VaultOwner(environment="prod", account=PROD),
        ],
        changeable_for_days=14,
        min_retention_days=7,
        max_retention_days=400,
        naming=naming,
        protect=True,
    )
    evaluate(lambda: BackupVaults("vaults", args) and None)
    return recorder


def own_policy(recorder: Recorder, role: str) -> str:
    return recorder.of_type("aws:iam/rolePolicy:RolePolicy")[role]["policy"]


def test_every_backup_is_copied_into_the_vault_of_the_shared_account(plan: Recorder) -> None:
    [declared] = plan.of_type("aws:backup/plan:Plan").values()
    [rule] = declared["rules"]
    assert rule["copyActions"] == [
        {
            "destinationVaultArn": arn("backup", SHARED, "backup-vault:pipe-prod"),
            "lifecycle": {"deleteAfter": 35},
        }
    ]
    assert rule["targetVaultName"] == "pipe-prod" and rule["lifecycle"] == {"deleteAfter": 35}
    [selection] = plan.of_type("aws:backup/selection:Selection").values()
    assert selection["resources"] == [arn("rds", PROD, "db:pipe-prod-db"), "arn:aws:s3:::pipe-backup"]
    assert selection["iamRoleArn"] == f"arn:aws:iam::{PROD}:role/pipe-prod-aws-backup"


def test_a_backup_starts_outside_the_windows_of_the_database(plan: Recorder) -> None:
    [declared] = plan.of_type("aws:backup/plan:Plan").values()
    [rule] = declared["rules"]
    minute, hour = (int(part) for part in rule["schedule"].removeprefix("cron(").split()[:2])
    start = hour * 60 + minute
    for window in (BACKUP_WINDOW, MAINTENANCE_WINDOW):
        first, last = (int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", window))
        # RDS refuses a snapshot from an hour before the window until its end.
        assert not first - 60 <= start <= last
        assert not first - 60 <= start + rule["startWindow"] <= last


def test_a_lock_is_deleted_before_its_replacement(plan: Recorder, vaults: Recorder) -> None:
    locks = {name for typ, name in plan.deleted_first if typ == LOCK}
    assert locks == {"prod-backups", "stg", "prod"}


def test_the_local_vault_is_locked_and_encrypted_with_its_own_key(plan: Recorder) -> None:
    [lock] = plan.of_type(LOCK).values()
    assert lock == {"backupVaultName": "pipe-prod", "minRetentionDays": 1}
    [vault] = plan.of_type("aws:backup/vault:Vault").values()
    assert vault["kmsKeyArn"] == "arn:aws:mock:::prod-backups"
    assert ("aws:backup/vault:Vault", "prod-backups") in plan.protected


def test_only_aws_backup_in_its_account_assumes_the_roles(plan: Recorder, vaults: Recorder) -> None:
    for name, account in (
        ("prod-aws-backup", PROD),
        ("prod-aws-restore", PROD),
        ("shared-aws-backup", SHARED),
    ):
        statement = trust(plan.of_type("aws:iam/role:Role")[name])
        assert statement["Principal"] == {"Service": "backup.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": account}}


NO_CONTEXT: dict[str, str] = {}
THROUGH_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
BUCKET_KEY, OTHER_KEY = "alias/pipe-prod-backups", "alias/pipe-state"


@pytest.mark.parametrize(
    ("action", "resource", "context", "expected"),
    [
        ("rds:CreateDBSnapshot", arn("rds", PROD, "db:pipe-prod-db"), NO_CONTEXT, "allow"),
        ("rds:CreateDBSnapshot", arn("rds", PROD, "db:other"), NO_CONTEXT, "nothing"),
        ("rds:DeleteDBSnapshot", arn("rds", PROD, "snapshot:awsbackup:job-1"), NO_CONTEXT, "allow"),
        ("rds:DeleteDBSnapshot", arn("rds", PROD, "snapshot:pipe-prod-db-final"), NO_CONTEXT, "nothing"),
        ("rds:DeleteDBInstance", arn("rds", PROD, "db:pipe-prod-db"), NO_CONTEXT, "nothing"),
        ("s3:GetObjectVersion", "arn:aws:s3:::pipe-backup/latest.dump", NO_CONTEXT, "allow"),
        ("s3:PutObject", "arn:aws:s3:::pipe-backup/latest.dump", NO_CONTEXT, "nothing"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::pipe-backup/latest.dump", NO_CONTEXT, "nothing"),
        ("s3:GetObject", "arn:aws:s3:::pipe-state-777788889999/x", NO_CONTEXT, "nothing"),
        (
            "backup:CopyIntoBackupVault",
            arn("backup", SHARED, "backup-vault:pipe-prod"),
            NO_CONTEXT,
            "allow",
        ),
        (
            "backup:CopyIntoBackupVault",
            arn("backup", SHARED, "backup-vault:pipe-stg"),
            NO_CONTEXT,
            "nothing",
        ),
        ("backup:DeleteRecoveryPoint", arn("backup", PROD, "recovery-point:1"), NO_CONTEXT, "nothing"),
        (
            "kms:Decrypt",
            arn("kms", PROD, "key/1"),
            {**THROUGH_S3, "kms:ResourceAliases": BUCKET_KEY},
            "allow",
        ),
        (
            "kms:Decrypt",
            arn("kms", PROD, "key/1"),
            {**THROUGH_S3, "kms:ResourceAliases": OTHER_KEY},
            "nothing",
        ),
        ("kms:Decrypt", arn("kms", PROD, "key/1"), {"kms:ResourceAliases": BUCKET_KEY}, "nothing"),
    ],
)
def test_the_backup_role_reaches_one_database_and_one_bucket(
    plan: Recorder, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert verdict([own_policy(plan, "prod-aws-backup")], action, resource, context) == expected


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("s3:PutObject", "arn:aws:s3:::pipe-backup-restored/latest.dump", "allow"),
        ("s3:PutObjectAcl", "arn:aws:s3:::pipe-backup-restored/latest.dump", "allow"),
        ("s3:PutObjectAcl", "arn:aws:s3:::pipe-backup/latest.dump", "nothing"),
        ("s3:PutObject", "arn:aws:s3:::pipe-backup/latest.dump", "nothing"),
        ("rds:RestoreDBInstanceFromDBSnapshot", arn("rds", PROD, "db:pipe-prod-db-restored"), "allow"),
        ("rds:RestoreDBInstanceFromDBSnapshot", arn("rds", PROD, "db:pipe-prod-db"), "nothing"),
        ("rds:DeleteDBInstance", arn("rds", PROD, "db:pipe-prod-db-restored"), "nothing"),
    ],
)
def test_a_restore_overwrites_nothing(plan: Recorder, action: str, resource: str, expected: str) -> None:
    assert verdict([own_policy(plan, "prod-aws-restore")], action, resource, NO_CONTEXT) == expected


def test_each_vault_has_a_compliance_lock(vaults: Recorder) -> None:
    locks = {lock["backupVaultName"]: lock for lock in vaults.of_type(LOCK).values()}
    assert locks.keys() == {"pipe-stg", "pipe-prod"}
    for lock in locks.values():
        assert lock["changeableForDays"] == 14
        assert (lock["minRetentionDays"], lock["maxRetentionDays"]) == (7, 400)


def test_each_vault_lets_only_its_owner_copy_backups_into_it(vaults: Recorder) -> None:
    policies = {
        policy["backupVaultName"]: json.loads(policy["policy"])["Statement"]
        for policy in vaults.of_type("aws:backup/vaultPolicy:VaultPolicy").values()
    }
    owners = {"pipe-stg": STG, "pipe-prod": PROD}
    assert policies == {
        vault: [
            {
                "Sid": "CopyIntoVault",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "backup:CopyIntoBackupVault",
                "Resource": "*",
            }
        ]
        for vault, account in owners.items()
    }


CREATE_GRANT: dict[str, Any] = {
    "aws:PrincipalArn": f"arn:aws:iam::{PROD}:{BACKUP_LINKED_ROLE}",
    "kms:ViaService": f"rds.{REGION}.amazonaws.com",
    "kms:GrantIsForAWSResource": "true",
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "allow"),
        ({"aws:PrincipalArn": f"arn:aws:iam::{PROD}:role/pipe-prod-deploy"}, "nothing"),
        ({"aws:PrincipalArn": f"arn:aws:iam::{STG}:{BACKUP_LINKED_ROLE}"}, "nothing"),
        ({"kms:ViaService": f"s3.{REGION}.amazonaws.com"}, "nothing"),
        ({"kms:GrantIsForAWSResource": "false"}, "nothing"),
    ],
)
def test_only_the_owners_aws_backup_may_use_the_key_of_its_vault(
    vaults: Recorder, change: dict[str, str], expected: str
) -> None:
    key = vaults.of_type("aws:kms/key:Key")["prod"]["policy"]
    administration, *sharing = statements(key).values()
    assert administration["Principal"] == {"AWS": f"arn:aws:iam::{SHARED}:root"}
    assert {statement["Principal"]["AWS"] for statement in sharing} == {f"arn:aws:iam::{PROD}:root"}
    document = json.dumps({"Statement": sharing})
    assert verdict([document], "kms:CreateGrant", "*", CREATE_GRANT | change) == expected
    assert verdict([document], "kms:Decrypt", "*", CREATE_GRANT | change) == "nothing"


def test_the_shared_account_copies_a_backup_only_back_to_its_owner(vaults: Recorder) -> None:
    policy = own_policy(vaults, "shared-aws-backup")
    copy = "backup:CopyIntoBackupVault"
    assert verdict([policy], copy, arn("backup", PROD, "backup-vault:pipe-prod"), NO_CONTEXT) == "allow"
    assert verdict([policy], copy, arn("backup", PROD, "backup-vault:other"), NO_CONTEXT) == "nothing"
    assert verdict([policy], copy, arn("backup", STG, "backup-vault:pipe-prod"), NO_CONTEXT) == "nothing"
