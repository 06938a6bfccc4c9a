"""The rule on policies that let another account administer a resource."""

import re

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Verdicts, disallowed
from policies.engine.topics import IAM
from policies.model.aws.buckets import BUCKETS, part_types
from policies.model.aws.iam_documents import Statement
from policies.model.checks import check_each_statement

ADMINISTRATION = {
    "backup": ("DeleteBackupVaultAccessPolicy", "DeleteRecoveryPoint", "PutBackupVaultAccessPolicy"),
    "ecr": ("DeleteRepository", "DeleteRepositoryPolicy", "SetRepositoryPolicy"),
    "kms": ("DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion"),
    "s3": (
        "BypassGovernanceRetention",
        "DeleteBucket",
        "DeleteBucketPolicy",
        "PutBucketAcl",
        "PutBucketPolicy",
        "PutBucketPublicAccessBlock",
        "PutBucketVersioning",
        "PutEncryptionConfiguration",
        "PutObjectAcl",
    ),
    "secretsmanager": ("DeleteResourcePolicy", "DeleteSecret", "PutResourcePolicy"),
    "sns": ("AddPermission", "DeleteTopic", "RemovePermission", "SetTopicAttributes"),
    "sqs": ("AddPermission", "DeleteQueue", "RemovePermission", "SetQueueAttributes"),
}
"""The actions that change who may use a resource, weaken it or delete it, by service.

Sources: Security Hub, S3.6, and Datadog's rule def-000-hb1; the Service Authorization Reference for the other
services. To read, write, pull, copy or decrypt for another account is the purpose of these policies."""

DOCUMENTS = dict.fromkeys((*part_types("Policy"), *BUCKETS), ("policy", "s3")) | {
    "aws:backup/vaultPolicy:VaultPolicy": ("policy", "backup"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy", "ecr"),
    "aws:kms/externalKey:ExternalKey": ("policy", "kms"),
    "aws:kms/key:Key": ("policy", "kms"),
    "aws:kms/keyPolicy:KeyPolicy": ("policy", "kms"),
    "aws:kms/replicaExternalKey:ReplicaExternalKey": ("policy", "kms"),
    "aws:kms/replicaKey:ReplicaKey": ("policy", "kms"),
    "aws:secretsmanager/secret:Secret": ("policy", "secretsmanager"),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy", "secretsmanager"),
    "aws:sns/topic:Topic": ("policy", "sns"),
    "aws:sns/topicPolicy:TopicPolicy": ("policy", "sns"),
    "aws:sqs/queue:Queue": ("policy", "sqs"),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy", "sqs"),
}
"""The types with a policy on a resource, its property, and the service of its actions."""

_LIMITS = re.compile(r"aws:(principalorgid|principalorgpaths|sourceip|sourcevpce?|vpce\w+)|s3:x-amz-acl")
"""Condition keys that limit the other account to an organization or a network, or an object's ACL to one that
gives it to the owner of the bucket."""


@IAM.rule(
    "resource-administered-by-other-account",
    types=DOCUMENTS,
    severity=Severity.HIGH,
    controls=("AWS: data perimeter", "FSBP S3.6"),
    remediation="Name the actions that the other account needs, without those on policies and deletion.",
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-6",
    options={
        "accounts": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Accounts other than the stack's own that may administer resources.",
            },
        )
    },
)
def administration(resource: Resource, options: Options) -> Verdicts:
    """Refuse policies that let another account change the grants of a resource, weaken it or delete it.

    The stack's own account is the allowed one of the provider. Without it, nobody knows which are others.
    """
    name, service = DOCUMENTS[resource.type]
    if resource[name].absent:
        return
    allowed = [*resource.settings["allowedAccountIds"].json().texts(), *options["accounts"]]
    actions = [f"{service}:{action}" for action in ADMINISTRATION[service]]

    def check(statement: Statement) -> Verdicts:
        if not statement.allows:
            return
        action = next((action for action in actions if statement.covers(action)), None)
        accounts = [_account(name) for kind, name in statement.principals if kind == "AWS"] if action else []
        others = [account for account in accounts if account and account not in allowed]
        if others and not statement.narrowed_by(_LIMITS):
            yield disallowed(
                statement.named, f"leave out {action}, or name a principal of {' or '.join(allowed)}"
            )

    if allowed:
        yield from check_each_statement(resource[name], check)


def _account(principal: str) -> str | None:
    """Return the account of a principal; None for everybody, and for users of services such as CloudFront."""
    account = (*principal.split(":"), "", "", "", "")[4] if principal.startswith("arn:") else principal
    return account if re.fullmatch(r"\d{12}", account) else None
