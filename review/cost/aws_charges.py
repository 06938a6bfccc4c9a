"""Charges of AWS resources."""

from collections.abc import Callable, Iterator, Mapping

from review.cost import nodes
from review.cost.charges import REPLICATION, Charge, Context
from review.plain_data import is_list, value_at
from review.stacks.resources import Resource

GATEWAY = "aws:ec2/natGateway:NatGateway"

COMPRESSED = 0.15
"""Share of a log event's size that CloudWatch bills as storage: it stores events compressed.

Source: the examples of https://aws.amazon.com/cloudwatch/pricing/.
"""

Charges = Iterator[Charge]
ChargesOf = Callable[[Resource, Context], Charges]


def _address(_resource: Resource, _context: Context) -> Charges:
    yield Charge("public IPv4 address", "public IPv4 address")


def _vpc(_resource: Resource, context: Context) -> Charges:
    usage = context.usage
    yield Charge("traffic to the internet", "transfer to the internet", usage.internet_gb, ("internet_gb",))
    # Each direction is billed: the sender pays, and so does the receiver.
    yield Charge("traffic between zones", "transfer between zones", 2 * usage.zones_gb, ("zones_gb",))


def _gateway(_resource: Resource, context: Context) -> Charges:
    yield Charge("NAT gateway", "NAT gateway")
    share = context.usage.nat_gb / context.count(GATEWAY)
    yield Charge("NAT gateway's traffic", "NAT data", share, ("nat_gb",))


def _endpoint(resource: Resource, context: Context) -> Charges:
    """Yield the charges of an endpoint; one of the type Gateway, which is the default, is free.

    Sources: Amazon VPC pricing; Amazon EC2 API reference, CreateVpcEndpoint.
    """
    if resource.values.get("vpcEndpointType", "Gateway") == "Gateway":
        return
    subnets = resource.values.get("subnetIds")
    zones = len(subnets) if is_list(subnets) else 1
    yield Charge("endpoint in each zone", "interface endpoint", zones)
    yield Charge("endpoint's traffic", "interface endpoint data", context.usage.endpoint_gb, ("endpoint_gb",))


def _flow_log(_resource: Resource, context: Context) -> Charges:
    yield Charge("delivery of flow logs", "flow logs to S3", context.usage.flow_log_gb, ("flow_log_gb",))


def _key(resource: Resource, context: Context) -> Charges:
    rotations = context.usage.key_rotations if resource.values.get("enableKeyRotation") else 0
    yield Charge("key", "key", 1 + rotations, ("key_rotations",))
    yield Charge("key's requests", "key requests", context.usage.key_requests, ("key_requests",))


def _cluster(resource: Resource, context: Context) -> Charges:
    yield Charge("control plane of EKS", "cluster")
    pools = value_at(resource.values, "computeConfig.nodePools")
    count = context.usage.system_nodes
    if is_list(pools) and "system" in pools and count:
        instance = nodes.cheapest(context.table, context.region)
        yield Charge("nodes for add-ons", f"instance {instance}", count, ("system_nodes",), instance)
        yield Charge("Auto Mode of nodes for add-ons", f"Auto Mode {instance}", count, ("system_nodes",))
        # EKS's default node class has disks of 80 GiB (EKS user guide, node class).
        yield Charge("disks of nodes for add-ons", "disk of a node", 80 * count, ("system_nodes",))


def _database(resource: Resource, context: Context) -> Charges:
    inputs, usage = resource.values, context.usage
    # RDS bills a standby as a second instance: in Tokyo, db.t4g.medium is listed at 0.101 and 0.202, and a GB
    # of gp3 at 0.138 and 0.276.
    copies, size = (2 if inputs.get("multiAz") else 1), str(inputs.get("instanceClass"))
    storage = nodes.number(inputs.get("allocatedStorage")) or 0.0
    detail = f"{size}{', Multi-AZ' if copies > 1 else ''}"
    # The table has the prices of PostgreSQL, of gp3 with its smallest performance, and of no analysis.
    engine = f"database {size}" if inputs.get("engine", "postgres") == "postgres" else "another engine"
    yield Charge("database instances", engine, copies, detail=detail)
    is_faster = inputs.get("iops") or inputs.get("storageThroughput")
    is_known = inputs.get("storageType", "gp3") == "gp3" and not is_faster
    if is_known and storage:
        yield Charge("database storage", "database storage", copies * storage, detail=f"{storage:g} GiB")
    else:  # A replica, or a database from a snapshot, may have no size.
        other = "another type or performance" if not is_known else "an unknown amount"
        yield Charge("database storage", f"{other} of storage")
    if inputs.get("databaseInsightsMode", "standard") != "standard":
        yield Charge("analysis of the database", "advanced Database Insights")
    beyond = max(0.0, usage.database_backup_gb - storage)
    yield Charge("database backups", "database backups", beyond, ("database_backup_gb",))
    if size.startswith("db.t"):
        yield Charge(
            "database's CPU credits", "database CPU credits", usage.database_credits, ("database_credits",)
        )
    if inputs.get("manageMasterUserPassword"):
        yield Charge("database's master password", "secret")


def _bucket(resource: Resource, context: Context) -> Charges:
    usage = context.usage
    copied = context.is_copy(str(resource.values.get("bucket")))
    storage = "S3 infrequent access" if copied else "S3 storage"
    yield Charge("objects in buckets", storage, usage.of("bucket_gb", resource.name), ("bucket_gb",))
    yield Charge("writes to buckets", "S3 writes", usage.bucket_writes, ("bucket_writes",))
    yield Charge("reads from buckets", "S3 reads", usage.bucket_reads, ("bucket_reads",))


