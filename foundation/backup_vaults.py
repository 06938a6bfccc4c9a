"""Backup vaults in the shared account; the accounts whose backups they store cannot delete the copies."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.backup_sharing import share_with_backup
from components.common.iam_documents import Statement, allow, document, key_policy
from components.common.naming import Naming
from foundation.backup_roles import copy_snapshots, declare_backup_role


@dataclass(frozen=True, kw_only=True)
class VaultOwner:
    """An environment whose backups are copied into a vault."""

    environment: str
    """Name of the environment; its vault has the name `pipe-<environment>` in both accounts."""
    account: str
    """The environment's account."""


@dataclass(frozen=True, kw_only=True)
class BackupVaultsArgs:
    """Arguments of BackupVaults."""

    owners: Sequence[VaultOwner]
    changeable_for_days: int
    """Days during which the lock can still be changed or removed; at least 3 (AWS Backup, vault lock)."""
    min_retention_days: int
    """The shortest retention of a copy in days."""
    max_retention_days: int
    """The longest retention of a copy in days."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the vaults and their keys."""


class BackupVaults(pulumi.ComponentResource):
    """A vault per environment with a compliance lock and its own key.

    A compliance lock is final after its grace time: then no user, not even the root user, can delete a copy
    before its retention ends, or remove the lock. The vault's policy lets only one account copy into it.
    AWS Backup refuses every other action of another account, even if the policy allows it (AWS Backup
    developer guide, vault access policies).
    """

    arns: dict[str, pulumi.Output[str]]
    """ARN of each environment's vault."""

    def __init__(self, name: str, args: BackupVaultsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:storage:BackupVaults", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        declare_backup_role(
            args.naming.name("aws-backup"),
            "Copies backups back to their accounts",
            copy_back(args.owners, args.naming),
            args.naming,
            child,
        )
        self.arns = {owner.environment: self._vault(owner, args) for owner in args.owners}
        self.register_outputs({"arns": self.arns})

    def _vault(self, owner: VaultOwner, args: BackupVaultsArgs) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=args.protect)
        naming, environment = args.naming, owner.environment
        vault_name = f"{naming.service}-{environment}"
        alias = f"{vault_name}-vault"
        tags = {**naming.aws(), "Name": vault_name}
        key = aws.kms.Key(
            environment,
            description=f"Copies of the backups of {environment}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            # RDS encrypts a copy with the vault's key, so the owner needs the key to copy it back.
            policy=key_policy(naming.account, *share_with_backup(owner.account, naming.region)),
            tags={**tags, "Name": alias},
            opts=protected,
        )
        aws.kms.Alias(environment, name=f"alias/{alias}", target_key_id=key.id, opts=child)
        vault = aws.backup.Vault(environment, name=vault_name, kms_key_arn=key.arn, tags=tags, opts=protected)
        aws.backup.VaultPolicy(
            environment,
            backup_vault_name=vault.name,
            policy=document(copies_into(owner.account)),
            opts=child,
        )
        aws.backup.VaultLockConfiguration(
            environment,
            backup_vault_name=vault.name,
            changeable_for_days=args.changeable_for_days,
            min_retention_days=args.min_retention_days,
            max_retention_days=args.max_retention_days,
            # Every change replaces the lock. Created first, the new lock would be deleted with the old one.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, delete_before_replace=True),
        )
        return vault.arn


def copies_into(account: str) -> Statement:
    """Return a statement of a vault's policy that lets one account copy backups into the vault.

    The resource is the vault itself (AWS Backup developer guide, create-cross-account-backup: Resource "*").
    """
    return {
        "Sid": "CopyIntoVault",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }


def copy_back(owners: Sequence[VaultOwner], naming: Naming) -> list[Statement]:
    """Return the permissions to copy backups from the vaults to the vaults of their owners."""
    vaults = [
        f"arn:aws:backup:{naming.region}:{account}:backup-vault:{naming.service}-{owner.environment}"
        for owner in owners
        for account in (naming.account, owner.account)
    ]
    return [
        allow("ReadVaults", ["backup:DescribeBackupVault"], vaults),
        allow("CopyIntoVaults", ["backup:CopyIntoBackupVault"], vaults),
        *copy_snapshots(naming),
    ]
