"""Replication of a bucket to a second region."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.bucket import HardenedBucket


@dataclass(frozen=True, kw_only=True)
class ReplicationArgs:
    """Arguments of the replication from one hardened bucket to another."""

    source: HardenedBucket
    target: HardenedBucket
    role_arn: pulumi.Input[str]
    """ARN of the role that S3 assumes; foundation/service_roles/replication.py has its permissions."""


def replicate(name: str, args: ReplicationArgs, opts: pulumi.ResourceOptions) -> None:
    """Replicate every new object to the target, encrypted with the target's key.

    Deletions are not replicated, so a deletion in the source by accident or attack does not affect the copy.
    The target's own lifecycle configuration removes expired objects.
    """
    source, target = args.source, args.target
    aws.s3.BucketReplicationConfig(
        name,
        bucket=source.bucket.id,
        role=args.role_arn,
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
            opts, pulumi.ResourceOptions(depends_on=[source.versioning, target.versioning])
        ),
    )
