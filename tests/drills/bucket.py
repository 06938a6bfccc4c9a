"""S3 on loopback: moto's server, and the AWS command line that is told where it is."""

import urllib.request
from pathlib import Path
from typing import Any, cast

import boto3
from moto.server import ThreadedMotoServer

from tests.drills import tools

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
        self.s3: Any = cast(Any, boto3).client(
            "s3",
            endpoint_url=self.url,
            region_name="ap-northeast-1",
            aws_access_key_id="drill",
            aws_secret_access_key="drill",
        )
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        command = bin / "aws"
        command.write_text(f'#!/bin/sh\nexec {tools.find("aws")} --endpoint-url {self.url} "$@"\n')
        command.chmod(0o755)

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