def _copies(resource: Resource, context: Context) -> Charges:
    """Yield the charges of copies of a bucket or a registry, which each destination gets."""
    rules = resource.values.get("rules") or value_at(resource.values, "replicationConfiguration.rules")
    destinations = {
        repr(destination) for rule in (rules if is_list(rules) else ()) for destination in _destinations(rule)
    }
    gb = context.usage.replicated_gb * max(1, len(destinations))
    yield Charge("copies to another region", "transfer to another region", gb, ("replicated_gb",))


def _destinations(rule: object) -> Iterator[object]:
    """Yield the buckets, or the regions and registries, to which a rule of a replication copies."""
    if bucket := value_at(rule, "destination.bucket"):
        yield bucket
    destinations = value_at(rule, "destinations")
    yield from destinations if is_list(destinations) else ()


def _trail(resource: Resource, context: Context) -> Charges:
    """Yield the charges of a trail: the first copy of management events in each region is free."""
    if not context.is_first_of_type(resource):
        yield Charge("copies of events", "another trail")


def _log_group(resource: Resource, context: Context) -> Charges:
    gb = context.usage.of("log_gb", resource.name)
    yield Charge("log events in CloudWatch", "log ingestion", gb, ("log_gb",))
    days = nodes.number(resource.values.get("retentionInDays") or 3653)
    if days is None:
        yield Charge("stored log events in CloudWatch", "log events that are stored for an unknown time")
        return
    months = days / (365 / 12)
    detail = f"{months:.3g} months of compressed events"
    yield Charge(
        "stored log events in CloudWatch", "log storage", gb * COMPRESSED * months, ("log_gb",), detail
    )


def _builds(resource: Resource, context: Context) -> Charges:
    compute = value_at(resource.values, "environment.computeType")
    yield Charge("builds of the runner", f"build {compute}", context.usage.build_minutes, ("build_minutes",))


def _repository(_resource: Resource, context: Context) -> Charges:
    yield Charge("images in registries", "image storage", context.usage.image_gb, ("image_gb",))


def _vault(_resource: Resource, context: Context) -> Charges:
    usage = context.usage
    yield Charge(
        "database snapshots in vaults", "database snapshots", usage.vault_database_gb, ("vault_database_gb",)
    )
    yield Charge(
        "backups of buckets in vaults", "bucket backups", usage.vault_bucket_gb, ("vault_bucket_gb",)
    )


def _vault_copies(resource: Resource, context: Context) -> Charges:
    """Yield the charges of copies to a vault in another region; within a region, a copy is no transfer."""
    rules = resource.values.get("rules")
    for rule in rules if is_list(rules) else ():
        copies = value_at(rule, "copyActions")
        for copy in copies if is_list(copies) else ():
            region = str(value_at(copy, "destinationVaultArn")).split(":")[3:4]
            if region and region[0] != context.region:
                gb = context.usage.replicated_gb
                yield Charge("copies of backups", "transfer to another region", gb, ("replicated_gb",))


def _detector(resource: Resource, context: Context) -> Charges:
    if resource.values.get("enable") is False:
        return
    events, gb = context.usage.guard_duty_events, context.usage.guard_duty_network_gb
    yield Charge(
        "GuardDuty: management events", "GuardDuty management events", events, ("guard_duty_events",)
    )
    yield Charge(
        "GuardDuty: flow and DNS logs", "GuardDuty flow and DNS logs", gb, ("guard_duty_network_gb",)
    )


_FEATURES = {
    "EKS_AUDIT_LOGS": ("GuardDuty: audit events", "GuardDuty audit logs", "guard_duty_audit_events"),
    "RUNTIME_MONITORING": ("GuardDuty: runtime monitoring", "GuardDuty runtime", "guard_duty_node_cpus"),
    "RDS_LOGIN_EVENTS": ("GuardDuty: logins to databases", "GuardDuty logins", "guard_duty_database_cpus"),
    "S3_DATA_EVENTS": ("GuardDuty: events of buckets", "GuardDuty S3 events", "guard_duty_bucket_events"),
}


def _feature(resource: Resource, context: Context) -> Charges:
    if resource.values.get("status") != "ENABLED":
        return
    name = str(resource.values.get("name"))
    part, price, field = _FEATURES.get(name, (f"GuardDuty: {name}", f"GuardDuty {name}", ""))
    yield Charge(part, price, context.usage.of(field) if field else 1.0, (field,) if field else ())


AWS_CHARGES: Mapping[str, ChargesOf] = {
    "aws:backup/plan:Plan": _vault_copies,
    "aws:backup/vault:Vault": _vault,
    "aws:cloudtrail/trail:Trail": _trail,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:codebuild/project:Project": _builds,
    "aws:ec2/eip:Eip": _address,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    GATEWAY: _gateway,
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": _copies,
    "aws:ecr/repository:Repository": _repository,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:guardduty/detector:Detector": _detector,
    "aws:guardduty/detectorFeature:DetectorFeature": _feature,
    "aws:kms/key:Key": _key,
    "aws:rds/instance:Instance": _database,
    "aws:s3/bucket:Bucket": _bucket,
    REPLICATION: _copies,
}
"""Functions that yield the charges of a resource, by its type."""
