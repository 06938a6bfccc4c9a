"""S3: buckets are private, encrypted, versioned, logged, and cleared of what nobody needs."""

from pulumi_policy import EnforcementLevel, Severity

from policies.documents import Statement, statements
from policies.rule import Finding, Options, Resource, Rule, Topic, Verdicts, each, unwanted, wrong
from policies.rules.buckets import BUCKETS, Bucket, each_bucket, part_types
from policies.unknowns import Value

S3 = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "s3"),
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
)


def _said(value: Value, bucket: Bucket, wanted: str) -> Finding:
    return bucket.resource.blame(wrong(value, wanted))


@S3.stack_rule(
    "s3-logging-missing",
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_18", "FSBP S3.9"),
    remediation="Add an aws.s3.BucketLogging with another bucket as its target.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html",
)
@each_bucket
def logging(bucket: Bucket) -> Verdicts:
    """Every bucket that takes no logs itself logs who reads and writes it."""
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
    """Every bucket says how it encrypts its objects."""
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
    """Every bucket that takes no logs is encrypted with a KMS key."""
    for value in _algorithms(bucket):
        if not bucket.logs and value.text() not in ("aws:kms", "aws:kms:dsse"):
            yield _said(value, bucket, "'aws:kms'")


@S3.stack_rule(
    "s3-versioning-off",
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_21", "FSBP S3.14"),
    remediation="Add an aws.s3.BucketVersioning with status Enabled.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",
)
@each_bucket
def versioning(bucket: Bucket) -> Verdicts:
    """Every bucket keeps the versions that are overwritten or deleted."""
    values = bucket.values("Versioning", "versioningConfiguration.status", "")
    own = bucket.resource.at("versioning.enabled")
    if not own.absent:
        if own.flag() is not True:
            yield _said(own, bucket, "true")
    elif not values:
        yield from bucket.missing("Versioning", "versioning", "add an aws.s3.BucketVersioning")
    for value in values:
        if value.text() != "Enabled":
            yield _said(value, bucket, "'Enabled'")


@S3.stack_rule(
    "s3-public-access-block-missing",
    severity=Severity.HIGH,
    controls=("CKV2_AWS_6", "FSBP S3.8"),
    remediation="Add an aws.s3.BucketPublicAccessBlock with all four settings true.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
)
@each_bucket
def public_access_block(bucket: Bucket) -> Verdicts:
    """Every bucket has a public access block of its own."""
    if not bucket.parts.get("PublicAccessBlock"):
        yield from bucket.missing(
            "PublicAccessBlock", "a public access block", "add an aws.s3.BucketPublicAccessBlock"
        )


