"""Buckets and sub-resources that pass every rule."""

import json
from typing import Any

from policies.engine.rule import Resource
from tests.support.policies.pytest_fixtures import UNKNOWN, resource, urn

BUCKET = "aws:s3/bucket:Bucket"


ON = {"daysAfterInitiation": 1}


PARTS: dict[str, dict[str, Any]] = {
    "Logging": {"targetBucket": "pipe-logs"},
    "Versioning": {"versioningConfiguration": {"status": "Enabled"}},
    "ServerSideEncryptionConfiguration": {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]
    },
    "LifecycleConfiguration": {
        "rules": [{"status": "Enabled", "filter": {"prefix": ""}, "abortIncompleteMultipartUpload": ON}]
    },
    "OwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    "PublicAccessBlock": {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    },
    "Policy": {"policy": json.dumps({"Statement": []})},
    "ObjectLockConfiguration": {"rule": {}},
    "ReplicationConfig": {
        "rules": [{"status": "Enabled", "destination": {"bucket": "arn:aws:s3:::elsewhere"}}]
    },
}


def part(name: str, bucket: str | None = None, version: str = "", **changes: Any) -> Resource:
    """Return a sub-resource that names a bucket, or depends on the bucket `it` as in a preview."""
    kind = f"aws:s3/bucket{name}{version}:Bucket{name}{version}"
    props = {"bucket": bucket or UNKNOWN, **PARTS[name], **changes}
    dependencies = {} if bucket else {"bucket": (urn(BUCKET),)}
    return resource(kind, props, name, property_dependencies=dependencies)


def bucket(name: str = "it", **props: Any) -> Resource:
    return resource(BUCKET, {"bucket": f"pipe-{name}", **props}, name)
