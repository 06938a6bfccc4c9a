"""RDS rules: encryption, access, passwords, backups, availability, deletion and logs."""

from pulumi_policy import Severity

from policies.engine.rule import Option, Options, Resource, Topic, Verdicts, expected
from policies.model.checks import must_be_false, must_be_true, must_not_be_true
from policies.model.tls.database_tls import CLUSTER, INSTANCE, default_family, forced_by_default

RDS = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "rds"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.html",
)
MEMBER = "aws:rds/clusterInstance:ClusterInstance"


def _copy(resource: Resource) -> bool:
    """Return True if the database is a replica, which takes its settings from the source database."""
    return bool(resource["replicateSourceDb"].get() or resource["replicationSourceIdentifier"].get())


@RDS.rule(
    "rds-storage-unencrypted",
    types=(INSTANCE, CLUSTER),
    severity=Severity.HIGH,
    controls=("CKV_AWS_16", "CKV_AWS_96", "FSBP RDS.3"),
    remediation="Set storageEncrypted to true; the setting cannot be changed later.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
)
def encryption(resource: Resource, _: Options) -> Verdicts:
    """Require encrypted storage for databases."""
    if not (resource.type == INSTANCE and _copy(resource)):
        yield from must_be_true(resource["storageEncrypted"])


PUBLIC = (
    INSTANCE,
    MEMBER,
    CLUSTER,
    "aws:dms/instanceProfile:InstanceProfile",
    "aws:dms/replicationInstance:ReplicationInstance",
    "aws:lightsail/database:Database",
    "aws:m2/environment:Environment",
    "aws:mq/broker:Broker",
    "aws:neptune/clusterInstance:ClusterInstance",
    "aws:rds/shardGroup:ShardGroup",
    "aws:redshift/cluster:Cluster",
    "aws:redshiftserverless/workgroup:Workgroup",
    "aws:timestreaminfluxdb/dbCluster:DbCluster",
    "aws:timestreaminfluxdb/dbInstance:DbInstance",
)
"""The types with the property publiclyAccessible (pulumi-aws 7)."""

PUBLIC_BY_DEFAULT = ("aws:dms/instanceProfile:InstanceProfile", "aws:rds/shardGroup:ShardGroup")
"""The types that are public without the property: instance profiles, and shard groups in a VPC with an
internet gateway (API references, CreateInstanceProfile and CreateDBShardGroup). For each other type but
clusters, the provider sends false, or no documentation states a default."""


def _public_by_default(resource: Resource) -> bool:
    """Return True if a missing publiclyAccessible can mean true.

    A Multi-AZ DB cluster has an instance class of its own, or an engine other than Aurora. It is public
    without a subnet group, with the default group, and if it is restored (RDS API reference, CreateDBCluster,
    RestoreDBClusterFromSnapshot and RestoreDBClusterToPointInTime). The property is for such clusters only.
    """
    if resource.type != CLUSTER:
        return resource.type in PUBLIC_BY_DEFAULT
    if resource["dbClusterInstanceClass"].absent and resource["engine"].text() not in ("mysql", "postgres"):
        return False
    restored = any(not resource[name].absent for name in ("snapshotIdentifier", "restoreToPointInTime"))
    return restored or resource["dbSubnetGroupName"].get() in (None, "", "default")


@RDS.rule(
    "rds-publicly-accessible",
    types=PUBLIC,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_17", "FSBP RDS.2"),
    remediation="Set publiclyAccessible to false.",
)
def public(resource: Resource, _: Options) -> Verdicts:
    """Refuse public addresses for databases, and for brokers and hosts of migrations, which hold data too.

    Multi-AZ DB clusters, shard groups and instance profiles of DMS can be public by default.
    """
    value = resource["publiclyAccessible"]
    # If it is set, the other properties, which may be unknown, do not matter.
    if value.absent and _public_by_default(resource):
        yield from must_be_false(value)
    else:
        yield from must_not_be_true(value)  # absent: false


