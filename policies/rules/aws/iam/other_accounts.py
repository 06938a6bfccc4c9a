"""Rules on what other accounts than the provider's may do: administer, assume roles and get data."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import IAM
from policies.model.aws.accounts import (
    accepted_accounts,
    account_option,
    organization_option,
    own_accounts,
)
from policies.model.aws.buckets import BUCKETS, part_types
from policies.model.aws.iam_documents import Statement, reached
from policies.model.aws.iam_policies import ROLE
from policies.model.checks import check_each_statement
from policies.model.property_values import Value

LISTED = "or let an owner list the account or the organization in the options"

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

_LIMITS = re.compile(r"aws:(sourceip|sourcevpce?)|s3:x-amz-acl")
"""Condition keys that limit the other account to a network, or an object's ACL to one that gives it to the
owner of the bucket."""


@IAM.rule(
    "resource-administered-by-other-account",
    types=DOCUMENTS,
    severity=Severity.HIGH,
    controls=("AWS: data perimeter", "FSBP S3.6"),
    remediation="Name the actions that the other account needs, without those on policies and deletion.",
    url="https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-6",
    options=account_option("that may administer resources") | organization_option(),
)
def administration(resource: Resource, options: Options) -> Verdicts:
    """Refuse policies that let another account change the grants of a resource, weaken it or delete it.

    The stack's own account is the allowed one of the provider. Without it, nobody knows which are others. An
    ID of a user or role, or a canonical user ID, does not tell its account, and counts as another one.
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
        others = _other_principals(statement, allowed, options["organizations"]) if action else []
        if others and not statement.narrowed_by(_LIMITS):
            remedy = f"leave out {action}, name a principal of {' or '.join(allowed)}, {LISTED}"
            yield disallowed(statement.named, remedy)

    if allowed:
        yield from check_each_statement(resource[name], check)


ACCOUNTS = dict.fromkeys(part_types("ReplicationConfig"), ("rules.destination.account",)) | {
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": ("destinationArn",),
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission": (
        "accountId",
        "organizationArn",
        "organizationalUnitArn",
    ),
    "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission": ("accountId",),
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": (
        "replicationConfiguration.rules.destinations.registryId",
    ),
    "aws:imagebuilder/distributionConfiguration:DistributionConfiguration": tuple(
        f"distributions.amiDistributionConfiguration.{name}"
        for name in (
            "launchPermission.organizationArns",
            "launchPermission.organizationalUnitArns",
            "launchPermission.userIds",
            "targetAccountIds",
        )
    ),
    "aws:kms/grant:Grant": ("granteePrincipal",),
    "aws:oam/link:Link": ("sinkIdentifier",),
    "aws:ram/principalAssociation:PrincipalAssociation": ("principal",),
    "aws:ram/resourceShareAssociationsExclusive:ResourceShareAssociationsExclusive": ("principals",),
    "aws:rds/clusterSnapshot:ClusterSnapshot": ("sharedAccounts",),
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": ("sharedAccounts",),
    "aws:rds/snapshot:Snapshot": ("sharedAccounts",),
    "aws:rds/snapshotCopy:SnapshotCopy": ("sharedAccounts",),
    "aws:redshift/dataShareAuthorization:DataShareAuthorization": ("consumerIdentifier",),
    "aws:redshift/endpointAuthorization:EndpointAuthorization": ("account",),
    BUCKETS[0]: ("replicationConfiguration.rules.destination.accountId",),
    BUCKETS[1]: ("replicationConfigurations.rules.destinations.accountId",),
    "aws:ssm/document:Document": ("permissions.account_ids",),
}
"""The types that name an account or an organization that gets data, or the use of a key or of a resource, and
the paths of its number or ARN. Numbers of a document for Systems Manager are separated by commas.

Sources: pulumi-aws 7. The bucket of a replication tells no account, so that only `account` is judged, with
which the replicas belong to that account."""

LOGS = "aws:cloudwatch/logAccountPolicy:LogAccountPolicy"
"""The type that sends the logs of all groups of an account to a destination, which its document names."""

DATADOG = ("464622532012", "417141415827", "412381753143")
"""The accounts from which Datadog reads metrics (Datadog: AWS manual setup guide)."""

_CALLERS = re.compile(r"aws:principal(account|arn)|kms:calleraccount")
"""Condition keys with the account or the ARN of the caller."""

_MEMBERS = re.compile(r"aws:((principal|vpce)org(id|paths)|vpceaccount)")
"""Condition keys with the organization of the caller, or the owner of the caller's VPC endpoint."""


