"""The actions that a request needs, with the ARNs and condition keys on which IAM decides.

Besides its own action, a request may need others: to tag what it creates, to pass a role to a service, and
those that a service performs on behalf of the caller. Source: Service Authorization Reference, dependent
actions; the functions name further sources.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.clouds.aws.authorization.actions import PASSED_ROLES, action_of, tagging_action
from sandbox.clouds.aws.authorization.callers import find_role
from sandbox.clouds.aws.authorization.resources import arn_start, fill, key_path, resources_of, values_at
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.aws.tags import tags_in

CREATIONS = ("Allocate", "Authorize", "Create", "Put", "Restore")
"""The first words of operations that can tag what they create."""

TAGGED = {
    "eks:CreateAccessEntry": "access-entry/{clusterName}/{principal:principalArn}/*",
    "eks:CreateAddon": "addon/{clusterName}/{addonName}/*",
    "eks:CreateCluster": "cluster/{name}",
    "eks:CreatePodIdentityAssociation": "podidentityassociation/{clusterName}/*",
    # "At a minimum, the permission must cover all KMS keys in the account and Region" (KMS developer guide,
    # managing tags with API operations).
    "kms:CreateKey": "key/*",
    "logs:CreateLogGroup": "log-group:{logGroupName}",
    "rds:CreateDBInstance": "db:{DBInstanceIdentifier}",
    "rds:CreateDBSnapshot": "snapshot:{DBSnapshotIdentifier}",
    "rds:RestoreDBInstanceFromDBSnapshot": "db:{DBInstanceIdentifier}",
    "rds:RestoreDBInstanceToPointInTime": "db:{TargetDBInstanceIdentifier}",
}
"""The ARN of the new resource, if it is not the one on which the operation's own action is decided."""


@dataclass(frozen=True)
class Need:
    """An action that the caller must be allowed to perform on a resource."""

    action: str
    resource: str
    """An ARN, or `*`."""
    context: Mapping[str, str] = field(default_factory=dict[str, str])
    """The condition keys that only this action has, in lower case."""


def needs_of(request: AwsRequest) -> Iterator[Need]:
    """Yield everything that a request needs, its own action first.

    Raise KeyError for an operation that resources.TEMPLATES lacks.
    """
    operation = f"{request.service}:{request.action}"
    resources = resources_of(request)
    for resource in resources:
        yield Need(action_of(request.service, request.action), resource)
    yield from _tagging(request, operation, resources)
    for path, service in PASSED_ROLES.get(operation, {}).items():
        for role in values_at(request.params, path):
            yield Need("iam:PassRole", role, {"iam:passedtoservice": service})
    if further := FURTHER.get(operation):
        yield from further(request)


def _tagging(request: AwsRequest, operation: str, resources: list[str]) -> Iterator[Need]:
    action = tagging_action(request.service, request.action)
    if not action or action == operation or not request.action.startswith(CREATIONS):
        return
    if request.service == "ec2":
        for kind in values_at(request.params, "TagSpecifications.ResourceType"):
            yield Need(action, f"{arn_start(request)}{kind}/*", {"ec2:createaction": request.action})
    elif any(tags_in(request.params)):
        template = TAGGED.get(operation)
        for resource in fill(request, template) if template else resources[:1]:
            yield Need(action, resource)


def _key(request: AwsRequest, key: str) -> str:
    path = key_path(request, key)
    return path if path.startswith("arn:") else f"arn:aws:kms:{request.region}:{request.account}:{path}"


def _through(request: AwsRequest, service: str) -> Mapping[str, str]:
    """Return the condition keys of a request to KMS that a service sends on behalf of the caller."""
    return {
        "kms:viaservice": f"{service}.{request.region}.amazonaws.com",
        "kms:grantisforawsresource": "true",
        "aws:viaawsservice": "true",
    }


def _linked_role(request: AwsRequest, service: str, name: str) -> Iterator[Need]:
    """Yield the creation of a service-linked role that the account does not have yet."""
    arn = f"arn:aws:iam::{request.account}:role/aws-service-role/{service}/{name}"
    if find_role(arn) is None:
        yield Need("iam:CreateServiceLinkedRole", arn, {"iam:awsservicename": service})


def _cluster(request: AwsRequest) -> Iterator[Need]:
    # EKS user guide, "Using service-linked roles for Amazon EKS"; for the key: "Enable KMS encryption".
    yield from _linked_role(request, "eks.amazonaws.com", "AWSServiceRoleForAmazonEKS")
    for key in values_at(request.params, "encryptionConfig.provider.keyArn"):
        for action in ("kms:DescribeKey", "kms:CreateGrant"):
            yield Need(action, _key(request, key))