def _block_rule(name: str, setting: str, control: str, description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        if resource[setting].flag() is not True:  # absent: false
            yield wrong(resource[setting], "true")

    check.__doc__ = description
    return S3.rule(
        f"s3-{name}",
        types=("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",),
        severity=Severity.HIGH,
        controls=(control, "FSBP S3.8"),
        remediation=f"Set {setting} to true.",
        url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    )(check)


public_acls = _block_rule(
    "public-acls-accepted", "blockPublicAcls", "CKV_AWS_53", "A bucket refuses new public ACLs."
)
public_policy = _block_rule(
    "public-policy-accepted", "blockPublicPolicy", "CKV_AWS_54", "A bucket refuses public policies."
)
ignored_acls = _block_rule(
    "public-acls-honoured", "ignorePublicAcls", "CKV_AWS_55", "A bucket ignores public ACLs that it has."
)
restricted = _block_rule(
    "public-buckets-unrestricted",
    "restrictPublicBuckets",
    "CKV_AWS_56",
    "A bucket with a public policy serves its own account only.",
)


def _acl_rule(
    name: str, values: tuple[str, ...], permissions: tuple[str, ...], control: str, what: str
) -> Rule:
    groups = ("/global/AllUsers", "/global/AuthenticatedUsers")

    def grant(value: Value) -> Verdicts:
        if value["permission"].text() in permissions:
            uri = value.at("grantee.uri")
            if (uri.text() or "").endswith(groups):
                yield unwanted(uri)

    def check(resource: Resource, _: Options) -> Verdicts:
        if resource["acl"].text() in values:
            yield wrong(resource["acl"], "'private'")
        grants = [*resource.at("accessControlPolicy.grants").items(), *resource["grants"].items()]
        yield from each(grants, grant)

    check.__doc__ = f"No ACL lets the world {what} a bucket."
    return S3.rule(
        f"s3-acl-public-{name}",
        types=(*BUCKETS, *part_types("Acl")),
        severity=Severity.CRITICAL,
        controls=(control, "FSBP S3.2" if name == "read" else "FSBP S3.3"),
        remediation="Set acl to private, or do without ACLs (object ownership BucketOwnerEnforced).",
        url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html",
    )(check)


acl_read = _acl_rule(
    "read",
    ("public-read", "public-read-write", "authenticated-read"),
    ("READ", "READ_ACP", "FULL_CONTROL"),
    "CKV_AWS_20",
    "read",
)
acl_write = _acl_rule(
    "write", ("public-read-write",), ("WRITE", "WRITE_ACP", "FULL_CONTROL"), "CKV_AWS_57", "write to"
)


@S3.stack_rule(
    "s3-acls-enabled",
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_65", "FSBP S3.12"),
    remediation="Add an aws.s3.BucketOwnershipControls with objectOwnership BucketOwnerEnforced.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",
)
@each_bucket
def acls_enabled(bucket: Bucket) -> Verdicts:
    """Only policies decide about a bucket: ACLs are switched off."""
    values = bucket.values("OwnershipControls", "rule.objectOwnership", "")
    # A bucket without ownership controls has ACLs off since April 2023.
    for value in values:
        if value.text() != "BucketOwnerEnforced":
            yield _said(value, bucket, "'BucketOwnerEnforced'")


_NARROW = (
    "aws:principalorgid",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:vpcsourceip",
)


def _narrows(found: Statement) -> bool:
    return any(
        condition.key in _NARROW
        and not condition.operator.endswith("IfExists")
        and "*" not in condition.values
        for condition in found.conditions
    )


@S3.rule(
    "s3-policy-any-principal",
    types=(*part_types("Policy"), *BUCKETS),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_70",),
    remediation="Name the principals, or narrow the statement by account, organization or network.",
    url=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-"
        "principal-intro.html"
    ),
)
def any_principal(resource: Resource, _: Options) -> Verdicts:
    """No bucket policy allows something to everybody."""
    for found in statements(resource["policy"]):
        if found.allows and found.everybody and not _narrows(found):
            yield unwanted(
                found.value["Principal"], "name the principals, or add a condition that narrows them"
            )


@S3.rule(
    "s3-policy-lockout",
    types=(*part_types("Policy"), *BUCKETS),
    severity=Severity.HIGH,
    controls=("CKV_AWS_93",),
    remediation="Add a condition, or name actions: such a policy shuts out even those who could mend it.",
)
def lockout(resource: Resource, _: Options) -> Verdicts:
    """No bucket policy denies everything to everybody."""
    for found in statements(resource["policy"]):
        denies = found.effect == "Deny" and found.everybody and found.covers("s3:PutBucketPolicy")
        if denies and not found.conditions and not found.inverted:
            yield unwanted(found.value["Action"], "add a condition to the denial")


@S3.stack_rule(
    "s3-policy-missing",
    severity=Severity.HIGH,
    controls=("FSBP S3.5",),
    remediation="Add an aws.s3.BucketPolicy that denies plain HTTP and TLS below 1.2.",
)
@each_bucket
def policy_missing(bucket: Bucket) -> Verdicts:
    """Every bucket has a policy, in which plain HTTP and old TLS are denied."""
    if not bucket.values("Policy", "policy", "policy"):
        yield from bucket.missing("Policy", "a policy", "add an aws.s3.BucketPolicy")


@S3.stack_rule(
    "s3-object-lock-missing",
    severity=Severity.LOW,
    controls=("CKV_AWS_143", "FSBP S3.15"),
    remediation="Set objectLockEnabled when the bucket is made, and add an ObjectLockConfiguration.",
    level=EnforcementLevel.ADVISORY,
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
)
@each_bucket
def object_lock(bucket: Bucket) -> Verdicts:
    """Every bucket that takes no logs can lock its objects against deletion."""
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
    """Every bucket that is neither a replica nor takes logs is replicated."""
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
    """Every bucket says how long it keeps what it holds."""
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
    """Every bucket with a lifecycle drops uploads that were never finished."""
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
