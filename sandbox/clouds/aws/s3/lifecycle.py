"""Lifecycle rules of buckets (S3 API, PutBucketLifecycleConfiguration)."""

from collections import Counter

from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

ACTIONS = (
    "Transitions",
    "Expiration",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)

INFREQUENT_ACCESS = ("STANDARD_IA", "ONEZONE_IA")
"""The storage classes to which objects move after 30 days at the earliest."""


def _lifecycle_rules(request: AwsRequest) -> list[Json]:
    return request.params.get("LifecycleConfiguration", {}).get("Rules", [])


@refuses("s3:PutBucketLifecycleConfiguration")
def rule_without_action(request: AwsRequest) -> None:
    """Refuse a rule that does nothing."""
    if not all(any(rule.get(name) for name in ACTIONS) for rule in _lifecycle_rules(request)):
        message = "At least one action needs to be specified in a rule"
        raise ErrorResponse(400, message, "InvalidRequest")


@refuses("s3:PutBucketLifecycleConfiguration")
def equal_rule_ids(request: AwsRequest) -> None:
    """Refuse two rules with the same ID."""
    counts = Counter(rule["ID"] for rule in _lifecycle_rules(request) if "ID" in rule)
    if any(count > 1 for count in counts.values()):
        message = "Rule ID must be unique. Found same ID for more than one rule"
        raise ErrorResponse(400, message, "InvalidArgument")


@refuses("s3:PutBucketLifecycleConfiguration")
def early_transition(request: AwsRequest) -> None:
    """Refuse a transition to infrequent access after less than 30 days."""
    transitions = [item for rule in _lifecycle_rules(request) for item in rule.get("Transitions", [])]
    if any(
        item.get("StorageClass") in INFREQUENT_ACCESS and item.get("Days", 30) < 30 for item in transitions
    ):
        message = (
            "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"
            " and 'ONEZONE_IA'"
        )
        raise ErrorResponse(400, message, "InvalidArgument")


@refuses("s3:PutBucketLifecycleConfiguration")
def expiration_before_transition(request: AwsRequest) -> None:
    """Refuse an expiration that is not after every transition."""
    for rule in _lifecycle_rules(request):
        expiration = rule.get("Expiration", {}).get("Days")
        days = [item["Days"] for item in rule.get("Transitions", []) if "Days" in item]
        if expiration is not None and days and max(days) >= expiration:
            message = "'Days' in the Expiration action must be greater than 'Days' in the Transition action"
            raise ErrorResponse(400, message, "InvalidArgument")
