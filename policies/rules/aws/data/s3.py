"""S3 rules: access logging, encryption, versioning, object lock, replication and lifecycle."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Option, Options, Stack, Verdicts
from policies.engine.topics import S3
from policies.model.aws.buckets import (
    BUCKETS,
    Bucket,
    buckets,
    default_retentions,
    each_bucket,
    each_bucket_or_part,
    part_types,
)
from policies.model.checks import guarded
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
    if not bucket.logs and not bucket.values("Logging", "targetBucket", "logging", "loggings"):
        yield from bucket.missing("Logging", "access logging", "add an aws.s3.BucketLogging")


@S3.stack_rule(
    "s3-encryption-missing",
    severity=Severity.HIGH,
    controls=("CKV_AWS_19", "CKV_AWS_145"),
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
    values = bucket.values(
        "ServerSideEncryptionConfiguration",
        "",
        "serverSideEncryptionConfiguration",
        "serverSideEncryptionConfigurations",
    )
    rules = [rule for value in values for rule in (*value["rules"].items(), value["rule"])]
    # BucketV2 has a list of defaults in each rule.
    defaults = [
        default
        for rule in rules
        for default in (
            rule["applyServerSideEncryptionByDefault"],
            *rule["applyServerSideEncryptionByDefaults"].items(),
        )
    ]
    return [default["sseAlgorithm"] for default in defaults if not default.known or default.entries()]


@S3.stack_rule(
    "s3-encryption-without-kms",
    about=(*BUCKETS, *part_types("ServerSideEncryptionConfiguration")),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_145",),
    remediation="Set sseAlgorithm to aws:kms and name a key; a bucket of access logs can have AES256 only.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html",
)
@each_bucket_or_part
def kms(bucket: Bucket) -> Verdicts:
    """Require encryption with a KMS key for every bucket, except for buckets that receive logs."""
    for value in _algorithms(bucket):
        if not bucket.logs and value.text() not in ("aws:kms", "aws:kms:dsse"):
            yield bucket.expected(value, "'aws:kms'")


@S3.stack_rule(
    "s3-versioning-off",
    about=(*BUCKETS, *part_types("Versioning")),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_21", "Security Hub S3.14"),
    remediation="Add an aws.s3.BucketVersioning with status Enabled.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
)
@each_bucket_or_part
def versioning(bucket: Bucket) -> Verdicts:
    """Require versioning for every bucket."""
    own = [block["enabled"] for block in bucket.values("", "", "versioning", "versionings")]
    values = bucket.values("Versioning", "versioningConfiguration.status")
    for value in own:
        if value.flag() is not True:
            yield bucket.expected(value, "true")
    for value in values:
        if value.text() != "Enabled":
            yield bucket.expected(value, "'Enabled'")
    if not own and not values:
        yield from bucket.missing("Versioning", "versioning", "add an aws.s3.BucketVersioning")


@S3.stack_rule(
    "s3-object-lock-missing",
    severity=Severity.LOW,
    controls=("CKV_AWS_143", "Security Hub S3.15"),
    remediation="Set objectLockEnabled when the bucket is created, and add an ObjectLockConfiguration.",
    level=EnforcementLevel.ADVISORY,
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
    options={
        "minDays": Option(
            default=0,
            schema={
                "type": "integer",
                "minimum": 0,
                "description": (
                    "The minimum default retention in days; 0 also accepts buckets without one, in which "
                    "only objects with a retention of their own are locked."
                ),
            },
        )
    },
)
def object_lock(stack: Stack, options: Options) -> Verdicts:
    """Require object lock for every bucket, except for buckets that receive logs."""
    for bucket in buckets(stack):
        if not bucket.foreign and not bucket.logs:
            yield from guarded(_lock(bucket, options["minDays"]), bucket.resource.urn)


def _lock(bucket: Bucket, min_days: int) -> Verdicts:
    locks = bucket.values("ObjectLockConfiguration", "", "objectLockConfiguration")
    # Enabled is the only value that switches the lock on, and the default.
    enabled = any(lock["objectLockEnabled"].text() in (None, "Enabled") for lock in locks)
    if not enabled and bucket.resource["objectLockEnabled"].flag() is not True:
        yield from bucket.missing("ObjectLockConfiguration", "object lock", "set objectLockEnabled to true")
    elif min_days:
        retentions = default_retentions(bucket)
        for retention in retentions:
            if retention.days < min_days:
                yield bucket.expected(retention.period, f"{min_days} days or more")
        if not retentions:
            remedy = "add an aws.s3.BucketObjectLockConfiguration with a default retention"
            yield from bucket.missing("ObjectLockConfiguration", "a default retention", remedy)


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
    configurations = bucket.values(
        "ReplicationConfig", "", "replicationConfiguration", "replicationConfigurations"
    )
    enabled = any(
        rule["status"].text() == "Enabled" for value in configurations for rule in value["rules"].items()
    )
    if not (bucket.logs or bucket.replica or enabled):
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
    """Require a lifecycle configuration with an enabled rule for every bucket."""
    if not any(map(_is_on, _lifecycle(bucket))):
        yield from bucket.missing(
            "LifecycleConfiguration", "a lifecycle", "add an aws.s3.BucketLifecycleConfiguration"
        )


def _lifecycle(bucket: Bucket) -> list[Value]:
    own = bucket.values("", "", "lifecycleRules")
    return own + [
        rule for rules in bucket.values("LifecycleConfiguration", "rules") for rule in rules.items()
    ]


def _is_on(rule: Value) -> bool:
    return rule["status"].text() == "Enabled" or rule["enabled"].flag() is True


@S3.stack_rule(
    "s3-incomplete-uploads-kept",
    about=(*BUCKETS, *part_types("LifecycleConfiguration")),
    severity=Severity.LOW,
    controls=("CKV_AWS_300",),
    remediation="Add abortIncompleteMultipartUpload to an enabled rule of the whole bucket.",
    url=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html"
    ),
)
@each_bucket_or_part
def incomplete_uploads(bucket: Bucket) -> Verdicts:
    """Require lifecycle configurations to abort incomplete multipart uploads."""
    rules = _lifecycle(bucket)
    if rules and not any(_aborts(rule) for rule in rules):
        yield from bucket.missing(
            "LifecycleConfiguration",
            "a rule that aborts incomplete uploads",
            "add abortIncompleteMultipartUpload to a lifecycle rule",
        )


def _aborts(rule: Value) -> bool:
    days = [
        rule.at("abortIncompleteMultipartUpload.daysAfterInitiation"),
        rule["abortIncompleteMultipartUploadDays"],
    ]
    whole = not rule["prefix"].text() and not any(
        rule.at(f"filter.{name}").get() for name in ("prefix", "tag", "and")
    )
    return _is_on(rule) and whole and any(value.number() for value in days)
