"""Permissions to change the database, buckets and keys of an environment, without reading their data."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope

KEY_CHANGES = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:EnableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
]
"""Actions that change a key or its aliases. KMS checks an action on an alias against the key too."""


def change_data(scope: Scope) -> list[Statement]:
    """Return statements for changes to an environment's database, master password, buckets and keys.

    The statements name the buckets, and the database by the prefix of its name. Keys have generated IDs, so
    the statements cover every key of the account; `protect_foundation` denies changes to foundation's keys.
    """
    keys = scope.named_anywhere("kms", "key/*")
    aliases = scope.named_anywhere("kms", "alias/{}-*")
    secrets = scope.named("secretsmanager", "secret:rds!db-*")
    return [
        allow(
            "ChangeDatabase",
            [
                "rds:AddTagsToResource",
                "rds:ApplyPendingMaintenanceAction",
                "rds:CreateDBInstance",
                "rds:CreateDBParameterGroup",
                "rds:CreateDBSnapshot",
                "rds:CreateDBSubnetGroup",
                "rds:DeleteDBInstance",
                "rds:DeleteDBParameterGroup",
                "rds:DeleteDBSubnetGroup",
                "rds:ModifyDBInstance",
                "rds:ModifyDBParameterGroup",
                "rds:ModifyDBSubnetGroup",
                "rds:RebootDBInstance",
                "rds:RemoveTagsFromResource",
                "rds:ResetDBParameterGroup",
                "rds:RestoreDBInstanceFromDBSnapshot",
                "rds:RestoreDBInstanceToPointInTime",
            ],
            scope.named(
                "rds",
                "db:{}-*",
                "pg:{}-*",
                # An upgrade begins with the default group of the new version (operations/lib/database).
                "pg:default.postgres*",
                "snapshot:{}-*",
                "subgrp:{}-*",
                "og:default:*",
            ),
        ),
        allow(
            "ChangeBuckets",
            [
                "s3:CreateBucket",
                "s3:DeleteBucket",
                "s3:DeleteBucketPolicy",
                "s3:PutBucketLogging",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutReplicationConfiguration",
                "s3:TagResource",
                "s3:UntagResource",
            ],
            scope.bucket_arns(),
        ),
        # kms:CreateKey does not support resource-level permissions.
        allow("CreateKeys", ["kms:CreateKey"], ["*"]),
        allow("ChangeKeys", KEY_CHANGES, [*keys, *aliases]),
        # EKS and RDS create grants for the key on behalf of the caller. A condition on
        # kms:GrantIsForAWSResource is "not supported for the CreateCluster action" (EKS user guide,
        # enable-kms, last note; awsdocs/amazon-eks-user-guide, latest/ug/security/enable-kms.adoc).
        allow("GrantKeys", ["kms:CreateGrant"], keys),
        allow(
            "UseKeysThroughRds",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            keys,
            # RDS uses the key itself for the storage, and through Secrets Manager for the master password.
            {
                "StringEquals": {
                    "kms:ViaService": [
                        f"{service}.{scope.naming.region}.amazonaws.com"
                        for service in ("rds", "secretsmanager")
                    ]
                }
            },
        ),
        # RDS creates, tags and rotates the secret with the master password on behalf of the caller (RDS user
        # guide, password management with Secrets Manager, "Permissions required for Secrets Manager
        # integration"). No statement allows reading the secret.
        allow("CreateMasterPassword", ["secretsmanager:CreateSecret", "secretsmanager:TagResource"], secrets),
        rotate_master_password(scope),
    ]


def rotate_master_password(scope: Scope) -> Statement:
    """Return a statement that lets RDS rotate the environment's master password on behalf of the caller.

    It covers the secrets that RDS has tagged with a database of the environment.
    """
    return allow(
        "RotateMasterPassword",
        ["secretsmanager:RotateSecret"],
        scope.named("secretsmanager", "secret:rds!db-*"),
        {"StringLike": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": scope.named("rds", "db:{}-*")}},
    )
