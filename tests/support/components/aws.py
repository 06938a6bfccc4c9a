"""Functions that declare the AWS components from a stack file."""

from typing import Any

from components.aws.backup_bucket import BackupBucket, BackupBucketArgs
from components.aws.ci_runner import Runner, RunnerArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.database import Database, DatabaseArgs
from components.aws.network import Network, NetworkArgs
from components.aws.pod_identity import PodIdentity, PodIdentityArgs
from components.aws.secrets_endpoint import SecretsEndpoint, SecretsEndpointArgs
from components.aws.security_groups import SecurityGroups, SecurityGroupsArgs
from components.common.naming import Naming
from components.settings.models.backups import Backups
from components.settings.models.ci_runner import CiRunner
from components.settings.models.cluster import Cluster as ClusterSettings
from components.settings.models.database import Database as DatabaseSettings
from components.settings.models.network import Network as NetworkSettings
from components.settings.models.security_groups import SecurityGroups as SecurityGroupsSettings
from tests.support.components.fixtures import Topic

CLUSTER_GROUP = "sg-cluster"
SUBNETS = ["subnet-1", "subnet-2"]


def network(
    naming: Naming, topic: Topic, stack: str = "prod", *, protect: bool = False, **changes: Any
) -> Network:
    settings = topic(NetworkSettings, "network", stack, **changes)
    return Network("network", NetworkArgs(settings=settings, naming=naming, protect=protect))


def cluster(
    naming: Naming, topic: Topic, stack: str = "prod", *, protect: bool = False, **changes: Any
) -> Cluster:
    settings = topic(ClusterSettings, "cluster", stack, **changes)
    args = ClusterArgs(
        settings=settings, naming=naming, private_subnet_ids=SUBNETS, node_disk_gib=100, protect=protect
    )
    return Cluster("cluster", args)


def ci_runner(
    naming: Naming, topic: Topic, stack: str = "prod", *, protect: bool = False, **changes: Any
) -> Runner:
    args = RunnerArgs(
        settings=topic(CiRunner, "ciRunner", stack, **changes),
        naming=naming,
        repository="pipe-dev/infrastructure",
        vpc_id="vpc-1",
        subnet_ids=SUBNETS,
        cluster_security_group_id=CLUSTER_GROUP,
        protect=protect,
    )
    return Runner("runner", args)


def database(
    naming: Naming,
    topic: Topic,
    stack: str = "prod",
    *,
    protect: bool = False,
    shared_account: str = "999999999999",
    **changes: Any,
) -> Database:
    args = DatabaseArgs(
        settings=topic(DatabaseSettings, "database", stack, **changes),
        naming=naming,
        shared_account=shared_account,
        protect=protect,
        subnet_ids=SUBNETS,
        security_group_id="sg-database",
    )
    return Database("database", args)


def backup_bucket(
    naming: Naming, topic: Topic, stack: str = "prod", *, protect: bool = False, **changes: Any
) -> BackupBucket:
    settings = topic(Backups, "backups", stack, **changes)
    return BackupBucket("backups", BackupBucketArgs(settings=settings, naming=naming, protect=protect))


def pod_identity(naming: Naming, _topic: Topic) -> PodIdentity:
    args = PodIdentityArgs(naming=naming, cluster_name="pipe-test", namespace="pipe")
    return PodIdentity("pod-identity", args)


def security_groups(naming: Naming, topic: Topic, stack: str = "prod", **changes: Any) -> SecurityGroups:
    args = SecurityGroupsArgs(
        settings=topic(SecurityGroupsSettings, "securityGroups", stack, **changes),
        naming=naming,
        vpc_id="vpc-1",
        cluster_security_group_id=CLUSTER_GROUP,
    )
    return SecurityGroups("security-groups", args)


def secrets_endpoint(naming: Naming, _topic: Topic) -> SecretsEndpoint:
    args = SecretsEndpointArgs(
        naming=naming, vpc_id="vpc-1", subnet_ids=SUBNETS, security_group_id="sg-secrets-endpoint"
    )
    return SecretsEndpoint("secrets-endpoint", args)
