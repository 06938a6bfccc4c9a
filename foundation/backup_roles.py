"""Roles that AWS Backup assumes, with the parts of its managed policies that RDS and S3 need.

The managed policies AWSBackupServiceRolePolicyForBackup (v30) and AWSBackupServiceRolePolicyForS3Backup
name every database, bucket, table, volume and file system of the account; these statements name one database
and one bucket.
"""

from collections.abc import Sequence

import pulumi

from components.common.iam_documents import Statement, allow
from components.common.naming import Naming
from foundation.service_roles.role import ServiceRole, declare_role
from foundation.service_roles.statements import service_trust


def declare_backup_role(
    name: str, description: str, statements: Sequence[Statement], naming: Naming, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Declare a role for AWS Backup in this account; return the role and its policy."""
    role = ServiceRole(
        name=name,
        description=description,
        # AWS Backup developer guide, cross-service confused deputy prevention.
        trust=service_trust("backup.amazonaws.com", naming.account),
        statements=statements,
    )
    declared, policies = declare_role(role, naming, opts)
    return [declared, *policies]


def back_up(naming: Naming, bucket: str, vaults: Sequence[str]) -> list[Statement]:
    """Return the permissions to back up an environment's database and bucket and to copy the backups.

    `vaults` contains the ARNs of the vaults that store the backups and their copies.
    """
    database = f"arn:aws:rds:{naming.region}:{naming.account}:db:{naming.name('db')}"
    snapshots = f"arn:aws:rds:{naming.region}:{naming.account}:snapshot:awsbackup:*"
    bucket_arn = f"arn:aws:s3:::{bucket}"
    return [
        # AWS Backup itself checks this permission when a selection is created.
        allow("FindResources", ["tag:GetResources"], ["*"]),
        allow("ReadVaults", ["backup:DescribeBackupVault"], vaults),
        allow("CopyIntoVaults", ["backup:CopyIntoBackupVault"], vaults),
        allow("SnapshotDatabase", ["rds:CreateDBSnapshot", "rds:ListTagsForResource"], [database, snapshots]),
        *copy_snapshots(naming),
        allow(
            "ReadBucket",
            [
                "s3:GetBucketAcl",
                "s3:GetBucketLocation",
                "s3:GetBucketNotification",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetInventoryConfiguration",
                "s3:ListBucket",
                "s3:ListBucketVersions",
                "s3:ListTagsForResource",
                "s3:PutBucketNotification",
                "s3:PutInventoryConfiguration",
            ],
            [bucket_arn],
        ),
        allow(
            "ReadObjects",
            [
                "s3:GetObject",
                "s3:GetObjectAcl",
                "s3:GetObjectTagging",
                "s3:GetObjectVersion",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            [f"{bucket_arn}/*"],
        ),
        # AWS Backup tracks changes to the bucket with an EventBridge rule that it manages.
        allow(
            "FollowChanges",
            [
                "events:DeleteRule",
                "events:DescribeRule",
                "events:DisableRule",
                "events:EnableRule",
                "events:ListTargetsByRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
            ],
            [f"arn:aws:events:{naming.region}:{naming.account}:rule/AwsBackupManagedRule*"],
        ),
        allow("ReadSizes", ["cloudwatch:GetMetricData", "events:ListRules"], ["*"]),
        allow(
            "ReadEncryptedObjects",
            ["kms:Decrypt", "kms:DescribeKey"],
            [f"arn:aws:kms:{naming.region}:{naming.account}:key/*"],
            {
                "StringEquals": {"kms:ViaService": f"s3.{naming.region}.amazonaws.com"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{naming.name('backups')}"},
            },
        ),
    ]


def copy_snapshots(naming: Naming) -> list[Statement]:
    """Return the permissions to copy the snapshots and recovery points of AWS Backup to another account."""
    home = f"{naming.region}:{naming.account}"
    snapshots = f"arn:aws:rds:{home}:snapshot:awsbackup:*"
    return [
        allow("ReadSnapshots", ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots"], ["*"]),
        allow(
            "CopySnapshots",
            [
                "rds:AddTagsToResource",
                "rds:CopyDBSnapshot",
                "rds:DeleteDBSnapshot",
                "rds:ModifyDBSnapshotAttribute",
            ],
            [snapshots],
        ),
        allow(
            "CopyFromVaults",
            ["backup:CopyFromBackupVault", "backup:TagResource"],
            [f"arn:aws:backup:{home}:recovery-point:*", snapshots],
        ),
        allow("DescribeKeys", ["kms:DescribeKey"], [f"arn:aws:kms:{home}:key/*"]),
        allow(
            "GrantToServices",
            ["kms:CreateGrant"],
            [f"arn:aws:kms:{home}:key/*"],
            {
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "ForAnyValue:StringLike": {"kms:ResourceAliases": f"alias/{naming.service}-*"},
            },
        ),
    ]


def restore(naming: Naming, bucket: str) -> list[Statement]:
    """Return the permissions to restore a copy to a new database or a new bucket, `<bucket>-restored`.

    They are the parts of AWSBackupServiceRolePolicyForRestores (v36) and
    AWSBackupServiceRolePolicyForS3Restore (v2) for RDS and S3. AWS Backup cannot restore into the
    backup bucket itself: the bucket refuses uploads that name a key, as those of a restore do.
    """
    home = f"{naming.region}:{naming.account}"
    bucket_arn, database = f"arn:aws:s3:::{bucket}-restored", naming.name("db")
    new = [
        f"db:{database}-restored*",
        "snapshot:awsbackup:*",
        f"subgrp:{database}",
        f"pg:{database}-*",
        "og:*",
    ]
    services = [f"{service}.{naming.region}.amazonaws.com" for service in ("rds", "s3")]
    own_keys = {"ForAnyValue:StringLike": {"kms:ResourceAliases": f"alias/{naming.name()}-*"}}
    return [
        allow(
            "ReadDatabases",
            ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:ListTagsForResource"],
            ["*"],
        ),
        allow(
            "RestoreDatabase",
            ["rds:AddTagsToResource", "rds:CreateDBInstance", "rds:RestoreDBInstanceFromDBSnapshot"],
            [f"arn:aws:rds:{home}:{part}" for part in new],
        ),
        allow(
            "MakeBucket",
            [
                "s3:CreateBucket",
                "s3:GetBucketLocation",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketVersioning",
                "s3:ListBucket",
                "s3:ListBucketVersions",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketVersioning",
            ],
            [bucket_arn],
        ),
        allow(
            "RestoreObjects",
            [
                "s3:GetObject",
                "s3:GetObjectAcl",
                "s3:GetObjectTagging",
                "s3:GetObjectVersion",
                "s3:GetObjectVersionAcl",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
                # Backups of S3 contain the objects' ACLs, which a restore sets again (AWS Backup developer
                # guide, Amazon S3 backups, and Amazon S3 restore considerations).
                "s3:PutObjectAcl",
                "s3:PutObjectTagging",
                "s3:PutObjectVersionAcl",
            ],
            [f"{bucket_arn}/*"],
        ),
        allow(
            "UseKeys",
            [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            [f"arn:aws:kms:{home}:key/*"],
            {"StringEquals": {"kms:ViaService": services}, **own_keys},
        ),
        allow(
            "GrantToServices",
            ["kms:CreateGrant"],
            [f"arn:aws:kms:{home}:key/*"],
            {"Bool": {"kms:GrantIsForAWSResource": "true"}, **own_keys},
        ),
    ]
