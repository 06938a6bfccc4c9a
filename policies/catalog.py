"""All rules of the pack, by name."""

from types import ModuleType

from policies.rule import Rule
from policies.rules import (
    across,
    alert_coverage,
    alerts,
    cloudflare,
    ecr,
    eks,
    kms_iam,
    nginx,
    pod_security,
    rds,
    s3,
    security_groups,
    tls,
    vpc,
    workload_sets,
    workloads,
)

TOPICS: dict[str, tuple[ModuleType, ...]] = {
    "TLS 1.2 and newer": (tls, nginx),
    "Pod Security Standards": (pod_security,),
    "Workloads": (workloads, workload_sets),
    "Alert rules": (alerts, alert_coverage),
    "AWS": (security_groups, s3, eks, rds, kms_iam, ecr, vpc),
    "Cloudflare": (cloudflare,),
    "Across providers": (across,),
}
"""The modules of each topic, in the order of the documentation."""


def rules_of(*modules: ModuleType) -> list[Rule]:
    """The rules that modules define, by name."""
    found = (value for module in modules for value in vars(module).values() if isinstance(value, Rule))
    return sorted(found, key=lambda rule: rule.name)


RULES = rules_of(*(module for modules in TOPICS.values() for module in modules))
BY_NAME = {rule.name: rule for rule in RULES}
