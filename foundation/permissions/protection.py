"""Denials that protect foundation's own resources from the deploy role and the operators role.

Of foundation's resources, the roles' other statements cover only the keys, which have generated IDs. The
denials hold even if a person attaches a further policy to a role.
"""

from components.common.iam_documents import Statement
from foundation.permissions.data import KEY_CHANGES
from foundation.permissions.scope import Scope
from foundation.permissions.state import State

IAM_WRITES = [
    "iam:Add*",
    "iam:Attach*",
    "iam:CreateAccessKey",
    "iam:CreateInstanceProfile",
    "iam:CreateLoginProfile",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreatePolicy*",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
]
"""Actions that change roles, policies, users or identity providers. Passing a role is not one of them."""

GUARDS = [
    "access-analyzer:*",
    "backup:Associate*",
    "backup:Cancel*",
    "backup:Copy*",
    "backup:Create*",
    "backup:Delete*",
    "backup:Disassociate*",
    "backup:Export*",
    "backup:Get*",
    "backup:Put*",
    "backup:Revoke*",
    "backup:Start*",
    "backup:Stop*",
    "backup:Tag*",
    "backup:Untag*",
    "backup:Update*",
    "backup-storage:*",
    "budgets:*",
    "ce:*",
    "cloudtrail:Add*",
    "cloudtrail:Cancel*",
    "cloudtrail:Create*",
    "cloudtrail:Delete*",
    "cloudtrail:Deregister*",
    "cloudtrail:Disable*",
    "cloudtrail:Enable*",
    "cloudtrail:Generate*",
    "cloudtrail:Put*",
    "cloudtrail:Register*",
    "cloudtrail:Remove*",
    "cloudtrail:Restore*",
    "cloudtrail:Start*",
    "cloudtrail:Stop*",
    "cloudtrail:Update*",
    "guardduty:*",
    "s3:PutAccountPublicAccessBlock",
    "sns:*",
]
"""Actions on the account's guards, alarms and backup vaults, which no stack manages.

Operators read the records of CloudTrail and of AWS Backup (foundation/permissions/diagnosis.py).
"""

STATE_BUCKET_CHANGES = [
    "s3:BypassGovernanceRetention",
    "s3:DeleteBucket*",
    "s3:DeleteObjectVersion*",
    "s3:PutBucket*",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutReplicationConfiguration",
]
"""Actions that change the state bucket or erase versions of its objects."""


def protect_foundation(scope: Scope, state: State) -> list[Statement]:
    """Return statements that deny changes to foundation's keys and state, to IAM, and to guards and vaults.

    Foundation's keys have its name in the tag `env`. The denial covers the tag itself, since it applies to
    the actions that change tags.
    """
    own_tag = {"StringEquals": {"aws:ResourceTag/env": "foundation"}}
    keys = scope.named_anywhere("kms", "key/*")
    buckets = f"arn:aws:s3:::{scope.naming.service}-state-{scope.naming.account}*"
    return [
        {**_deny("LeaveKeys", [*KEY_CHANGES, "kms:CreateGrant"], keys), "Condition": own_tag},
        _deny("LeaveStateBucket", STATE_BUCKET_CHANGES, [buckets]),
        _deny("LeaveOwnState", ["s3:*"], state.objects("*/pipe-foundation/*")),
        _deny("LeaveRoles", IAM_WRITES, ["*"]),
        _deny("LeaveGuards", GUARDS, ["*"]),
    ]


def _deny(sid: str, actions: list[str], resources: object) -> Statement:
    return {"Sid": sid, "Effect": "Deny", "Action": actions, "Resource": resources}
