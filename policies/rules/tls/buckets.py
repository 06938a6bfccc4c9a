"""TLS 1.2 and newer for S3: bucket policies that deny older versions."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
)
from policies.engine.topics import TLS
from policies.model.aws.buckets import BUCKETS
from policies.model.aws.iam_documents import Statement, statements


@TLS.rule(
    "tls-bucket-policy-missing-denial",
    types=("aws:s3/bucketPolicy:BucketPolicy", *BUCKETS),
    severity=Severity.HIGH,
    controls=("FSBP S3.5", "CIS AWS 2.1.1"),
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    remediation=(
        "Deny s3:* on the bucket and its objects to everybody if aws:SecureTransport is false, and if "
        "s3:TlsVersion is below 1.2."
    ),
)
def bucket_policy(resource: Resource, _: Options) -> Verdicts:
    """Require bucket policies that deny plain HTTP and TLS below 1.2."""
    policy = resource["policy"]
    if resource.type in BUCKETS and policy.absent:
        return  # the policy is a separate resource, or s3-policy-missing reports the bucket
    denials = [statement for statement in statements(policy) if _denies_everything(statement)]
    if not any(_is_plain_http(statement) for statement in denials):
        remedy = 'deny s3:* on the bucket and its objects under {"Bool": {"aws:SecureTransport": "false"}}'
        yield Finding(policy.path, "without a denial of plain HTTP", remedy)
    if not any(_is_old_tls(statement) for statement in denials):
        remedy = 'deny s3:* on the bucket and its objects under {"NumericLessThan": {"s3:TlsVersion": "1.2"}}'
        yield Finding(policy.path, "without a denial of TLS below 1.2", remedy)


def _denies_everything(statement: Statement) -> bool:
    return (
        statement.effect == "Deny"
        and statement.everybody
        and statement.covers("s3:*")
        and not statement.inverted
        and _is_whole(set(statement.resources))
    )


def _is_whole(resources: set[str]) -> bool:
    """Return True if the resources are the bucket with all of its objects, not only a prefix."""
    return "*" in resources or any(
        f"{name}/*" in resources for name in resources if {"/", "$"}.isdisjoint(name)
    )


def _is_plain_http(statement: Statement) -> bool:
    return len(statement.conditions) == 1 and (
        statement.conditions[0].operator in ("Bool", "BoolIfExists")
        and statement.conditions[0].key == "aws:securetransport"
        and statement.conditions[0].values == ("false",)
    )


def _is_old_tls(statement: Statement) -> bool:
    if len(statement.conditions) != 1:
        return False
    [condition] = statement.conditions
    operator = condition.operator in ("NumericLessThan", "NumericLessThanIfExists")
    return operator and condition.key == "s3:tlsversion" and condition.values in (("1.2",), ("1.3",))
