"""A rule on the deletion protection of resources that store data."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
)
from policies.engine.topics import ACROSS_PROVIDERS

STATEFUL = (
    "aws:backup/vault:Vault",
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:opensearch/domain:Domain",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketV2:BucketV2",
    "kubernetes:core/v1:PersistentVolumeClaim",
)


@ACROSS_PROVIDERS.rule(
    "stateful-unprotected",
    types=STATEFUL,
    severity=Severity.HIGH,
    controls=("Design: protect",),
    remediation="Give the resource the option protect: true.",
    url="https://www.pulumi.com/docs/iac/concepts/options/protect/",
    level=EnforcementLevel.ADVISORY,
)
def unprotected(resource: Resource, _: Options) -> Verdicts:
    """Require the option protect on resources that store data."""
    if not resource.protect:
        yield Finding("the option protect", "not set", "set it to true")
