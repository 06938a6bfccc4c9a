"""All rules of the pack, by name."""

from policies.rule import Rule
from policies.rules import (
    alert_coverage,
    alerts,
    nginx,
    pod_security,
    security_groups,
    tls,
    workloads,
)

TOPICS = (tls, nginx, workloads, pod_security, alerts, alert_coverage, security_groups)


def _rules() -> tuple[Rule, ...]:
    found = [value for topic in TOPICS for value in vars(topic).values() if isinstance(value, Rule)]
    return tuple(sorted(found, key=lambda rule: rule.name))


RULES = _rules()
BY_NAME = {rule.name: rule for rule in RULES}