_OWN_ACCOUNT, _OWN_ORGANIZATION = "${aws:resourceaccount}", "${aws:resourceorgid}"
"""Variables with the account and the organization of the resource (IAM User Guide,
reference_policies_condition-keys, properties of the resource). One with a default value is another text."""

_UNIQUE_ID = re.compile(r"A(?:ID|RO)A[A-Z0-9]+")
"""The ID of a user or role, which a policy names in place of its ARN (IAM User Guide,
reference_identifiers, unique IDs)."""


@IAM.rule(
    "trusted-other-account",
    types=(ROLE, LOGS, *ACCOUNTS),
    severity=Severity.HIGH,
    controls=("AWS: data perimeter",),
    remediation=(
        "Name a principal of the stack's own account, its account in the option `accounts`, or a condition "
        "on an organization in the option `organizations`."
    ),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html",
    options=account_option("that may assume roles or get data; by default, those of Datadog", DATADOG)
    | organization_option(),
)
def trusted(resource: Resource, options: Options) -> Verdicts:
    """Refuse roles, grants, snapshots, images, replicas, shares and logs for accounts other than the stack's.

    The stack's own account is the allowed one of the provider. For a role, a condition on an organization of
    the option is enough. An ID of a user or role does not tell its account, and counts as another one.
    """
    organizations = options["organizations"]
    own, allowed = own_accounts(resource), accepted_accounts(resource, options)
    remedy = f"name a principal of {' or '.join(own) or 'aws:allowedAccountIds'}, {LISTED}"

    def check_trust(statement: Statement) -> Verdicts:
        if statement.allows and _other_principals(statement, allowed, organizations):
            yield disallowed(statement.named, remedy)

    def check_account(value: Value) -> Verdicts:
        for name in (value.text() or "").split(","):
            account, organization = _account(name.strip()), _organization(name)
            if account and account not in allowed and organization not in organizations:
                yield disallowed(value, remedy)
                return

    if resource.type == ROLE:
        yield from check_each_statement(resource["assumeRolePolicy"], check_trust)
    else:
        yield from check_each(_named(resource), check_account)


def _named(resource: Resource) -> Iterator[Value]:
    """Yield the accounts or ARNs that a resource names."""
    if resource.type == LOGS:
        yield resource["policyDocument"].json()["DestinationArn"]
    else:
        for path in ACCOUNTS[resource.type]:
            yield from reached(resource.props, path)


def _other_principals(
    statement: Statement, allowed: Sequence[str], organizations: Sequence[str]
) -> list[str]:
    """Return the principals of a statement, or their accounts and organizations, that are not allowed.

    In a statement for everybody, conditions name the principals. One with allowed ones only is enough, since
    all conditions have to be met. With an option, the organization of the resource is an allowed one.
    """
    members = [
        [value.partition("/")[0] for value in item.values]
        for item in statement.conditions
        if item.narrows and _MEMBERS.fullmatch(item.key)
    ]
    own = [_OWN_ACCOUNT, *([_OWN_ORGANIZATION] if organizations else ())]
    if any(
        all(value in (*allowed, *organizations) or value.lower() in own for value in values)
        for values in members
    ):
        return []
    others = [
        name
        for kind, name in statement.principals
        if kind == "CanonicalUser" or (kind == "AWS" and _is_other(name, allowed))
    ]
    if statement.everybody:
        conditions = [item for item in statement.conditions if item.narrows and _CALLERS.fullmatch(item.key)]
        named = [[_account(value) for value in item.values] for item in conditions]
        if not any({*values} <= {*allowed} for values in named):
            names = [name for name in chain.from_iterable([*named, *members]) if name]
            others += [name for name in names if name not in (*allowed, *organizations)]
    return others


def _is_other(principal: str, allowed: Sequence[str]) -> bool:
    account = _account(principal)
    return account not in allowed if account else bool(_UNIQUE_ID.fullmatch(principal))


def _organization(arn: str) -> str:
    """Return the organization that an ARN of it or of one of its units names; an empty string if none.

    The account in such an ARN manages the organization (Service Authorization Reference, AWS Organizations).
    """
    _, _, service, _, _, resource = (*arn.split(":", 5), *[""] * 6)[:6]
    return (*resource.split("/"), "")[1] if service == "organizations" else ""


def _account(principal: str) -> str | None:
    """Return the account of a principal; None for everybody, and for users of services such as CloudFront."""
    account = (*principal.split(":"), "", "", "", "")[4] if principal.startswith("arn:") else principal
    return account if re.fullmatch(r"\d{12}", account) else None
