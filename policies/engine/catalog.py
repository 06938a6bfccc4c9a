"""The catalog of the pack's rules, by topic and by name."""

from types import ModuleType

from policies.engine.rule import Rule
from policies.rules import ignored_changes, provider_settings, resource_types
from policies.rules.aws import (
    account,
    cloudtrail,
    codebuild,
    deletion_protection,
    ecr,
    eks,
    resource_tags,
    security_groups,
    vpc,
)
from policies.rules.aws.compute import containers as aws_containers
from policies.rules.aws.compute import instance_metadata, plain_secrets, public_addresses, volumes
from policies.rules.aws.data import backup, kms, kms_decryption, messages, rds, rds_operation, s3, s3_access
from policies.rules.aws.iam import attachments, other_accounts, permissions, sharing, trust
from policies.rules.aws.network import load_balancers as load_balancer_settings
from policies.rules.aws.network import network_acls, split_networks
from policies.rules.cloudflare import access, firewall, origins, path_segments, records, zones
from policies.rules.datadog import alert_coverage, alert_queries, alert_silence, alerts, datadog_tags
from policies.rules.kubernetes import (
    container_resources,
    environment,
    hardening,
    helm_releases,
    images,
    labels,
    network_policies,
    pod_security_baseline,
    pod_security_restricted,
    probes,
    services,
    workload_sets,
    workloads,
)
from policies.rules.kubernetes.access import cluster_objects, config_maps, namespaces, rbac, service_accounts
from policies.rules.kubernetes.reliability import evictions, owners, probe_ports
from policies.rules.tls import (
    annotations,
    buckets,
    cloudflare,
    databases,
    endpoints,
    hop_load_balancers,
    hops,
    load_balancers,
    nginx,
)

TOPICS: dict[str, tuple[ModuleType, ...]] = {
    "TLS 1.2 and newer": (
        load_balancers,
        endpoints,
        cloudflare,
        buckets,
        databases,
        nginx,
        annotations,
    ),
    "Pod Security Standards": (pod_security_baseline, pod_security_restricted),
    "Workloads": (
        workloads,
        container_resources,
        images,
        probes,
        environment,
        hardening,
        workload_sets,
        services,
        network_policies,
        service_accounts,
        probe_ports,
        evictions,
        owners,
        config_maps,
        cluster_objects,
        namespaces,
    ),
    "Kubernetes access": (rbac,),
    "Alert rules": (alerts, alert_queries, alert_silence, alert_coverage),
    "AWS": (
        security_groups,
        s3,
        s3_access,
        eks,
        rds,
        kms,
        permissions,
        attachments,
        sharing,
        other_accounts,
        trust,
        ecr,
        backup,
        vpc,
        cloudtrail,
        codebuild,
        account,
    ),
    "AWS compute": (aws_containers, instance_metadata, volumes, plain_secrets, public_addresses),
    "AWS network": (load_balancer_settings, network_acls, split_networks),
    "AWS data": (rds_operation, kms_decryption, messages),
    "Cloudflare": (zones, records, firewall, path_segments, origins, access),
    "Across providers": (
        hops,
        hop_load_balancers,
        resource_types,
        helm_releases,
        ignored_changes,
        provider_settings,
        resource_tags,
        labels,
        datadog_tags,
        deletion_protection,
    ),
}
"""The modules of each topic, in the order of the documentation."""


def rules_of(*modules: ModuleType) -> list[Rule]:
    """Return the rules that the modules define, sorted by name."""
    rules = (value for module in modules for value in vars(module).values() if isinstance(value, Rule))
    return sorted(rules, key=lambda rule: rule.name)


RULES = rules_of(*(module for modules in TOPICS.values() for module in modules))
BY_NAME = {rule.name: rule for rule in RULES}
