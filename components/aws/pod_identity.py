"""IAM roles of the pods' service accounts, assigned by EKS Pod Identity."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common import connections
from components.common.iam_documents import allow, document
from components.common.naming import Naming

BACKUP_ACCOUNT = connections.BACKUP.app
"""The service account of the job that dumps the database."""

RESTORE_ACCOUNT = connections.RESTORE.app
"""The service account of the job that restores a dump."""

API_ACCOUNT = connections.API.app
"""The service account of the API."""

BACKUP_OBJECTS = ("dumps/*", "latest.dump")
"""Object keys that the backup job reads and writes, and that the restore job reads."""


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """Arguments of PodIdentity."""

    naming: Naming
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    namespace: pulumi.Input[str]
    """Namespace of the service accounts."""
    bucket_arn: pulumi.Input[str]
    """ARN of the backup bucket."""
    key_arn: pulumi.Input[str]
    """ARN of the KMS key that encrypts the bucket's objects."""


class PodIdentity(pulumi.ComponentResource):
    """One role per service account; the API's role has no policy as long as the API uses no AWS service."""

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:identity:PodIdentity", name, None, opts)
        dumps = [pulumi.Output.concat(args.bucket_arn, "/", key) for key in BACKUP_OBJECTS]
        through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{args.naming.region}.amazonaws.com"}}
        backup = self._pod_role(f"{name}-backup", "backup", BACKUP_ACCOUNT, args)
        aws.iam.RolePolicy(
            f"{name}-backup",
            role=backup.name,
            policy=document(
                allow(
                    "ReadAndWriteDumps",
                    ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                    dumps,
                ),
                allow("UseKeyThroughS3", ["kms:Decrypt", "kms:GenerateDataKey"], [args.key_arn], through_s3),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        restore = self._pod_role(f"{name}-restore", "restore", RESTORE_ACCOUNT, args)
        aws.iam.RolePolicy(
            f"{name}-restore",
            role=restore.name,
            policy=document(
                allow("ReadDumps", ["s3:GetObject"], dumps),
                allow(
                    "FindDumps",
                    ["s3:ListBucket"],
                    [args.bucket_arn],
                    {"StringLike": {"s3:prefix": BACKUP_OBJECTS[0]}},
                ),
                allow("UseKeyThroughS3", ["kms:Decrypt"], [args.key_arn], through_s3),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._pod_role(f"{name}-api", "api", API_ACCOUNT, args)
        self.register_outputs({})

    def _pod_role(
        self, name: str, role_name: str, service_account: str, args: PodIdentityArgs
    ) -> aws.iam.Role:
        """Declare a role for the pods of one service account, in one namespace of one cluster."""
        child, naming = pulumi.ResourceOptions(parent=self), args.naming
        trust = document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                # EKS tags its sessions with the pod's cluster, namespace and service account.
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:SourceAccount": naming.account,
                        "aws:RequestTag/kubernetes-namespace": args.namespace,
                        "aws:RequestTag/kubernetes-service-account": service_account,
                    },
                    "ArnEquals": {"aws:SourceArn": args.cluster_arn},
                },
            }
        )
        role = aws.iam.Role(
            name,
            name=naming.name(role_name),
            description=f"Pods of the service account {service_account}",
            assume_role_policy=trust,
            permissions_boundary=naming.boundary_arn(),
            tags=naming.aws(role_name),
            opts=child,
        )
        aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=service_account,
            role_arn=role.arn,
            tags=naming.aws(role_name),
            opts=child,
        )
        return role
