"""All that the Pipe service runs on, one stack an environment: load, build, export."""

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  isort: skip  (first: SDKs load lazily)

import pulumi

from components.agent import Agent, AgentArgs
from components.api import Api, ApiArgs
from components.aws_integration import AwsIntegration, AwsIntegrationArgs
from components.backups import BackupBucket, BackupBucketArgs
from components.cluster import Cluster, ClusterArgs
from components.data_jobs import DataJobs, DataJobsArgs
from components.database import Database, DatabaseArgs
from components.database_client import DatabaseEndpoint
from components.edge import Edge, EdgeArgs
from components.firewall import Firewall, FirewallArgs
from components.identity import Identity, IdentityArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.namespace import Namespace, NamespaceArgs
from components.network import Network, NetworkArgs
from components.nginx import HEALTH_PORT, TRAFFIC_PORT
from components.origin_certificate import OriginCertificate, OriginCertificateArgs
from components.runner import Runner, RunnerArgs
from components.settings import load
from components.tls_proxy import TlsProxy, TlsProxyArgs

settings, secrets = load()
labels = settings.labels
protect = settings.service.protect
subnets = settings.network.subnets
host = settings.edge.host

network = Network("network", NetworkArgs(settings=settings.network, labels=labels, protect=protect))
cluster = Cluster(
    "cluster",
    ClusterArgs(
        settings=settings.cluster,
        labels=labels,
        private_subnet_ids=network.private_subnet_ids,
        protect=protect,
    ),
)
firewall = Firewall(
    "firewall",
    FirewallArgs(
        settings=settings.firewall,
        labels=labels,
        vpc_id=network.vpc_id,
        cluster_security_group_id=cluster.security_group_id,
        traffic_port=TRAFFIC_PORT,
        health_port=HEALTH_PORT,
    ),
)
Runner(
    "runner",
    RunnerArgs(
        settings=settings.runner,
        labels=labels,
        repository=settings.service.repository,
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        cluster_security_group_id=cluster.security_group_id,
        protect=protect,
    ),
)
backups = BackupBucket("backups", BackupBucketArgs(settings=settings.backups, labels=labels, protect=protect))
database = Database(
    "database",
    DatabaseArgs(
        settings=settings.database,
        labels=labels,
        protect=protect,
        subnet_ids=network.database_subnet_ids,
        security_group_id=firewall.database_security_group_id,
        password=secrets.database_password,
    ),
)
endpoint = DatabaseEndpoint(host=database.host, port=database.port, database=database.database_name)

in_cluster = pulumi.ResourceOptions(providers=[cluster.provider])
namespace = Namespace("namespace", NamespaceArgs(settings=settings.kubernetes, labels=labels), in_cluster)
identity = Identity(
    "identity",
    IdentityArgs(
        labels=labels,
        cluster_name=cluster.cluster_name,
        cluster_arn=cluster.arn,
        namespace=settings.kubernetes.namespace,
        bucket_arn=backups.arn,
        key_arn=backups.key_arn,
    ),
)
jobs = DataJobs(
    "data-jobs",
    DataJobsArgs(
        image=settings.api.image,
        settings=settings.backups,
        labels=labels,
        namespace=namespace.namespace,
        ca_config_map=namespace.ca_config_map,
        database=endpoint,
        master_user=database.master_user,
        master_password=secrets.database_password,
        app_password=secrets.app_password,
        migrate_password=secrets.migrate_password,
        backup_password=secrets.backup_password,
        bucket=backups.bucket,
        region=labels.region,
        service_cidr=settings.cluster.service_cidr,
        database_cidrs=subnets.database,
    ),
    pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[identity]),
)
api = Api(
    "api",
    ApiArgs(
        settings=settings.api,
        labels=labels,
        namespace=namespace.namespace,
        ca_config_map=namespace.ca_config_map,
        database=endpoint,
        password=secrets.app_password,
        service_cidr=settings.cluster.service_cidr,
        database_cidrs=subnets.database,
        node_cidrs=subnets.private,
        after=[jobs.migration],
    ),
    in_cluster,
)
certificate = OriginCertificate(
    "origin-certificate", OriginCertificateArgs(hostnames=[host], days=settings.edge.certificate_days)
)
proxy = TlsProxy(
    "tls-proxy",
    TlsProxyArgs(
        settings=settings.proxy,
        labels=labels,
        namespace=namespace.namespace,
        server_name=host,
        upstream_host=api.service_host,
        upstream_port=api.service_port,
        certificate=certificate.certificate,
        private_key=certificate.private_key,
        security_group_id=firewall.load_balancer_security_group_id,
        client_cidrs=settings.firewall.ingress_cidrs,
        load_balancer_cidrs=subnets.public,
        service_cidr=settings.cluster.service_cidr,
    ),
    in_cluster,
)

AwsIntegration(
    "aws-integration",
    AwsIntegrationArgs(enabled=settings.monitoring.integration, site=settings.monitoring.site, labels=labels),
)
Agent(
    "agent",
    AgentArgs(
        settings=settings.monitoring.agent,
        labels=labels,
        site=settings.monitoring.site,
        cluster_name=cluster.cluster_name,
        host=host,
        namespace=namespace.namespace,
        api_key=secrets.datadog_api_key,
    ),
    in_cluster,
)
monitoring = Monitoring(
    "monitoring",
    MonitoringArgs(
        settings=settings.monitoring,
        labels=labels,
        host=host,
        health_path=settings.api.health_path,
        namespace=settings.kubernetes.namespace,
        database_identifier=database.identifier,
        synthetic_token=secrets.synthetic_token,
    ),
)
edge = Edge(
    "edge",
    EdgeArgs(
        settings=settings.edge,
        labels=labels,
        origin_hostname=proxy.hostname,
        synthetic_token=secrets.synthetic_token,
    ),
)

pulumi.export("url", edge.url)
pulumi.export("frontendUrl", edge.frontend_url)
pulumi.export("loadBalancer", proxy.hostname)
pulumi.export("clusterName", cluster.cluster_name)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("backupBucket", backups.bucket)
pulumi.export("databaseHost", database.host)
pulumi.export("dashboardUrl", monitoring.dashboard_url)
pulumi.export("monitorIds", monitoring.monitor_ids)
