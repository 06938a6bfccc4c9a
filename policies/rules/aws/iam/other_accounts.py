"""Rules on what other accounts than the provider's may do: administer, assume roles and get data."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import IAM
from policies.model.aws.accounts import accepted_accounts, account_option, own_accounts
from policies.model.aws.buckets import BUCKETS, part_types
from policies.model.aws.iam_documents import Statement, elements
from policies.model.aws.iam_policies import ROLE
from policies.model.checks import check_each_statement
from policies.model.property_values import Value

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
    options=account_option("that may administer resources"),
)
def administration(resource: Resource, options: Options) -> Verdicts:
    """Refuse policies that let another account change the grants of a resource, weaken it or delete it.

    The stack's own account is the allowed one of the provider. Without it, nobody knows which are others.
    """
    name, service = DOCUMENTS[resource.type]
    if resource[name].absent:
        return
    allowed = accepted_accounts(resource, options)
    actions = [f"{service}:{action}" for action in ADMINISTRATION[service]]

    def check(statement: Statement) -> Verdicts:
        if not statement.allows:
            return
        action = next((action for action in actions if statement.covers(action)), None)
        if action and _other_principals(statement, allowed) and not statement.narrowed_by(_LIMITS):
            yield disallowed(
                statement.named, f"leave out {action}, or name a principal of {' or '.join(allowed)}"
            )

    if allowed:
        yield from check_each_statement(resource[name], check)


ACCOUNTS = {
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": "destinationArn",
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission": "accountId",
    "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission": "accountId",
    "aws:kms/grant:Grant": "granteePrincipal",
    "aws:rds/clusterSnapshot:ClusterSnapshot": "sharedAccounts",
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": "sharedAccounts",
    "aws:rds/snapshot:Snapshot": "sharedAccounts",
    "aws:rds/snapshotCopy:SnapshotCopy": "sharedAccounts",
}
"""The types that name an account that gets data or the use of a key, and the property with it or its ARN."""

LOGS = "aws:cloudwatch/logAccountPolicy:LogAccountPolicy"
"""The type that sends the logs of all groups of an account to a destination, which its document names."""

DATADOG = ("464622532012", "417141415827", "412381753143")
"""The accounts from which Datadog reads metrics (Datadog: AWS manual setup guide)."""

_CALLERS = re.compile(r"aws:principal(account|arn)|kms:calleraccount")
"""Condition keys with the account or the ARN of the caller."""

_ORGANIZATION = re.compile(r"aws:principalorg(id|paths)")


@IAM.rule(
    "trusted-other-account",
    types=(ROLE, LOGS, *ACCOUNTS),
    severity=Severity.HIGH,
    controls=("AWS: data perimeter",),
    remediation="Name a principal of the stack's own account, or its account in the option `accounts`.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html",
    options=account_option("that may assume roles or get data; by default, those of Datadog", DATADOG),
)
def trusted(resource: Resource, options: Options) -> Verdicts:
    """Refuse roles, grants, snapshots, images and log subscriptions for other accounts than the provider's.

    The stack's own account is the allowed one of the provider. A condition on an organization is enough for a
    role.
    """
    own, allowed = own_accounts(resource), accepted_accounts(resource, options)
    remedy = f"name a principal of {' or '.join(own) or 'aws:allowedAccountIds'}"

    def check_trust(statement: Statement) -> Verdicts:
        others = _other_principals(statement, allowed) if statement.allows else []
        if others and not statement.narrowed_by(_ORGANIZATION):
            yield disallowed(statement.named, remedy)

    def check_account(value: Value) -> Verdicts:
        account = _account(value.text() or "")
        if account and account not in allowed:
            yield disallowed(value, remedy)

    if resource.type == ROLE:
        yield from check_each_statement(resource["assumeRolePolicy"], check_trust)
    else:
        yield from check_each(_named(resource), check_account)


def _named(resource: Resource) -> Iterator[Value]:
    """Yield the accounts or ARNs that a resource names."""
    if resource.type == LOGS:
        yield resource["policyDocument"].json()["DestinationArn"]
    else:
        yield from elements(resource[ACCOUNTS[resource.type]])


def _other_principals(statement: Statement, allowed: Sequence[str]) -> list[str]:
    """Return the accounts of a statement's principals that are none of the allowed ones.

    In a statement for everybody, conditions name the principals. One with allowed accounts only is enough,
    since all conditions have to be met.
    """
    accounts = [_account(name) for kind, name in statement.principals if kind == "AWS"]
    if statement.everybody:
        conditions = [item for item in statement.conditions if item.narrows and _CALLERS.fullmatch(item.key)]
        named = [[_account(value) for value in item.values] for item in conditions]
        if not any({*values} <= {*allowed} for values in named):
            accounts += chain.from_iterable(named)
    return [account for account in accounts if account and account not in allowed]


def _account(principal: str) -> str | None:
    """Return the account of a principal; None for everybody, and for users of services such as CloudFront."""
    account = (*principal.split(":"), "", "", "", "")[4] if principal.startswith("arn:") else principal
    return account if re.fullmatch(r"\d{12}", account) else None
