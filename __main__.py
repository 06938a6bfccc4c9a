"""All that the Pipe service runs on, one stack an environment: load, build, export."""

import lazy_sdk  # noqa: F401  first: it makes the provider SDKs load only what is used

import pulumi

from components.api import Api, ApiArgs
from components.aws_integration import AwsIntegration, AwsIntegrationArgs
from components.backups import BackupBucket, BackupBucketArgs
from components.cluster import Cluster, ClusterArgs
from components.data_jobs import DataJobs, DataJobsArgs
from components.database import Database, DatabaseArgs
from components.edge import Edge, EdgeArgs
from components.firewall import Firewall, FirewallArgs
from components.identity import Identity, IdentityArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.namespace import Namespace, NamespaceArgs
from components.network import Network, NetworkArgs
from components.origin_certificate import OriginCertificate, OriginCertificateArgs
from components.runner import Runner, RunnerArgs
from components.settings import load
from components.tls_proxy import TlsProxy, TlsProxyArgs

settings, secrets = load()
labels = settings.labels

network = Network("network", NetworkArgs(settings=settings.network, labels=labels))
cluster = Cluster("cluster", ClusterArgs(settings=settings.cluster, labels=labels, network=network.refs))
firewall = Firewall(
    "firewall",
    FirewallArgs(
        settings=settings.firewall,
        labels=labels,
        vpc_id=network.vpc_id,
        cluster_security_group_id=cluster.security_group_id,
    ),
)
