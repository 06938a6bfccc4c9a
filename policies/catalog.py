"""All rules of the pack, by name."""

from types import ModuleType

from policies.rule import Rule
from policies.rules import (
    alert_coverage,
    alert_queries,
    alert_silence,
    alerts,
    annotations,
    cloudflare,
    cloudflare_records,
    container_resources,
    ecr,
    eks,
    environment,
    hardening,
    hop_load_balancers,
    hops,
    iam,
    images,
    kms,
    network_policies,
    nginx,
    pod_security_baseline,
    pod_security_restricted,
    probes,
    protection,
    rds,
    s3,
    s3_access,
    security_groups,
    tags,
    tls_buckets,
    tls_cloudflare,
    tls_databases,
    tls_endpoints,
    tls_load_balancers,
    vpc,
    workload_services,
    workload_sets,
    workloads,
)

TOPICS: dict[str, tuple[ModuleType, ...]] = {
    "TLS 1.2 and newer": (
        tls_load_balancers,
        tls_endpoints,
        tls_cloudflare,
        tls_buckets,
        tls_databases,
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
        workload_services,
        network_policies,
    ),
    "Alert rules": (alerts, alert_queries, alert_silence, alert_coverage),
    "AWS": (security_groups, s3, s3_access, eks, rds, kms, iam, ecr, vpc),
    "Cloudflare": (cloudflare, cloudflare_records),
    "Across providers": (hops, hop_load_balancers, tags, protection),
}
"""The modules of each topic, in the order of the documentation."""


def rules_of(*modules: ModuleType) -> list[Rule]:
    """The rules that modules define, by name."""
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Rule))
    return sorted(found, key=lambda rule: rule.name)


RULES = rules_of(*(module for modules in TOPICS.values() for module in modules))
BY_NAME = {rule.name: rule for rule in RULES}
