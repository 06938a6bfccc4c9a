"""Roles of the API's pods and of the jobs that work on the database and on its dumps."""

from collections.abc import Iterator, Sequence

from components.common import connections
from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope
from foundation.service_roles.role import ServiceRole
from foundation.service_roles.statements import databases, key_condition, service_trust

BACKUP_OBJECTS = ("dumps/*", "latest.dump")
"""Object keys that the backup job reads and writes, and that the restore job reads."""


def pod_roles(scope: Scope) -> Iterator[ServiceRole]:
    """Yield a role per service account; the API's role has no policy, since the API calls no AWS service."""
    naming, bucket = scope.naming, f"arn:aws:s3:::{scope.buckets[0]}"
    keys = scope.named("kms", "key/*")
    dumps = [f"{bucket}/{key}" for key in BACKUP_OBJECTS]
    through_s3 = key_condition(naming.name("backups"), "s3", naming.region)
    master_password = [
        # RDS names the secret itself and tags it with the instance's ARN (RDS user guide: password
        # management with Secrets Manager).
        allow(
            "ReadMasterPassword",
            ["secretsmanager:GetSecretValue"],
            scope.named("secretsmanager", "secret:rds!db-*"),
            {"StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": databases(scope)}},
        ),
        allow(
            "UseKeyThroughSecretsManager",
            ["kms:Decrypt"],
            keys,
            key_condition(naming.name("db"), "secretsmanager", naming.region),
        ),
    ]
    yield _pod_role(scope, "api", connections.API)
    yield _pod_role(scope, "database-roles", connections.DATABASE_ROLES, master_password)
    yield _pod_role(
        scope,
        "backup",
        connections.BACKUP,
        [
            allow("ReadAndWriteDumps", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], dumps),
            allow("UseKeyThroughS3", ["kms:Decrypt", "kms:GenerateDataKey"], keys, through_s3),
        ],
    )
    yield _pod_role(
        scope,
        "restore",
        connections.RESTORE,
        [
            allow("ReadDumps", ["s3:GetObject"], dumps),
            allow("FindDumps", ["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": BACKUP_OBJECTS[0]}}),
            allow("UseKeyThroughS3", ["kms:Decrypt"], keys, through_s3),
            *master_password,
        ],
    )


def _pod_role(
    scope: Scope, name: str, pods: connections.Pods, statements: Sequence[Statement] = ()
) -> ServiceRole:
    """Return a role for the pods of one service account, in one namespace of one cluster."""
    naming = scope.naming
    trust = service_trust(
        "pods.eks.amazonaws.com",
        naming.account,
        scope.named("eks", "cluster/{}"),
        # EKS tags its sessions with the pod's cluster, namespace and service account.
        ("sts:AssumeRole", "sts:TagSession"),
        {
            "aws:RequestTag/kubernetes-namespace": scope.namespace,
            "aws:RequestTag/kubernetes-service-account": pods.app,
        },
    )
    return ServiceRole(
        name=naming.name(name),
        description=f"Pods of the service account {pods.app}",
        trust=trust,
        statements=statements,
    )
