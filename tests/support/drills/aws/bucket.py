"""S3 API on loopback, which moto serves, and an `aws` command that uses this API."""

import copy
from pathlib import Path
from typing import Any, cast

import boto3

from tests.support.drills import tools
from tests.support.drills.aws import aws_api

IDENTITY = {
    "AWS_ACCESS_KEY_ID": "drill",
    "AWS_SECRET_ACCESS_KEY": "drill",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Credentials in place of the pod's identity; moto accepts any."""


class Bucket:
    """A bucket, and a folder for PATH that contains an `aws` for the bucket."""

    def __init__(self, name: str, bin: Path) -> None:
        self.name = name
        self._server, self.url = aws_api.start()
        self._make("ap-northeast-1")
        self.command(bin)

    def command(self, bin: Path) -> None:
        """Write an `aws` command that uses this server to a folder."""
        command = bin / "aws"
        command.write_text(f'#!/bin/sh\nexec {tools.find("aws")} --endpoint-url {self.url} "$@"\n')
        command.chmod(0o755)

    def another(self, name: str, region: str) -> "Bucket":
        """Create another bucket on the same server."""
        other = copy.copy(self)
        other.name = name
        other._make(region)
        return other

    def _make(self, region: str) -> None:
        self.s3: Any = cast(Any, boto3).client(
            "s3",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="drill",
            aws_secret_access_key="drill",
        )
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": region})
        self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def lose(self) -> None:
        """Delete the bucket and all object versions in it."""
        for version in self.s3.list_object_versions(Bucket=self.name).get("Versions", []):
            self.s3.delete_object(Bucket=self.name, Key=version["Key"], VersionId=version["VersionId"])
        self.s3.delete_bucket(Bucket=self.name)

    def read(self, key: str) -> tuple[bytes, str]:
        """Return an object's content and the checksum in its metadata."""
        response = self.s3.get_object(Bucket=self.name, Key=key)
        return response["Body"].read(), response["Metadata"].get("sha256", "")

    def keys(self) -> list[str]:
        """Return all keys, in S3's order."""
        response = self.s3.list_objects_v2(Bucket=self.name)
        return [entry.get("Key", "") for entry in response.get("Contents", [])]

    def stop(self) -> None:
        self._server.stop()
