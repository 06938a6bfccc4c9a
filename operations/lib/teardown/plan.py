"""Plan of a stack's destruction, derived from its state: the resources that go first or are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from operations.lib.stack_state import Resource, name_of
from sandbox.wire.bucket_contents import LogDelivery

DUMPS = "pipe:storage:BackupBucket"
"""Component of the buckets with the dumps (components/aws/backup_bucket.py)."""
BUCKET = "aws:s3/bucket:Bucket"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/instance:Instance"
VPC = "aws:ec2/vpc:Vpc"
LOGS = "-logs"
"""End of the logical name of a log bucket and its settings, and of the physical name of a bucket with access
logs (components/aws/bucket.py)."""


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
        for resource in _of_dumps(resources)
        if resource["type"] == BUCKET
    ]


def dump_urns(resources: Sequence[Resource]) -> list[str]:
    """Return the URNs of the buckets with dumps, their keys and their settings, without the access logs.

    The dumps cannot be read without the keys, and the settings still protect them.
    """
    return [resource["urn"] for resource in _of_dumps(resources)]


def _of_dumps(resources: Sequence[Resource]) -> Iterator[Resource]:
    for resource in resources:
        is_part = f"{DUMPS}$aws:" in resource["urn"]
        if is_part and resource["type"] != LOGGING and not name_of(resource["urn"]).endswith(LOGS):
            yield resource


def log_deliveries(resources: Sequence[Resource]) -> list[LogDelivery]:
    """Return a delivery of logs for each log bucket that is still in the state.

    The log buckets are used, because a stopped run may have deleted the resources that declare the
    deliveries. The bucket of the VPC's flow logs counts as a bucket that logs itself: the flow log, which
    delivers, is destroyed before its bucket.
    """
    return [
        LogDelivery(bucket=name.removesuffix(LOGS), log_bucket=name, region=outputs.get("region", ""))
        for resource in resources
        if resource["type"] == BUCKET and name_of(resource["urn"]).endswith(LOGS)
        for outputs in [resource["outputs"]]
        for name in [str(outputs["bucket"])]
    ]


def cluster_urns(resources: Sequence[Resource]) -> list[str]:
    """Return the URNs of the objects in the cluster, without the URN of their provider."""
    return [resource["urn"] for resource in resources if resource["type"].startswith("kubernetes:")]


def find(resources: Sequence[Resource], resource_type: str) -> Resource | None:
    """Return the first resource of a type; None if there is none."""
    return next((resource for resource in resources if resource["type"] == resource_type), None)
