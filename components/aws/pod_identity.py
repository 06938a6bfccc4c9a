"""What pods may do in AWS: roles for service accounts, handed out by EKS Pod Identity."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import allow, document
from components.common.naming import Labels

BACKUP_ACCOUNT = "pipe-backup"
"""The service account of the job that dumps the database."""

RESTORE_ACCOUNT = "pipe-restore"
"""The service account of the job that brings a dump back."""

API_ACCOUNT = "pipe-api"
"""The service account of the API."""

BACKUP_OBJECTS = ("dumps/*", "latest.dump")
"""The keys that the backup job reads and writes, and the restore reads."""


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What an Identity needs to know."""

    labels: Labels
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    namespace: pulumi.Input[str]
    """Where the service accounts are."""
    bucket_arn: pulumi.Input[str]
    """The backup bucket."""
    key_arn: pulumi.Input[str]
    """The KMS key that encrypts its objects."""


class Identity(pulumi.ComponentResource):
    """One role a service account; the API's has no policy until it needs one."""

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:identity:Identity", name, None, opts)
        dumps = [pulumi.Output.concat(args.bucket_arn, "/", key) for key in BACKUP_OBJECTS]
        through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{args.labels.region}.amazonaws.com"}}
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

    def _pod_role(self, name: str, role_name: str, service_account: str, args: IdentityArgs) -> aws.iam.Role:
        """A role that pods of one service account, in one namespace of one cluster, may assume."""
        child, labels = pulumi.ResourceOptions(parent=self), args.labels
        trust = document(
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                # The service tags its sessions with who the pod is.
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:SourceAccount": labels.account,
                        "aws:RequestTag/kubernetes-namespace": args.namespace,
                        "aws:RequestTag/kubernetes-service-account": service_account,
                    },
                    "ArnEquals": {"aws:SourceArn": args.cluster_arn},
                },
            }
        )
        role = aws.iam.Role(
            name,
            name=labels.name(role_name),
            description=f"Pods of the service account {service_account}",
            assume_role_policy=trust,
            permissions_boundary=labels.boundary_arn(),
            tags=labels.aws(role_name),
            opts=child,
        )
        aws.eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=service_account,
            role_arn=role.arn,
            tags=labels.aws(role_name),
            opts=child,
        )
        return role
