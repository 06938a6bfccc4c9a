"""The infrastructure of the Pipe service; each environment is a stack of this program."""

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  isort: skip  (first: SDKs load lazily)

import pulumi

from components.aws.backup_bucket import BackupBucket, BackupBucketArgs
from components.aws.ci_runner import Runner, RunnerArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.database import Database, DatabaseArgs
from components.aws.network import Network, NetworkArgs
from components.aws.pod_identity import PodIdentity, PodIdentityArgs
from components.aws.secrets_endpoint import SecretsEndpoint, SecretsEndpointArgs
from components.aws.security_groups import SecurityGroups, SecurityGroupsArgs
from components.cloudflare.edge import Edge, EdgeArgs
from components.cloudflare.origin_certificate import OriginCertificate, OriginCertificateArgs
from components.datadog.agent import Agent, AgentArgs
from components.datadog.monitoring import Monitoring, MonitoringArgs
from components.kubernetes.api import Api, ApiArgs
from components.kubernetes.data_jobs import DataJobs, DataJobsArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.pods import WorkloadContext
from components.kubernetes.tls_proxy import TlsProxy, TlsProxyArgs
from components.settings import load

# One paragraph per component shows the architecture; the formatter would put each argument on its own line.
# fmt: off
settings, secrets = load()
naming, protect, host = settings.naming, settings.service.protect, settings.edge.host

network = Network("network", NetworkArgs(settings=settings.network, naming=naming, protect=protect))
cluster = Cluster("cluster", ClusterArgs(
    settings=settings.cluster, naming=naming, protect=protect, private_subnet_ids=network.private_subnet_ids,
    node_disk_gib=settings.backups.node_disk_gib,
))
security_groups = SecurityGroups("security-groups", SecurityGroupsArgs(
    settings=settings.security_groups, naming=naming, vpc_id=network.vpc_id,
    cluster_security_group_id=cluster.security_group_id,
))
Runner("runner", RunnerArgs(
    settings=settings.ci_runner, naming=naming, protect=protect, repository=settings.service.repository,
    vpc_id=network.vpc_id, subnet_ids=network.private_subnet_ids,
    cluster_security_group_id=cluster.security_group_id,
))
backups = BackupBucket("backups", BackupBucketArgs(settings=settings.backups, naming=naming, protect=protect))
database = Database("database", DatabaseArgs(
    settings=settings.database, naming=naming, protect=protect, subnet_ids=network.database_subnet_ids,
    security_group_id=security_groups.database_security_group_id,
    shared_account=settings.service.shared_account,
))
secrets_endpoint = SecretsEndpoint("secrets-endpoint", SecretsEndpointArgs(
    naming=naming, vpc_id=network.vpc_id,
    subnet_ids=network.database_subnet_ids[:settings.network.nat_zones],
    security_group_id=security_groups.secrets_endpoint_security_group_id,
))

in_cluster = pulumi.ResourceOptions(providers=[cluster.provider], depends_on=cluster.before_pods)
namespace = Namespace("namespace", NamespaceArgs(settings=settings.namespace, naming=naming), in_cluster)
context = WorkloadContext(
    naming=naming, namespace=namespace.namespace, ca_config_map=namespace.ca_config_map,
    service_cidr=settings.cluster.service_cidr, vpc_cidr=settings.network.cidr,
    subnets=settings.network.subnets,
)
pod_identity = PodIdentity("pod-identity", PodIdentityArgs(
    naming=naming, cluster_name=cluster.cluster_name, namespace=settings.namespace.name,
))
jobs = DataJobs("data-jobs", DataJobsArgs(
    settings=settings.backups, image=settings.api.image, migrate=settings.api.migrate,
    start_deadline_seconds=settings.api.start_deadline_seconds, context=context,
    database=database.endpoint, passwords=secrets.passwords, bucket=backups.bucket,
    secrets_url=secrets_endpoint.url,
), pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[pod_identity, *cluster.before_pods]))
api = Api("api", ApiArgs(
    settings=settings.api, context=context, database=database.endpoint, password=secrets.app_password,
    after=[jobs.migration],
), in_cluster)
certificate = OriginCertificate("origin-certificate", OriginCertificateArgs(
    hostnames=[host], days=settings.edge.certificate_days,
))
proxy = TlsProxy("tls-proxy", TlsProxyArgs(
    settings=settings.proxy, context=context, server_name=host, protect=protect,
    namespace=settings.namespace.name, upstream_port=api.service_port,
    upstream_health=settings.api.liveness_path, after=[api],
    certificate=certificate.certificate, private_key=certificate.private_key,
    security_group_id=security_groups.load_balancer_security_group_id,
    client_cidrs=settings.security_groups.ingress_cidrs, agent_enabled=settings.monitoring.agent.enabled,
), in_cluster)

Agent("agent", AgentArgs(
    settings=settings.monitoring.agent, naming=naming, site=settings.monitoring.site, host=host,
    cluster_name=cluster.cluster_name, namespace=namespace.namespace, api_key=secrets.datadog_api_key,
), in_cluster)
monitoring = Monitoring("monitoring", MonitoringArgs(
    settings=settings.monitoring, naming=naming, host=host, health_path=settings.api.readiness_path,
    probe_paths=(settings.api.liveness_path, settings.api.readiness_path),
    namespace=settings.namespace.name, database_identifier=database.identifier,
    synthetic_token=secrets.synthetic_token,
))
edge = Edge("edge", EdgeArgs(
    settings=settings.edge, naming=naming, origin_hostname=proxy.hostname,
    synthetic_token=secrets.synthetic_token,
))

pulumi.export("url", edge.url)
pulumi.export("frontendUrl", edge.frontend_url)
if edge.ds_record is not None:
    pulumi.export("dsRecord", edge.ds_record)
pulumi.export("loadBalancer", proxy.hostname)
pulumi.export("clusterName", cluster.cluster_name)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("backupBucket", backups.bucket)
pulumi.export("databaseHost", database.host)
pulumi.export("dashboardUrl", monitoring.dashboard_url)
