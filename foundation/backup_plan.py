"""Daily backups of an environment's database and bucket, copied to a vault in the shared account."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import key_policy
from components.common.naming import Naming
from components.settings.models.backups import AWS_BACKUP_HOUR
from foundation.backup_roles import back_up, declare_backup_role, restore

SCHEDULE = f"cron(0 {AWS_BACKUP_HOUR} * * ? *)"
"""Start of the backups in UTC: 07:00 in Japan.

RDS refuses a snapshot during its backup and maintenance windows and in the hour before them (AWS Backup
developer guide, plan options). Those windows end at 21:30 at the latest (components/aws/database.py). The
nightly dump is then in the bucket, since `check_schedule` of the settings refuses a later one.
"""

START_WINDOW_MINUTES = 60
"""Minutes within which a backup must start: AWS Backup's minimum."""

COMPLETION_WINDOW_MINUTES = 720
"""Minutes after which AWS Backup cancels a backup: 12 hours, so that a backup never overlaps the next one."""

MIN_RETENTION_DAYS = 1
"""The shortest retention in the local vault, in days; the lock only has to prevent deletions."""


@dataclass(frozen=True, kw_only=True)
class BackupPlanArgs:
    """Arguments of BackupPlan."""

    bucket: str
    """The environment's backup bucket."""
    shared_account: str
    """The account with the vault that receives the copies."""
    keep_days: int
    """Days until a backup and its copy are deleted."""
    naming: Naming
    """Names of the environment."""
    protect: bool
    """True to make Pulumi refuse to delete the vault and its key."""


class BackupPlan(pulumi.ComponentResource):
    """AWS Backup's plan for an environment: backups in a local vault, and copies in the shared account.

    The plan belongs to foundation, so the deploy role needs no permission for AWS Backup and cannot stop the
    copies. It names the database and the bucket by ARN, which follow from the environment's name, so it can
    exist before the stack. Until then, the plan finds nothing to back up.

    The local vault has a governance lock: it prevents deletions by mistake, and an administrator of the
    account can remove it. That administrator cannot delete the copy.
    """

    vault: pulumi.Output[str]
    """Name of the local vault."""

    def __init__(self, name: str, args: BackupPlanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:storage:BackupPlan", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=args.protect)
        naming, vault_name = args.naming, args.naming.name()
        alias = naming.name("vault")
        local, shared = vault_arn(naming, naming.account), vault_arn(naming, args.shared_account)

        key = aws.kms.Key(
            name,
            description=f"Backups in the vault {vault_name}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(naming.account),
            tags={**naming.aws(), "Name": alias},
            opts=protected,
        )
        aws.kms.Alias(name, name=f"alias/{alias}", target_key_id=key.id, opts=child)
        vault = aws.backup.Vault(
            name,
            name=vault_name,
            kms_key_arn=key.arn,
            tags={**naming.aws(), "Name": vault_name},
            opts=protected,
        )
        aws.backup.VaultLockConfiguration(
            name,
            backup_vault_name=vault.name,
            min_retention_days=MIN_RETENTION_DAYS,
            # Every change replaces the lock. Created first, the new lock would be deleted with the old one.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        role = declare_backup_role(
            naming.name("aws-backup"),
            f"Backs up {naming.environment}",
            back_up(naming, args.bucket, [local, shared]),
            naming,
            child,
        )
        declare_backup_role(
            naming.name("aws-restore"),
            f"Restores copies of {naming.environment}",
            restore(naming, args.bucket),
            naming,
            child,
        )
        plan = aws.backup.Plan(
            name,
            name=vault_name,
            rules=[
                {
                    "rule_name": "daily",
                    "target_vault_name": vault.name,
                    "schedule": SCHEDULE,
                    "start_window": START_WINDOW_MINUTES,
                    "completion_window": COMPLETION_WINDOW_MINUTES,
                    "lifecycle": {"delete_after": args.keep_days},
                    "copy_actions": [
                        {"destination_vault_arn": shared, "lifecycle": {"delete_after": args.keep_days}}
                    ],
                }
            ],
            tags={**naming.aws(), "Name": vault_name},
            opts=child,
        )
        aws.backup.Selection(
            name,
            name=vault_name,
            plan_id=plan.id,
            iam_role_arn=naming.role_arn("aws-backup"),
            resources=[
                f"arn:aws:rds:{naming.region}:{naming.account}:db:{naming.name('db')}",
                f"arn:aws:s3:::{args.bucket}",
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=role),
        )
        self.vault = vault.name
        self.register_outputs({"vault": self.vault})


def vault_arn(naming: Naming, account: str) -> str:
    """Return the ARN of the environment's vault in an account."""
    return f"arn:aws:backup:{naming.region}:{account}:backup-vault:{naming.name()}"
