"""Replication of a bucket to a second region."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.bucket import HardenedBucket
from components.common.iam_documents import Statement, allow, document, service_trust
from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class ReplicationArgs:
    """Arguments of the replication from one hardened bucket to another."""

    source: HardenedBucket
    target: HardenedBucket
    target_region: str
    naming: Naming
    role: str
    """Name of the role that S3 assumes."""
    boundary: str | None
    """ARN of the role's permissions boundary; None if an administrator applies the program."""


def replicate(name: str, args: ReplicationArgs, opts: pulumi.ResourceOptions) -> None:
    """Replicate every new object to the target, encrypted with the target's key.

    Deletions are not replicated, so a deletion in the source by accident or attack does not affect the copy.
    The target's own lifecycle configuration removes expired objects.
    """
    source, target = args.source, args.target
    role = aws.iam.Role(
        name,
        name=args.role,
        description=f"Copies {name} to {args.target_region}",
        assume_role_policy=service_trust("s3.amazonaws.com", None),
        permissions_boundary=args.boundary,
        tags={**args.naming.aws(), "Name": args.role},
        opts=opts,
    )
    policy = aws.iam.RolePolicy(name, role=role.name, policy=document(*_copy_statements(args)), opts=opts)
    aws.s3.BucketReplicationConfig(
        name,
        bucket=source.bucket.id,
        role=role.arn,
        rules=[
            {
                "id": "all",
                "status": "Enabled",
                "priority": 1,
                "filter": {"prefix": ""},
                "delete_marker_replication": {"status": "Disabled"},
                # Without this, S3 silently skips objects that are encrypted with KMS, as all objects here
                # are.
                "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                "destination": {
                    "bucket": target.bucket.arn,
                    "storage_class": "STANDARD_IA",
                    "encryption_configuration": {"replica_kms_key_id": target.key.arn},
                },
            }
        ],
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=[source.versioning, target.versioning, policy])
        ),
    )


def _copy_statements(args: ReplicationArgs) -> list[Statement]:
    """Return the permissions to replicate encrypted, locked objects (S3, live replication)."""
    source, target = args.source, args.target
    objects = pulumi.Output.concat(source.bucket.arn, "/*")
    return [
        allow("ReadRules", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source.bucket.arn]),
        allow(
            "ReadVersions",
            [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
                "s3:GetObjectRetention",
                "s3:GetObjectLegalHold",
            ],
            [objects],
        ),
        allow(
            "WriteCopies",
            ["s3:ReplicateObject", "s3:ReplicateTags"],
            [pulumi.Output.concat(target.bucket.arn, "/*")],
        ),
        allow(
            "Decrypt",
            ["kms:Decrypt"],
            [source.key.arn],
            {"StringEquals": {"kms:ViaService": f"s3.{args.naming.region}.amazonaws.com"}},
        ),
        allow(
            "Encrypt",
            ["kms:Encrypt", "kms:GenerateDataKey"],
            [target.key.arn],
            {"StringEquals": {"kms:ViaService": f"s3.{args.target_region}.amazonaws.com"}},
        ),
    ]
