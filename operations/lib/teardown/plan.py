"""Plan of a stack's destruction, derived from its state: the resources that go first or are kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from operations.lib.stack_state import Resource
from sandbox.wire.bucket_contents import LogDelivery

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
LOGGING = "aws:s3/bucketLogging:BucketLogging"
KEY = "aws:kms/key:Key"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/instance:Instance"
VPC = "aws:ec2/vpc:Vpc"
LOGS = "-logs"
"""End of the physical name of a bucket with access logs (components/aws/bucket.py)."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket with dumps."""

    name: str
    region: str
    """Region of the bucket; empty if the state does not have it, which means the stack's region."""


def dump_buckets(resources: Sequence[Resource]) -> list[Bucket]:
    """Return the buckets with dumps: the main bucket, and its copy in the second region."""
    return [
        Bucket(name=resource["outputs"]["bucket"], region=resource["outputs"].get("region", ""))
        for resource in resources
        if resource["type"] in BUCKETS and _may_have_dumps(resource)
    ]


def dump_urns(resources: Sequence[Resource]) -> list[str]:
    """Return the URNs of the buckets with dumps, their keys and their settings, without the access logs.

    The dumps cannot be read without the keys, and the settings still protect them. The names of the buckets
    and the IDs of the keys connect these resources. Their URNs do not count, since a program can change them
    with an alias.
    """
    names = {bucket.name for bucket in dump_buckets(resources)}
    parts = [
        resource
        for resource in resources
        if resource["type"].startswith("aws:s3/")
        and resource["type"] != LOGGING
        and not names.isdisjoint(_bucket_names(resource))
    ]
    keys = _keys(resources, parts)
    urns = {part["urn"] for part in parts}
    return [
        resource["urn"]
        for resource in resources
        if resource["urn"] in urns
        or (resource["type"] == KEY and resource["id"] in keys)
        or (resource["type"].startswith("aws:kms/") and resource["outputs"].get("targetKeyId") in keys)
    ]


def _may_have_dumps(bucket: Resource) -> bool:
    """Return True unless a bucket lacks Object Lock, as each log bucket does.

    Nobody can switch Object Lock off, and S3 delivers no access logs to a bucket that has it
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html). The provider reads the
    value from S3 (hashicorp/terraform-provider-aws, internal/service/s3/bucket.go: object_lock_enabled).
    """
    return bucket["outputs"].get("objectLockEnabled") not in (None, False)


def _bucket_names(resource: Resource) -> set[str]:
    """Return the name of the bucket that a resource is or configures.

    The ID is the name, followed by an account if the input expectedBucketOwner has one.
    """
    names = (str(resource.get("id")).partition(",")[0], resource["outputs"].get("bucket"))
    return {name for name in names if isinstance(name, str)}


def _keys(resources: Sequence[Resource], parts: Sequence[Resource]) -> set[str]:
    """Return the IDs of the keys that `parts` mention, by ID, ARN or alias, or on which they depend."""
    text = json.dumps([part["outputs"] for part in parts])
    urns = {urn for part in parts for urn in part.get("dependencies") or ()}
    by_alias = {
        resource["outputs"].get("targetKeyId")
        for resource in resources
        if resource["type"] == "aws:kms/alias:Alias" and str(resource["outputs"].get("name")) in text
    }
    return {
        resource["id"]
        for resource in resources
        if resource["type"] == KEY
        and (resource["id"] in text or resource["id"] in by_alias or resource["urn"] in urns)
    }


def log_deliveries(resources: Sequence[Resource]) -> list[LogDelivery]:
    """Return a delivery of logs for each log bucket that is still in the state.

    The log buckets are used, because a stopped run may have deleted the resources that declare the
    deliveries. The bucket of the VPC's flow logs counts as a bucket that logs itself: the flow log, which
    delivers, is destroyed before its bucket.
    """
    return [
        LogDelivery(bucket=name.removesuffix(LOGS), log_bucket=name, region=outputs.get("region", ""))
        for resource in resources
        if resource["type"] in BUCKETS and not _may_have_dumps(resource)
        for outputs in [resource["outputs"]]
        for name in [str(outputs["bucket"])]
    ]


def cluster_urns(resources: Sequence[Resource]) -> list[str]:
    """Return the URNs of the objects in the cluster, without the URN of their provider."""
    return [resource["urn"] for resource in resources if resource["type"].startswith("kubernetes:")]


def find(resources: Sequence[Resource], resource_type: str) -> Resource | None:
    """Return the first resource of a type; None if there is none."""
    return next((resource for resource in resources if resource["type"] == resource_type), None)
