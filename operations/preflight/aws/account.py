"""Questions about the AWS account: its number, the caller, zones, bucket names and the state's key."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from botocore.exceptions import ClientError

from components.settings.models.network import NO_CONTROL_PLANE, ZONES
from operations.lib import stack_file
from operations.preflight import demand
from operations.preflight.answers import Answer, Question, no, skipped, unknown, yes
from operations.preflight.subject import Subject
from operations.preflight.unanswered import AWS_DENIALS, SET_AWS

NODE_TYPES = tuple(
    f"{category}{generation}.large" for generation in ("5", "6i", "6a", "7i", "7a") for category in "cmr"
)
"""Some of the instances that EKS Auto Mode's general-purpose pool may start.

They are of the categories c, m and r, and of the fifth generation or later (EKS user guide, built-in node
pools).
"""


def questions(subject: Subject) -> list[Question]:
    """Return the questions about the account."""
    return [
        Question("AWS", "account", "account", lambda: ask_account(subject)),
        Question("AWS", "account", "caller", lambda: ask_caller(subject)),
        Question("AWS", "zones", "availability zones", lambda: ask_zones(subject)),
        Question("AWS", "buckets", "bucket", lambda: ask_buckets(subject)),
        Question("AWS", "state", "key of the state", lambda: ask_state_key(subject)),
    ]


def ask_account(subject: Subject) -> Answer:
    """Compare the credentials' account with the stack's."""
    expected, caller = subject.settings.service.account, subject.aws.caller()
    if caller["Account"] != expected:
        return no(f"the credentials belong to {caller['Account']}, and the stack to {expected}", SET_AWS)
    return yes(expected)


def ask_caller(subject: Subject) -> Answer:
    """Check that the caller is one of the principals that may administer the cluster.

    The creator of a cluster gets no access automatically, so `pulumi up` of any other caller cannot create
    the objects in it. The ARN of a session has no path, so roles are compared by name.
    """
    if subject.is_sandbox:
        return skipped("every caller may do everything in a sandbox")
    subject.aws("sts")
    arn = subject.aws.caller()["Arn"]
    kind, name = _principal(arn)
    allowed = [subject.settings.naming.role_arn("deploy"), *subject.settings.cluster.operators]
    if (kind, name) in [_principal(operator) for operator in allowed]:
        return yes(f"{kind} {name} may administer the cluster")
    fix = (
        f"add the ARN of the {kind} {name} to pipe:cluster.operators, and {name} to eks-administrator-unknown"
        f" in policies/config/{subject.name}.json, or use one of: {', '.join(allowed)}"
    )
    return no(f"{arn} is not an operator of the cluster", fix)


def _principal(arn: str) -> tuple[str, str]:
    """Return the kind (role or user) and the name from an ARN of IAM or STS."""
    kind, _, path = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        return "role", path.partition("/")[0]
    return kind, path.rpartition("/")[2]


def chosen_zones(subject: Subject) -> list[dict[str, Any]]:
    """Return the zones in which the stack has subnets: the first ones by name (components/aws/network.py)."""
    response = subject.aws("ec2").describe_availability_zones(AllAvailabilityZones=False)
    zones = [
        zone
        for zone in response["AvailabilityZones"]
        if zone.get("OptInStatus") == "opt-in-not-required" and zone["ZoneId"] not in NO_CONTROL_PLANE
    ]
    return sorted(zones, key=lambda zone: zone["ZoneName"])[:ZONES]


def ask_zones(subject: Subject) -> Answer:
    """Check that enough zones are available and offer instances for the nodes."""
    zones = chosen_zones(subject)
    region = subject.settings.service.region
    if len(zones) < ZONES:
        return no(
            f"{region} has {len(zones)} zones for a cluster, and a stack needs {ZONES}",
            "choose another region (pipe:service.region, aws:region)",
        )
    names = [zone["ZoneName"] for zone in zones]
    if down := [zone["ZoneName"] for zone in zones if zone["State"] != "available"]:
        return no(f"{', '.join(down)}: not available", "wait until the zone is available again")
    offered = _node_zones(subject)
    if lacking := [name for name in names if name not in offered]:
        return no(
            f"{', '.join(lacking)}: no instances of the categories c, m and r for the nodes",
            "choose another region (pipe:service.region, aws:region)",
        )
    return yes(f"{', '.join(names)} are available and offer instances for the nodes")


def _node_zones(subject: Subject) -> set[str]:
    pages = subject.aws("ec2").get_paginator("describe_instance_type_offerings")
    return {
        offering["Location"]
        for page in pages.paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": list(NODE_TYPES)}],
        )
        for offering in page["InstanceTypeOfferings"]
    }


def ask_buckets(subject: Subject) -> Iterator[Answer]:
    """Check that the name of each bucket is free, or that the bucket is in the stack's account and region.

    The names of buckets are unique in all of AWS (S3 API, HeadBucket).
    """
    for name, region in demand.buckets(subject.settings).items():
        yield _ask_bucket(subject, name, region)


def _ask_bucket(subject: Subject, name: str, region: str) -> Answer:
    owner = subject.settings.service.account
    try:
        response = subject.aws("s3", region).head_bucket(Bucket=name, ExpectedBucketOwner=owner)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in ("404", "NoSuchBucket"):
            return yes("the name is free", part=name)
        if code in AWS_DENIALS:
            text = "the name is taken by another account, or the caller may not list the bucket"
            return no(text, "choose another name (pipe:backups), also in the foundation's file", part=name)
        if code in ("301", "PermanentRedirect"):
            text = f"the bucket is in this account, but not in {region}"
            return no(text, "choose another name (pipe:backups), also in the foundation's file", part=name)
        raise
    actual = response.get("BucketRegion", region)
    if actual != region:
        text = f"the bucket is in this account, but in {actual} and not in {region}"
        return no(text, "choose another name (pipe:backups), also in the foundation's file", part=name)
    return yes("the bucket is in this account", part=name)


def ask_state_key(subject: Subject) -> Answer:
    """Check that the key which encrypts the state's secrets exists and is enabled.

    If the stack file has an encrypted data key, KMS also checks that the caller may decrypt it. With DryRun,
    KMS decrypts nothing and always responds with an error: DryRunOperationException means that the request
    would succeed (KMS developer guide, testing your permissions).
    """
    alias = f"alias/{subject.settings.naming.service}-state"
    kms = subject.aws("kms")
    try:
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        return no(f"{alias} does not exist", subject.apply_foundation)
    if key["KeyState"] != "Enabled":
        return no(f"{alias} is {key['KeyState']}", f"aws kms enable-key --key-id {key['KeyId']}")
    file: dict[str, Any] = yaml.safe_load(stack_file.path(subject.name).read_text())
    provider, encrypted = str(file.get("secretsprovider", "")), file.get("encryptedkey")
    if subject.is_sandbox:
        return yes(f"{alias} is enabled")
    if not encrypted or not provider.startswith("awskms:"):
        return yes(f"{alias} is enabled; the stack file has no secrets that it encrypts")
    context = {
        name.removeprefix("context_"): values[0]
        for name, values in parse_qs(urlsplit(provider).query).items()
        if name.startswith("context_")
    }
    try:
        blob = base64.b64decode(encrypted)
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, DryRun=True)
    except kms.exceptions.DryRunOperationException:
        return yes(f"{alias} is enabled, and the caller may decrypt the stack's secrets")
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in AWS_DENIALS:
            return no(f"the caller may not decrypt the secrets of {subject.name} with {alias}", SET_AWS)
        raise
    return unknown(f"KMS ignored DryRun for {alias}", "ask again")