@RDS.rule(
    "rds-master-password-unmanaged",
    types=(INSTANCE, CLUSTER),
    severity=Severity.HIGH,
    controls=("RDS user guide: password management with Secrets Manager",),
    remediation="Set manageMasterUserPassword to true and remove the password.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
)
def master_password(resource: Resource, _: Options) -> Verdicts:
    """Require RDS to generate, store and rotate the master password.

    Otherwise, the password is in the program's state. RDS cannot manage it for replicas, global clusters and
    RDS Custom, whose engines begin with `custom-`.
    """
    custom = (resource["engine"].text() or "").startswith("custom-")
    if not (_copy(resource) or custom or resource["globalClusterIdentifier"].get()):
        yield from must_be_true(resource["manageMasterUserPassword"])


@RDS.rule(
    "rds-backup-missing",
    types=(INSTANCE, CLUSTER),
    severity=Severity.HIGH,
    controls=("CKV_AWS_133", "FSBP RDS.11"),
    remediation="Set backupRetentionPeriod to the days of point-in-time recovery that are needed.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
    options={
        "days": Option(
            default=7,
            schema={
                "type": "integer",
                "minimum": 1,
                "maximum": 35,
                "description": "The minimum retention period in days.",
            },
        )
    },
)
def backup(resource: Resource, options: Options) -> Verdicts:
    """Require automated backups with at least the retention period in the policy configuration."""
    value = resource["backupRetentionPeriod"]  # absent: 0 for an instance, 1 for a cluster
    if (value.number() or 0) < options["days"] and not _copy(resource):
        yield expected(value, f"{options['days']} or more")


@RDS.rule(
    "rds-single-zone",
    types=(INSTANCE,),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_157", "FSBP RDS.5"),
    remediation="Set multiAz to true.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html",
)
def multi_az(resource: Resource, _: Options) -> Verdicts:
    """Require databases in more than one availability zone."""
    if not _copy(resource):
        yield from must_be_true(resource["multiAz"])


@RDS.rule(
    "rds-deletion-unprotected",
    types=(INSTANCE, CLUSTER),
    severity=Severity.HIGH,
    controls=("CKV_AWS_293", "FSBP RDS.8"),
    remediation="Set deletionProtection to true.",
)
def deletion(resource: Resource, _: Options) -> Verdicts:
    """Require deletion protection for databases."""
    yield from must_be_true(resource["deletionProtection"])


@RDS.rule(
    "rds-final-snapshot-skipped",
    types=(INSTANCE, CLUSTER),
    severity=Severity.MEDIUM,
    controls=("Guide: data recovery",),
    remediation="Set skipFinalSnapshot to false and name the snapshot.",
)
def final_snapshot(resource: Resource, _: Options) -> Verdicts:
    """Require a final snapshot when a database is deleted."""
    value = resource["skipFinalSnapshot"]
    if value.flag() and not _copy(resource):
        yield expected(value, "false, with a finalSnapshotIdentifier")


@RDS.rule(
    "rds-logs-not-exported",
    types=(INSTANCE, CLUSTER),
    severity=Severity.LOW,
    controls=("CKV_AWS_129", "FSBP RDS.9"),
    remediation="Name the logs in enabledCloudwatchLogsExports: postgresql and upgrade for PostgreSQL.",
)
def logs(resource: Resource, _: Options) -> Verdicts:
    """Require databases to export their logs."""
    value = resource["enabledCloudwatchLogsExports"]
    if not value.items():
        yield expected(value, "the logs of the engine, such as ['postgresql', 'upgrade']")


@RDS.rule(
    "rds-default-parameters",
    types=(INSTANCE,),
    severity=Severity.HIGH,
    controls=("CKV2_AWS_69",),
    remediation="Name a parameter group of your own, in which TLS is forced.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
)
def parameters(resource: Resource, _: Options) -> Verdicts:
    """Require a custom parameter group, or a default parameter group that forces TLS."""
    value = resource["parameterGroupName"]
    family = default_family(resource, value)
    # Oracle configures TLS in an option group, which tls-hop-database checks.
    if family is not None and not (family.startswith("oracle") or forced_by_default(family)):
        yield expected(value, "a parameter group that forces TLS")