def _access_entry(request: AwsRequest) -> Iterator[Need]:
    # Service Authorization Reference, API operations defined by EKS: iam:PassRole to ec2.amazonaws.com, which
    # concerns the entries of nodes.
    if request.params.get("type", "STANDARD").startswith("EC2"):
        yield Need(
            "iam:PassRole", request.params["principalArn"], {"iam:passedtoservice": "ec2.amazonaws.com"}
        )


def _database(request: AwsRequest) -> Iterator[Need]:
    # RDS user guide, "Using service-linked roles for Amazon RDS", and password management with Secrets
    # Manager, "Permissions required for Secrets Manager integration".
    params = request.params
    if request.action != "ModifyDBInstance":
        yield from _linked_role(request, "rds.amazonaws.com", "AWSServiceRoleForRDS")
    for name in ("KmsKeyId", "PerformanceInsightsKMSKeyId"):
        for key in values_at(params, name):
            for action in ("kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"):
                yield Need(action, _key(request, key), _through(request, "rds"))
    secret = f"arn:aws:secretsmanager:{request.region}:{request.account}:secret:rds!db-*"
    if params.get("ManageMasterUserPassword"):
        for action in ("secretsmanager:CreateSecret", "secretsmanager:TagResource"):
            yield Need(action, secret, {"aws:viaawsservice": "true"})
        for key in values_at(params, "MasterUserSecretKmsKeyId"):
            yield Need("kms:DescribeKey", _key(request, key), _through(request, "rds"))
            for action in ("kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"):
                yield Need(action, _key(request, key), _through(request, "secretsmanager"))
    if params.get("RotateMasterUserPassword"):
        # Secrets Manager gives the secret of a database this tag (RDS user guide, password management).
        database = request.arn(f"db:{params['DBInstanceIdentifier']}")
        yield Need(
            "secretsmanager:RotateSecret",
            secret,
            {"aws:viaawsservice": "true", "aws:resourcetag/aws:rds:primarydbinstancearn": database},
        )


def _database_end(request: AwsRequest) -> Iterator[Need]:
    # A final snapshot needs rds:CreateDBSnapshot, and its tags rds:AddTagsToResource.
    for name in values_at(request.params, "FinalDBSnapshotIdentifier"):
        snapshot = request.arn(f"snapshot:{name}")
        database = request.arn(f"db:{request.params['DBInstanceIdentifier']}")
        yield Need("rds:CreateDBSnapshot", database)
        yield Need("rds:CreateDBSnapshot", snapshot)
        yield Need("rds:AddTagsToResource", snapshot)


def _flow_logs(request: AwsRequest) -> Iterator[Need]:
    # VPC user guide, "Required IAM policy for principals that publish flow logs to Amazon S3".
    if request.params.get("LogDestinationType") == "s3":
        yield Need("logs:CreateLogDelivery", "*")


def _flow_logs_end(request: AwsRequest) -> Iterator[Need]:
    yield Need("logs:DeleteLogDelivery", "*")


def _endpoint(request: AwsRequest) -> Iterator[Need]:
    params = request.params
    if params.get("VpcEndpointType") == "Interface" and params.get("PrivateDnsEnabled"):
        yield Need("route53:AssociateVPCWithHostedZone", "*")


def _project(request: AwsRequest) -> Iterator[Need]:
    # codeconnections:PassConnection: "pass a connection resource to an AWS service that accepts a Connection
    # ARN as input" (Service Authorization Reference).
    for connection in values_at(request.params, "source.auth.resource"):
        if ":connection/" in connection:
            yield Need("codeconnections:PassConnection", connection)


def _new_key(request: AwsRequest) -> Iterator[Need]:
    if request.params.get("Policy"):
        yield Need("kms:PutKeyPolicy", f"{arn_start(request)}key/*")


FURTHER: Mapping[str, Callable[[AwsRequest], Iterator[Need]]] = {
    "codebuild:CreateProject": _project,
    "codebuild:UpdateProject": _project,
    "ec2:CreateFlowLogs": _flow_logs,
    "ec2:CreateVpcEndpoint": _endpoint,
    "ec2:DeleteFlowLogs": _flow_logs_end,
    "eks:CreateAccessEntry": _access_entry,
    "eks:CreateCluster": _cluster,
    "kms:CreateKey": _new_key,
    "rds:CreateDBInstance": _database,
    "rds:DeleteDBInstance": _database_end,
    "rds:ModifyDBInstance": _database,
    "rds:RestoreDBInstanceFromDBSnapshot": _database,
    "rds:RestoreDBInstanceToPointInTime": _database,
}
"""The functions that yield the further needs of an operation."""
