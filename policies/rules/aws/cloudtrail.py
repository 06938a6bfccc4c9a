"""CloudTrail rules: a trail of all regions, signed, encrypted, and in a locked bucket."""

from itertools import chain

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Topic, Unknown, Verdicts, expected
from policies.model.aws.buckets import BUCKETS, Bucket, buckets, default_retentions
from policies.model.checks import guarded, must_be_true
from policies.model.property_values import Value
from policies.model.references import referents

TRAIL = "aws:cloudtrail/trail:Trail"
CLOUDTRAIL = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "audit"),
    url="https://docs.aws.amazon.com/awscloudtrail/latest/userguide/best-practices-security.html",
    about=(TRAIL,),
)


@CLOUDTRAIL.rule(
    "cloudtrail-single-region",
    types=(TRAIL,),
    severity=Severity.HIGH,
    controls=("CKV_AWS_67", "CIS AWS 3.1", "FSBP CloudTrail.1"),
    remediation="Set isMultiRegionTrail to true, and leave includeGlobalServiceEvents at its default, true.",
)
def all_regions(resource: Resource, _: Options) -> Verdicts:
    """Require trails to record the events of all regions and of global services."""
    yield from guarded(must_be_true(resource["isMultiRegionTrail"]))
    if resource["includeGlobalServiceEvents"].flag() is False:
        yield expected(resource["includeGlobalServiceEvents"], "true")


@CLOUDTRAIL.rule(
    "cloudtrail-stopped",
    types=(TRAIL,),
    severity=Severity.HIGH,
    controls=("CKV_AWS_251",),
    remediation="Set enableLogging to true, its default.",
)
def stopped(resource: Resource, _: Options) -> Verdicts:
    """Refuse trails that do not record."""
    if resource["enableLogging"].flag() is False:
        yield expected(resource["enableLogging"], "true")


@CLOUDTRAIL.stack_rule(
    "cloudtrail-management-events-missing",
    severity=Severity.HIGH,
    controls=("CIS AWS 3.1", "FSBP CloudTrail.1"),
    remediation=(
        "Remove the selectors of one trail, since a trail records all management events by default, or let "
        "one of its selectors have all of them."
    ),
    url=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "logging-management-events-with-cloudtrail.html"
    ),
)
def management_events(stack: Stack, _: Options) -> Verdicts:
    """Require one of the stack's trails to record all management events, without excluded sources."""
    faults = [[*guarded(_management(trail), trail.urn)] for trail in stack.of((TRAIL,))]
    if all(faults):
        yield from chain.from_iterable(faults)


def _management(trail: Resource) -> Verdicts:
    """Report selectors none of which has all management events; a trail has selectors of one kind."""
    basic, advanced = trail["eventSelectors"], trail["advancedEventSelectors"]
    if advanced.items() and not any(map(_is_advanced, advanced.items())):
        yield trail.attach(expected(advanced, "a list with a selector of only the eventCategory Management"))
    if basic.items() and not any(map(_is_basic, basic.items())):
        yield trail.attach(expected(basic, "a list with a selector of All management events of all sources"))


def _is_advanced(selector: Value) -> bool:
    fields = [(item["field"].text(), item["equals"].texts()) for item in selector["fieldSelectors"].items()]
    return fields == [("eventCategory", ["Management"])]


def _is_basic(selector: Value) -> bool:
    return (
        selector["includeManagementEvents"].flag() is not False
        and selector["readWriteType"].text() in (None, "All")
        and not selector["excludeManagementEventSources"].items()
    )


@CLOUDTRAIL.rule(
    "cloudtrail-not-validated",
    types=(TRAIL,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_36", "CIS AWS 3.2", "FSBP CloudTrail.4"),
    remediation="Set enableLogFileValidation to true.",
    url=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html"
    ),
)
def validation(resource: Resource, _: Options) -> Verdicts:
    """Require signed digests, which show whether a record was changed."""
    yield from must_be_true(resource["enableLogFileValidation"])


@CLOUDTRAIL.rule(
    "cloudtrail-not-encrypted-by-kms",
    types=(TRAIL,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_35", "CIS AWS 3.5", "FSBP CloudTrail.2"),
    remediation="Set kmsKeyId to a key whose policy admits the trail.",
    url=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "encrypting-cloudtrail-log-files-with-aws-kms.html"
    ),
)
def encryption(resource: Resource, _: Options) -> Verdicts:
    """Require records that are encrypted with a KMS key."""
    key = resource["kmsKeyId"]
    if key.absent:
        yield expected(key, "the ARN of a KMS key")


@CLOUDTRAIL.stack_rule(
    "cloudtrail-bucket-unlocked",
    about=(TRAIL, *BUCKETS),
    severity=Severity.HIGH,
    controls=("Design: records that nobody deletes",),
    remediation="Add an aws.s3.BucketObjectLockConfiguration with a default retention to the trail's bucket.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html",
    options={
        "minDays": Option(
            default=1,
            schema={"type": "integer", "minimum": 1, "description": "The minimum retention in days."},
        ),
        "modes": Option(
            default=["COMPLIANCE", "GOVERNANCE"],
            schema={
                "type": "array",
                "items": {"type": "string", "enum": ["COMPLIANCE", "GOVERNANCE"]},
                "description": (
                    "The allowed modes. In GOVERNANCE, a user with s3:BypassGovernanceRetention may delete "
                    "records."
                ),
            },
        ),
    },
)
def locked(stack: Stack, options: Options) -> Verdicts:
    """Require a default retention for the bucket of a trail, if the stack declares the bucket."""
    for trail in stack.of((TRAIL,)):
        for bucket in buckets(stack):
            if not bucket.foreign and _receives(trail, bucket):
                yield from guarded(_retention(bucket, options), bucket.resource.urn)


def _receives(trail: Resource, bucket: Bucket) -> bool:
    """Return True if a trail writes to a bucket, by its name, or by a dependency if the name is unknown."""
    return bool(referents(trail, trail["s3BucketName"], (bucket.resource,), "bucket", "id"))


def _retention(bucket: Bucket, options: Options) -> Verdicts:
    retentions = default_retentions(bucket)
    for retention in retentions:
        if retention.days < options["minDays"]:
            yield bucket.expected(retention.period, f"{options['minDays']} days or more")
        if retention.mode.text() not in options["modes"]:
            yield bucket.expected(retention.mode, " or ".join(map(repr, options["modes"])))
    if not retentions:
        remedy = "add an aws.s3.BucketObjectLockConfiguration with a default retention"
        if "ObjectLockConfiguration" in bucket.loose:
            yield Unknown("bucket", bucket.resource.urn)
        else:
            yield Finding("the trail's bucket", "without a retention", remedy, urn=bucket.resource.urn)
