"""Rules on the encryption of EBS volumes and of copied snapshots; account.py has the account's default."""

from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Verdicts, expected
from policies.engine.topics import EC2
from policies.model.checks import guarded
from policies.model.property_values import Value

VOLUME = "aws:ebs/volume:Volume"
COPY = "aws:ebs/snapshotCopy:SnapshotCopy"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCES = (
    "aws:ec2/instance:Instance",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
)


def _volumes(resource: Resource) -> Iterator[Value]:
    """Yield the values that decide whether the volumes of a resource are encrypted."""
    if resource.type in (VOLUME, COPY):
        yield resource["encrypted"]
    elif resource.type == TEMPLATE:
        for mapping in resource["blockDeviceMappings"].items():
            if not mapping["ebs"].absent:
                yield mapping["ebs"]["encrypted"]
    else:
        yield resource["rootBlockDevice"]["encrypted"]
        for device in resource["ebsBlockDevices"].items():
            yield device["encrypted"]


@EC2.rule(
    "ebs-volume-unencrypted",
    types=(VOLUME, COPY, TEMPLATE, *INSTANCES),
    severity=Severity.HIGH,
    controls=("CKV_AWS_3", "CKV_AWS_8", "FSBP EC2.3", "FSBP EC2.181"),
    remediation="Set encrypted to true; the setting of an existing volume cannot be changed.",
    url="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
    options={
        "accountDefault": Option(
            default=False,
            schema={
                "type": "boolean",
                "description": "True if the account encrypts volumes by default; then only false is refused.",
            },
        )
    },
)
def encryption(resource: Resource, options: Options) -> Verdicts:
    """Require encryption of EBS volumes, including root volumes of instances, and of snapshot copies."""

    def check(value: Value) -> Verdicts:
        flag = value.flag()
        if flag is False or (flag is None and not options["accountDefault"]):
            yield expected(value, "true")

    for value in _volumes(resource):
        yield from guarded(check(value))
