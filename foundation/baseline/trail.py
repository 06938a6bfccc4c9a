"""The CloudTrail trail of an account, and its locked bucket with a copy in a second region."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.aws.bucket import BucketArgs, arn_of, hardened_bucket
from components.common.iam_documents import Condition, Statement
from components.common.naming import Naming
from foundation.bucket_copy import BucketCopyArgs, declare_bucket_copy
from foundation.settings.models.baseline import Trail as TrailSettings

SERVICE = {"Service": "cloudtrail.amazonaws.com"}
"""The service principal of CloudTrail, which writes the records."""


@dataclass(frozen=True, kw_only=True)
class TrailArgs:
    """Arguments of Trail."""

    settings: TrailSettings
    copy_region: str
    """Region of the copy."""
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the bucket, its copy and their keys."""


class Trail(pulumi.ComponentResource):
    """A trail of the management events in all regions, with signed digests, encrypted, in a locked bucket."""

    arn: str
    """ARN of the trail, derived from its name: arn:aws:cloudtrail:<region>:<account>:trail/pipe-trail."""
    bucket: str
    """Name of the bucket: pipe-trail-<account>."""

    def __init__(self, name: str, args: TrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:account:Trail", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        trail_name = f"{naming.service}-trail"
        self.arn = f"arn:aws:cloudtrail:{naming.region}:{naming.account}:trail/{trail_name}"
        self.bucket = f"{trail_name}-{naming.account}"
        main_args = BucketArgs(
            bucket=self.bucket,
            alias=trail_name,
            naming=naming,
            rules=[
                {
                    "id": "records",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": settings.retention_days},
                }
            ],
            lock_days=settings.lock_days,
            lock_mode=settings.lock_mode,
            protect=args.protect,
            key_statements=use_key(self.arn, naming),
            write_statements=deliver(self.arn, self.bucket, naming),
        )
        main = hardened_bucket(name, main_args, child)
        copy_args = replace(
            main_args,
            bucket=f"{self.bucket}-copy",
            alias=f"{trail_name}-copy",
            key_statements=(),
            write_statements=None,
        )
        declare_bucket_copy(
            name,
            BucketCopyArgs(
                source=main,
                source_args=main_args,
                copy_args=copy_args,
                region=args.copy_region,
                role=f"{trail_name}-replication",
            ),
            self,
        )
        aws.cloudtrail.Trail(
            name,
            name=trail_name,
            s3_bucket_name=main.bucket.bucket,
            kms_key_id=main.key.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            tags={**naming.aws(), "Name": trail_name},
            # CloudTrail checks the bucket's policy, which hardened_bucket sets before the versioning.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[main.versioning]),
        )
        self.register_outputs({"bucket": self.bucket})


def use_key(trail_arn: str, naming: Naming) -> Sequence[Statement]:
    """Return key policy statements that admit only this trail (CloudTrail user guide, KMS key policies)."""
    own = _from(trail_arn)
    context = {
        "StringLike": {
            "kms:EncryptionContext:aws:cloudtrail:arn": f"arn:aws:cloudtrail:*:{naming.account}:trail/*"
        }
    }
    common = {"Effect": "Allow", "Principal": SERVICE, "Resource": "*"}
    return [
        {**common, "Sid": "TrailEncrypts", "Action": "kms:GenerateDataKey*", "Condition": {**own, **context}},
        # The bucket uses S3 bucket keys, for which CloudTrail also needs kms:Decrypt.
        {
            **common,
            "Sid": "TrailReadsKey",
            "Action": ["kms:Decrypt", "kms:DescribeKey"],
            "Condition": own,
        },
    ]


def deliver(trail_arn: str, bucket: str, naming: Naming) -> Sequence[Statement]:
    """Return bucket policy statements that admit this trail only (CloudTrail guide, S3 bucket policy)."""
    own = _from(trail_arn)
    common = {"Effect": "Allow", "Principal": SERVICE}
    return [
        {
            **common,
            "Sid": "TrailChecksBucket",
            "Action": "s3:GetBucketAcl",
            "Resource": arn_of(bucket),
            "Condition": own,
        },
        {
            **common,
            "Sid": "TrailWrites",
            "Action": "s3:PutObject",
            "Resource": f"{arn_of(bucket)}/AWSLogs/{naming.account}/*",
            "Condition": {
                "StringEquals": {**own["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}
            },
        },
    ]


def _from(trail_arn: str) -> Condition:
    return {"StringEquals": {"aws:SourceArn": trail_arn}}
