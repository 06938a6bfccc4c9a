"""S3 on loopback: moto's server, and the AWS command line that is told where it is."""

import copy
import urllib.request
from pathlib import Path
from typing import Any, cast

import boto3
from moto.server import ThreadedMotoServer

from tests.support.drills import tools

IDENTITY = {
    "AWS_ACCESS_KEY_ID": "drill",
    "AWS_SECRET_ACCESS_KEY": "drill",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What stands for the pod's identity; moto lets everybody in."""


class Bucket:
    """One bucket, and a folder with `aws` in it for the PATH of whoever uses it."""

    def __init__(self, name: str, bin: Path) -> None:
        self.name = name
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        # What moto holds is the process's, not the server's.
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self._make("ap-northeast-1")
        self.command(bin)

    def command(self, bin: Path) -> None:
        """Puts an `aws` into a folder."""
        command = bin / "aws"
        command.write_text(f'#!/bin/sh\nexec {tools.find("aws")} --endpoint-url {self.url} "$@"\n')
        command.chmod(0o755)

    def another(self, name: str, region: str) -> "Bucket":
        """One more bucket of the same S3."""
        made = copy.copy(self)
        made.name = name
        made._make(region)
        return made

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
        """The bucket and every version in it are gone."""
        for each in self.s3.list_object_versions(Bucket=self.name).get("Versions", []):
            self.s3.delete_object(Bucket=self.name, Key=each["Key"], VersionId=each["VersionId"])
        self.s3.delete_bucket(Bucket=self.name)

    def read(self, key: str) -> tuple[bytes, str]:
        """An object and the checksum that it says of itself."""
        found = self.s3.get_object(Bucket=self.name, Key=key)
        return found["Body"].read(), found["Metadata"].get("sha256", "")

    def keys(self) -> list[str]:
        """Every key, in S3's order."""
        found = self.s3.list_objects_v2(Bucket=self.name)
        return [each.get("Key", "") for each in found.get("Contents", [])]

    def stop(self) -> None:
        self._server.stop()
