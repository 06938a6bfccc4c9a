"""Access of another account's AWS Backup to a KMS key, for copies of encrypted snapshots."""

from components.common.iam_documents import Statement

SERVICE_LINKED_ROLE = "role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
"""The role with which AWS Backup makes copies in the account that receives them."""


def share_with_backup(account: str, region: str) -> list[Statement]:
    """Return key policy statements that let AWS Backup in an account copy RDS snapshots.

    An RDS snapshot keeps the key of its database, so the account that receives a copy needs that key
    (repost.aws/knowledge-center/backup-cross-account-copy). The actions are those that AWS Backup's own role
    may request: AWSBackupServiceLinkedRolePolicyForBackup v31, statements KMSDescribePermissions,
    KMSGrantPermissions and KMSCreateGrantPermissions. The principal is the account, since KMS refuses a role
    that does not exist yet; the condition limits it to the role.
    """
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    role = {"aws:PrincipalArn": f"arn:aws:iam::{account}:{SERVICE_LINKED_ROLE}"}
    through_rds = {"kms:ViaService": f"rds.{region}.amazonaws.com"}
    return [
        {
            "Sid": "DescribeForCopies",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"ArnEquals": role},
        },
        {
            "Sid": "UseForCopies",
            "Effect": "Allow",
            "Principal": principal,
            "Action": ["kms:GenerateDataKeyWithoutPlaintext", "kms:ListGrants", "kms:ReEncryptFrom"],
            "Resource": "*",
            "Condition": {"ArnEquals": role, "StringEquals": through_rds},
        },
        {
            "Sid": "GrantForCopies",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {
                "ArnEquals": role,
                "StringEquals": through_rds,
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        },
    ]
