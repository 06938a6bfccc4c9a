"""Contents of the stack's buckets: count and delete object versions, and stop the delivery of logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from sandbox.errors import CommandError
from sandbox.wire.bucket_contents import LogDelivery, delete_versions, stop_logging

GIBIBYTE = 2**30

LOG_PREFIXES = frozenset({"access/", "AWSLogs/"})
"""First parts of the keys of logs: the prefix of access logs (components/aws/bucket.py), and the one of flow
logs (Amazon VPC user guide, flow log files).
"""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The versions in a bucket."""

    versions: int
    """Number of versions and delete markers."""
    size: int
    """Size of all versions in bytes."""
    locked_until: datetime | None
    """End of the default retention of the newest version; None without a retention, or after its end."""

    def __str__(self) -> str:
        return f"{self.versions} versions, {self.size / GIBIBYTE:.1f} GiB"


def contents(options: Options, bucket: str, region: str = "") -> Contents:
    """Return a bucket's contents; a bucket that does not exist has none."""
    s3 = _client(options, region)
    versions, size, newest = 0, 0, datetime.fromtimestamp(0, UTC)
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            objects: list[dict[str, Any]] = page.get("Versions", [])
            versions += len(objects) + len(page.get("DeleteMarkers", ()))
            size += sum(entry["Size"] for entry in objects)
            newest = max([newest, *(entry["LastModified"] for entry in objects)])
        days = _retention_days(s3, bucket) if versions else 0
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
        return Contents(versions=0, size=0, locked_until=None)
    end = newest + timedelta(days=days)
    return Contents(
        versions=versions, size=size, locked_until=end if days and end > datetime.now(UTC) else None
    )


def other_objects(options: Options, log_bucket: str, region: str = "") -> list[str]:
    """Return the keys of objects in a log bucket that are not logs, each up to its first slash."""
    pages = _client(options, region).get_paginator("list_object_versions")
    names = set[str]()
    try:
        for page in pages.paginate(Bucket=log_bucket, Delimiter="/"):
            names |= {entry["Prefix"] for entry in page.get("CommonPrefixes", ())}
            names |= {entry["Key"] for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]}
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
    return sorted(names - LOG_PREFIXES)


def empty(options: Options, bucket: str, region: str = "") -> int:
    """Delete every version in a bucket; return their number. Raises FailedError if S3 keeps a version."""
    try:
        return delete_versions(_client(options, region), bucket)
    except CommandError as error:
        raise FailedError(str(error)) from None


def end_logs(options: Options, deliveries: Sequence[LogDelivery]) -> dict[str, int]:
    """Stop the delivery of logs, and delete the logs; return the number of versions by log bucket."""
    for delivery in deliveries:
        stop_logging(_client(options, delivery.region), delivery.bucket)
    return {
        delivery.log_bucket: empty(options, delivery.log_bucket, delivery.region) for delivery in deliveries
    }


def _client(options: Options, region: str) -> Any:
    return sandbox_targets.aws(options, "s3", region)


def _retention_days(s3: Any, bucket: str) -> int:
    """Return the days of the bucket's default retention; 0 without one (S3 API, DefaultRetention)."""
    try:
        answer = s3.get_object_lock_configuration(Bucket=bucket)
    except ClientError as error:
        if _code(error) == "ObjectLockConfigurationNotFoundError":
            return 0
        raise
    retention = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    return int(retention.get("Days") or 365 * retention.get("Years", 0))


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
