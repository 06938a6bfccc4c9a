"""S3 access rules: public access blocks, ACLs and policies."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Rule,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import S3
from policies.model.aws.buckets import BUCKETS, Bucket, each_bucket, each_bucket_or_part, part_types
from policies.model.aws.iam_documents import Statement
from policies.model.checks import DEPUTIES, check_each_statement, must_be_true, open_to_everybody
from policies.model.property_values import Value


@S3.stack_rule(
    "s3-public-access-block-missing",
    severity=Severity.HIGH,
    controls=("CKV2_AWS_6", "FSBP S3.8"),
    remediation="Add an aws.s3.BucketPublicAccessBlock with all four settings true.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
)
@each_bucket
def public_access_block(bucket: Bucket) -> Verdicts:
    """Require a public access block for every bucket."""
    if not bucket.parts.get("PublicAccessBlock"):
        yield from bucket.missing(
            "PublicAccessBlock", "a public access block", "add an aws.s3.BucketPublicAccessBlock"
        )


ACCESS_POINT = "aws:s3/accessPoint:AccessPoint"
MULTI_REGION = "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint"
BLOCKS = {
    ACCESS_POINT: "publicAccessBlockConfiguration",
    MULTI_REGION: "details.publicAccessBlock",
}
"""The access points, with the property that contains the public access block. There, the default is true."""


def _block_rule(name: str, setting: str, controls: tuple[str, ...], description: str) -> Rule:
    def check(resource: Resource, _: Options) -> Verdicts:
        if resource.type not in BLOCKS:
            yield from must_be_true(resource[setting])  # absent: false
        elif (value := resource.at(BLOCKS[resource.type])[setting]).flag() is False:
            yield expected(value, "true")

    check.__doc__ = description
    return S3.rule(
        f"s3-{name}",
        types=("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", *BLOCKS),
        severity=Severity.HIGH,
        controls=(*controls, "FSBP S3.8"),
        remediation=f"Set {setting} to true.",
        url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    )(check)


public_acls = _block_rule(
    "public-acls-accepted",
    "blockPublicAcls",
    ("CKV_AWS_53", "CKV2_AWS_6"),
    "Require buckets and access points to refuse new public ACLs.",
)


public_policy = _block_rule(
    "public-policy-accepted",
    "blockPublicPolicy",
    ("CKV_AWS_54", "CKV2_AWS_6"),
    "Require buckets and access points to refuse public policies.",
)


ignored_acls = _block_rule(
    "public-acls-honoured",
    "ignorePublicAcls",
    ("CKV_AWS_55",),
    "Require buckets and access points to ignore existing public ACLs.",
)


restricted = _block_rule(
    "public-buckets-unrestricted",
    "restrictPublicBuckets",
    ("CKV_AWS_56",),
    "Require buckets and access points with a public policy to restrict access to their own account.",
)


OBJECTS = (
    "aws:s3/bucketObject:BucketObject",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/objectCopy:ObjectCopy",
)


def _acl_rule(
    name: str, values: tuple[str, ...], permissions: tuple[str, ...], control: str, verb: str
) -> Rule:
    groups = ("/global/AllUsers", "/global/AuthenticatedUsers")

    def grant(value: Value) -> Verdicts:
        # An ObjectCopy lists several permissions, and the address of the group beside them.
        if any(name in permissions for name in (*value["permission"].texts(), *value["permissions"].texts())):
            uri = value["uri"] if value["grantee"].absent else value.at("grantee.uri")
            if (uri.text() or "").endswith(groups):
                yield disallowed(uri)

    def check(resource: Resource, _: Options) -> Verdicts:
        if resource["acl"].text() in values:
            yield expected(resource["acl"], "'private'")
        grants = [*resource.at("accessControlPolicy.grants").items(), *resource["grants"].items()]
        yield from check_each(grants, grant)

    check.__doc__ = f"Refuse ACLs that let everybody {verb} a bucket or an object."
    return S3.rule(
        f"s3-acl-public-{name}",
        types=(*BUCKETS, *part_types("Acl"), *OBJECTS),
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
    about=(*BUCKETS, *part_types("OwnershipControls")),
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_65", "FSBP S3.12"),
    remediation="Add an aws.s3.BucketOwnershipControls with objectOwnership BucketOwnerEnforced.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html",
)
@each_bucket_or_part
def acls_enabled(bucket: Bucket) -> Verdicts:
    """Require buckets to disable ACLs, so that only policies grant access."""
    values = bucket.values("OwnershipControls", "rule.objectOwnership")
    # Since April 2023, ACLs are disabled on a new bucket without ownership controls.
    for value in values:
        if value.text() != "BucketOwnerEnforced":
            yield bucket.expected(value, "'BucketOwnerEnforced'")


POLICIES = dict.fromkeys((*part_types("Policy"), *BUCKETS, ACCESS_POINT), "policy") | {
    "aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": "policy",
    "aws:s3control/accessGrantsInstanceResourcePolicy:AccessGrantsInstanceResourcePolicy": "policy",
    "aws:s3control/accessPointPolicy:AccessPointPolicy": "policy",
    "aws:s3control/bucketPolicy:BucketPolicy": "policy",
    "aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy": "details.policy",
    "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": "policy",
    "aws:s3tables/tableBucketPolicy:TableBucketPolicy": "resourcePolicy",
    "aws:s3tables/tablePolicy:TablePolicy": "resourcePolicy",
}
"""The types with a policy that gives access to objects, and its property."""


@S3.rule(
    "s3-policy-any-principal",
    types=POLICIES,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_70",),
    remediation="Name the principals, or narrow the statement by account, organization or network.",
    url=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-"
        "principal-intro.html"
    ),
)
def any_principal(resource: Resource, _: Options) -> Verdicts:
    """Refuse policies of buckets, access points and tables that allow access to everybody, also through a
    service such as CloudFront, which reads for the distributions of every account.
    """
    remedy = "name the principals, or add a condition that narrows them"
    yield from open_to_everybody(resource.at(POLICIES[resource.type]), remedy, DEPUTIES)


@S3.rule(
    "s3-policy-lockout",
    types=(*part_types("Policy"), *BUCKETS),
    severity=Severity.HIGH,
    controls=("CKV_AWS_93",),
    remediation="Add a condition, or leave out s3:PutBucketPolicy; otherwise, nobody can correct the policy.",
)
def lockout(resource: Resource, _: Options) -> Verdicts:
    """Refuse bucket policies that unconditionally deny everybody the permission to change the policy."""
    yield from check_each_statement(resource["policy"], _locks_out)


def _locks_out(statement: Statement) -> Verdicts:
    denies = statement.effect == "Deny" and statement.everybody and statement.covers("s3:PutBucketPolicy")
    if denies and not statement.conditions and not statement.inverted:
        yield disallowed(statement.value["Action"], "add a condition to the denial")


@S3.stack_rule(
    "s3-policy-missing",
    severity=Severity.HIGH,
    controls=("FSBP S3.5",),
    remediation="Add an aws.s3.BucketPolicy that denies plain HTTP and TLS below 1.2.",
)
@each_bucket
def policy_missing(bucket: Bucket) -> Verdicts:
    """Require a bucket policy for every bucket, so that it can deny plain HTTP and old TLS versions."""
    if not bucket.values("Policy", "policy", "policy"):
        yield from bucket.missing("Policy", "a policy", "add an aws.s3.BucketPolicy")
