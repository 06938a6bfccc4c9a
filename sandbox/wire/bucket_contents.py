"""Functions that empty S3 buckets: they stop access logging and delete every version of every object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.errors import CommandError

MISSING = "NoSuchBucket"
"""S3's error code for a bucket that does not exist."""


@dataclass(frozen=True, kw_only=True)
class LogDelivery:
    """A bucket whose accesses S3 logs, and the bucket that gets the logs."""

    bucket: str
    log_bucket: str
    region: str
    """The region of both buckets; S3 delivers logs only within a region (S3 API, PutBucketLogging)."""


def log_deliveries(resources: Sequence[Mapping[str, Any]]) -> list[LogDelivery]:
    """Return the log deliveries that a stack's state declares."""
    return [
        LogDelivery(
            bucket=outputs["bucket"], log_bucket=outputs["targetBucket"], region=outputs.get("region", "")
        )
        for resource in resources
        if resource["type"] == "aws:s3/bucketLogging:BucketLogging"
        for outputs in [resource["outputs"]]
    ]


def stop_logging(s3: Any, bucket: str) -> None:
    """Stop the delivery of a bucket's access logs; nothing happens if the bucket does not exist.

    S3 still delivers the logs of earlier requests, most of them within a few hours (S3 user guide, server
    access logging, best-effort delivery).
    """
    try:
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    except ClientError as error:
        _ignore_missing(error)


def delete_versions(s3: Any, bucket: str) -> int:
    """Delete every version and delete marker of a bucket; return their number.

    S3 refuses to delete a bucket that has any (S3 API, DeleteBucket). Raise CommandError if S3 keeps a
    version, for example because Object Lock protects it. A bucket that does not exist has none.
    """
    number = 0
    for versions in _pages(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if refused := answer.get("Errors"):
            key, reason = refused[0]["Key"], refused[0].get("Message") or refused[0]["Code"]
            raise CommandError(f"S3 keeps {len(refused)} versions in {bucket}, such as {key}: {reason}")
        number += len(versions)
    return number


def _pages(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """Yield the key and version ID of every version, in pages of at most 1000, the most that S3 deletes."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if listed:
                yield [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in listed]
    except ClientError as error:
        _ignore_missing(error)


def _ignore_missing(error: ClientError) -> None:
    if error.response.get("Error", {}).get("Code") != MISSING:
        raise error
