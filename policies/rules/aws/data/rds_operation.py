"""Rules on databases: zones of clusters, IAM authentication, minor upgrades, monitoring, Extended Support."""

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Topic, Verdicts, expected
from policies.model.checks import guarded, must_be_true
from policies.model.references import referents
from policies.model.tls.database_tls import CLUSTER, INSTANCE

RDS = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "rds"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.html",
)
MEMBER = "aws:rds/clusterInstance:ClusterInstance"


@RDS.stack_rule(
    "rds-cluster-single-zone",
    about=(CLUSTER,),
    severity=Severity.MEDIUM,
    controls=("FSBP RDS.15",),
    remediation="Declare at least two aws.rds.ClusterInstance; Aurora places them in different zones.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html",
)
def zones(stack: Stack, _: Options) -> Verdicts:
    """Require at least two instances for every Aurora cluster, so that one can replace the other."""
    members = stack.of((MEMBER,))
    for cluster in stack.of((CLUSTER,)):
        yield from guarded(_members(cluster, members), cluster.urn)


def _members(cluster: Resource, members: list[Resource]) -> Verdicts:
    # A cluster that sets an instance class is a Multi-AZ cluster, whose three instances RDS creates.
    if not cluster["dbClusterInstanceClass"].absent:
        return
    count = sum(
        len(referents(member, member["clusterIdentifier"], (cluster,), "clusterIdentifier", "id"))
        for member in members
    )
    if count < 2:
        remedy = "declare at least two aws.rds.ClusterInstance"
        yield Finding("the number of instances", str(count), remedy, urn=cluster.urn)


@RDS.rule(
    "rds-iam-authentication-off",
    types=(INSTANCE, CLUSTER),
    severity=Severity.LOW,
    controls=("CKV_AWS_161", "CKV_AWS_162", "FSBP RDS.10", "FSBP RDS.12"),
    remediation="Set iamDatabaseAuthenticationEnabled to true, and let people sign in with their roles.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html",
    level=EnforcementLevel.ADVISORY,
)
def iam_authentication(resource: Resource, _: Options) -> Verdicts:
    """Require IAM authentication for databases, except for engines that do not support it."""
    # IAM authentication exists for MariaDB, MySQL and PostgreSQL only (RDS user guide, linked above).
    engine = resource["engine"].text() or ""
    if not engine.startswith(("oracle", "sqlserver", "db2", "custom-")):
        yield from must_be_true(resource["iamDatabaseAuthenticationEnabled"])


@RDS.rule(
    "rds-minor-upgrades-off",
    types=(INSTANCE, MEMBER),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_226", "FSBP RDS.13", "CIS AWS 2.3.2"),
    remediation="Set autoMinorVersionUpgrade to true, its default.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html",
)
def minor_upgrades(resource: Resource, _: Options) -> Verdicts:
    """Refuse databases without automatic minor version upgrades, which fix security flaws."""
    value = resource["autoMinorVersionUpgrade"]
    if value.flag() is False:
        yield expected(value, "true")


@RDS.rule(
    "rds-monitoring-off",
    types=(INSTANCE, MEMBER),
    severity=Severity.LOW,
    controls=("CKV_AWS_118", "FSBP RDS.6"),
    remediation="Set monitoringInterval to 60 or less, and monitoringRoleArn.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.html",
)
def monitoring(resource: Resource, _: Options) -> Verdicts:
    """Require enhanced monitoring, which shows the processes and the memory of the database's host."""
    interval = resource["monitoringInterval"]
    if not interval.number():
        yield expected(interval, "1, 5, 10, 15, 30 or 60")


@RDS.rule(
    "rds-extended-support-on",
    types=(INSTANCE, CLUSTER),
    severity=Severity.LOW,
    controls=("RDS user guide: Extended Support",),
    remediation="Set engineLifecycleSupport to open-source-rds-extended-support-disabled.",
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html",
    level=EnforcementLevel.ADVISORY,
)
def extended_support(resource: Resource, _: Options) -> Verdicts:
    """Refuse RDS Extended Support, which keeps old major versions for a fee per vCPU-hour."""
    # Extended Support exists for MySQL and PostgreSQL, and Aurora of both (RDS user guide, linked above).
    engine, value = resource["engine"].text() or "", resource["engineLifecycleSupport"]
    if ("mysql" in engine or "postgres" in engine) and not (value.text() or "").endswith("-disabled"):
        yield expected(value, "'open-source-rds-extended-support-disabled'")
