"""S3 rules: access logging, encryption, versioning, object lock, replication and lifecycle."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Verdicts,
)
from policies.engine.topics import S3
from policies.model.aws.buckets import Bucket, each_bucket
from policies.model.property_values import Value


@S3.stack_rule(
    "s3-logging-missing",
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_18", "FSBP S3.9"),
    remediation="Add an aws.s3.BucketLogging with another bucket as its target.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
)
@each_bucket
def logging(bucket: Bucket) -> Verdicts:
    """Require access logging for every bucket, except for buckets that receive logs."""
    if not bucket.logs and not bucket.values("Logging", "targetBucket", "loggings"):
        yield from bucket.missing("Logging", "access logging", "add an aws.s3.BucketLogging")


@S3.stack_rule(
    "s3-encryption-missing",
    severity=Severity.HIGH,
    controls=("CKV_AWS_19",),
    remediation="Add an aws.s3.BucketServerSideEncryptionConfiguration.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html",
)
@each_bucket
def encryption(bucket: Bucket) -> Verdicts:
    """Require an explicit encryption configuration for every bucket."""
    if not _algorithms(bucket):
        remedy = "add an aws.s3.BucketServerSideEncryptionConfiguration"
        yield from bucket.missing("ServerSideEncryptionConfiguration", "encryption", remedy)


def _algorithms(bucket: Bucket) -> list[Value]:
    part, inline = "ServerSideEncryptionConfiguration", "serverSideEncryptionConfiguration"
    own = bucket.resource.at(inline)
    rules = [rule for values in bucket.values(part, "rules", "") for rule in values.items()]
    rules += own["rules"].items() or ([own["rule"]] if own["rule"].entries() else [])
    return [rule.at("applyServerSideEncryptionByDefault.sseAlgorithm") for rule in rules]


@S3.stack_rule(
    "s3-encryption-without-kms",
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_145",),
    remediation="Set sseAlgorithm to aws:kms and name a key; a bucket of access logs can have AES256 only.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
)
@each_bucket
def kms(bucket: Bucket) -> Verdicts:
    """Require encryption with a KMS key for every bucket, except for buckets that receive logs."""
    for value in _algorithms(bucket):
        if not bucket.logs and value.text() not in ("aws:kms", "aws:kms:dsse"):
            yield bucket.expected(value, "'aws:kms'")


@S3.stack_rule(
    "s3-versioning-off",
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_21", "FSBP S3.14"),
    remediation="Add an aws.s3.BucketVersioning with status Enabled.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
)
@each_bucket
def versioning(bucket: Bucket) -> Verdicts:
    """Require versioning for every bucket."""
    values = bucket.values("Versioning", "versioningConfiguration.status", "")
    own = bucket.resource.at("versioning.enabled")
    if not own.absent:
        if own.flag() is not True:
            yield bucket.expected(own, "true")
    elif not values:
        yield from bucket.missing("Versioning", "versioning", "add an aws.s3.BucketVersioning")
    for value in values:
        if value.text() != "Enabled":
            yield bucket.expected(value, "'Enabled'")


@S3.stack_rule(
    "s3-object-lock-missing",
    severity=Severity.LOW,
    controls=("CKV_AWS_143", "FSBP S3.15"),
    remediation="Set objectLockEnabled when the bucket is created, and add an ObjectLockConfiguration.",
    level=EnforcementLevel.ADVISORY,
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
)
@each_bucket
def object_lock(bucket: Bucket) -> Verdicts:
    """Require object lock for every bucket, except for buckets that receive logs."""
    locks = bucket.values("ObjectLockConfiguration", "", "objectLockConfiguration")
    if not bucket.logs and not locks and bucket.resource["objectLockEnabled"].flag() is not True:
        yield from bucket.missing("ObjectLockConfiguration", "object lock", "set objectLockEnabled to true")


@S3.stack_rule(
    "s3-replication-missing",
    severity=Severity.LOW,
    controls=("CKV_AWS_144",),
    remediation="Add an aws.s3.BucketReplicationConfig to a bucket in another region.",
    level=EnforcementLevel.ADVISORY,
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html",
)
@each_bucket
def replication(bucket: Bucket) -> Verdicts:
    """Require replication for every bucket, except for replicas and for buckets that receive logs."""
    replicas = bucket.values("ReplicationConfig", "rules", "replicationConfiguration")
    if not (bucket.logs or bucket.replica or replicas):
        yield from bucket.missing("ReplicationConfig", "replication", "add an aws.s3.BucketReplicationConfig")


@S3.stack_rule(
    "s3-lifecycle-missing",
    severity=Severity.LOW,
    controls=("CKV2_AWS_61", "FSBP S3.13"),
    remediation="Add an aws.s3.BucketLifecycleConfiguration.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html",
)
@each_bucket
def lifecycle(bucket: Bucket) -> Verdicts:
    """Require a lifecycle configuration for every bucket."""
    if not _lifecycle(bucket):
        yield from bucket.missing(
            "LifecycleConfiguration", "a lifecycle", "add an aws.s3.BucketLifecycleConfiguration"
        )


def _lifecycle(bucket: Bucket) -> list[Value]:
    own = bucket.resource["lifecycleRules"].items()
    return own + [
        rule for rules in bucket.values("LifecycleConfiguration", "rules", "") for rule in rules.items()
    ]


@S3.stack_rule(
    "s3-incomplete-uploads-kept",
    severity=Severity.LOW,
    controls=("CKV_AWS_300",),
    remediation="Add abortIncompleteMultipartUpload to an enabled rule of the whole bucket.",
    url=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html"
    ),
)
@each_bucket
def incomplete_uploads(bucket: Bucket) -> Verdicts:
    """Require lifecycle configurations to abort incomplete multipart uploads."""
    rules = _lifecycle(bucket)
    if rules and not any(_aborts(rule) for rule in rules):
        yield from bucket.missing(
            "LifecycleConfiguration",
            "an end to incomplete uploads",
            "add abortIncompleteMultipartUpload to a lifecycle rule",
        )


def _aborts(rule: Value) -> bool:
    days = [
        rule.at("abortIncompleteMultipartUpload.daysAfterInitiation"),
        rule["abortIncompleteMultipartUploadDays"],
    ]
    on = rule["status"].text() == "Enabled" or rule["enabled"].flag() is True
    whole = not rule["prefix"].text() and not any(
        rule.at(f"filter.{name}").get() for name in ("prefix", "tag", "and")
    )
    return on and whole and any(value.number() for value in days)
