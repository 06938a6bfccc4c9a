"""The addresses of the pages with the texts of the controls that the rules name."""

import re

_CHECKOV = "https://www.checkov.io/5.Policy%20Index"
_KUBERNETES = "https://kubernetes.io/docs"
_AWS = "https://docs.aws.amazon.com"
_DATADOG = "https://docs.datadoghq.com/monitors"
_CLOUDFLARE = "https://developers.cloudflare.com"
_EDGE = f"{_CLOUDFLARE}/ssl/edge-certificates/additional-options"
_DOCS = "https://github.com/pipe-dev/infrastructure/blob/main/docs"

PAGES = {
    r"CKV2?_K8S_\d+": f"{_CHECKOV}/kubernetes.html",
    r"CKV2?_\w+": f"{_CHECKOV}/terraform.html",
    r"CIS AWS [\d.]+": "https://www.cisecurity.org/benchmark/amazon_web_services",
    r"CIS (Amazon )?EKS [\d.]+": "https://www.cisecurity.org/benchmark/kubernetes",
    r"CIS Kubernetes [\d.]+": "https://www.cisecurity.org/benchmark/kubernetes",
    r"CIS NGINX [\d.]+": "https://www.cisecurity.org/benchmark/nginx",
    r"Cloudflare SSL/TLS: Full \(strict\)": f"{_CLOUDFLARE}/ssl/origin-configuration/ssl-modes/full-strict/",
    r"Cloudflare SSL/TLS: Always Use HTTPS": f"{_EDGE}/always-use-https/",
    r"Cloudflare SSL/TLS: HSTS": f"{_EDGE}/http-strict-transport-security/",
    r"Cloudflare SSL/TLS: Minimum TLS Version": f"{_EDGE}/minimum-tls/",
    r"Cloudflare DNS: proxy status": f"{_CLOUDFLARE}/dns/proxy-status/",
    r"Cloudflare DNS: DNSSEC": f"{_CLOUDFLARE}/dns/dnssec/",
    r"PSS .*": f"{_KUBERNETES}/concepts/security/pod-security-standards/",
    r"Kubernetes: aggregated ClusterRoles": (
        f"{_KUBERNETES}/reference/access-authn-authz/rbac/#aggregated-clusterroles"
    ),
    r"Kubernetes: ServiceAccount token Secrets": (
        f"{_KUBERNETES}/concepts/configuration/secret/#serviceaccount-token-secrets"
    ),
    r"Kubernetes: reclaim policies": f"{_KUBERNETES}/concepts/storage/persistent-volumes/#reclaiming",
    r"Kubernetes: RBAC good practices": f"{_KUBERNETES}/concepts/security/rbac-good-practices/",
    r"Kubernetes: owner references": (
        f"{_KUBERNETES}/concepts/overview/working-with-objects/owners-dependents/"
    ),
    r"Kubernetes: recommended labels": f"{_KUBERNETES}/concepts/overview/working-with-objects/common-labels/",
    r"Cloudflare Access: policies": f"{_CLOUDFLARE}/cloudflare-one/access-controls/policies/",
    r"Cloudflare Rules: .*": f"{_CLOUDFLARE}/rules/configuration-rules/",
    r"Cloudflare SSL: .*": f"{_CLOUDFLARE}/ssl/origin-configuration/authenticated-origin-pull/",
    r"Cloudflare WAF: deploy .*": f"{_CLOUDFLARE}/waf/managed-rules/deploy-zone-dashboard/",
    r"Cloudflare WAF: exceptions": f"{_CLOUDFLARE}/waf/managed-rules/waf-exceptions/",
    r"Cloudflare: .*": f"{_CLOUDFLARE}/dns/manage-dns-records/reference/wildcard-dns-records/",
    r"Datadog unified service tagging": (
        "https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/"
    ),
    r"Datadog: SLO": "https://docs.datadoghq.com/service_management/service_level_objectives/",
    r"Datadog: conditional variables": f"{_DATADOG}/notify/variables/#conditional-variables",
    r"Datadog: downtimes": f"{_DATADOG}/downtimes/",
    r"Datadog: draft monitors": f"{_DATADOG}/draft/",
    r"Datadog: renotify": f"{_DATADOG}/notify/#renotify",
    r"Datadog: .*": f"{_DATADOG}/configuration/",
    r"Datadog Security: def-000-oty": "https://docs.datadoghq.com/security/default_rules/def-000-oty/",
    r"EKS best practices: .*": (f"{_AWS}/eks/latest/best-practices/identity-and-access-management.html"),
    r"RDS user guide: Extended .*": (f"{_AWS}/AmazonRDS/latest/UserGuide/extended-support.html"),
    r"RDS user guide: password .*": (f"{_AWS}/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"),
    r"CodeBuild: best practices for webhooks": f"{_AWS}/codebuild/latest/userguide/webhooks.html",
    r"AWS: data perimeter": (f"{_AWS}/IAM/latest/UserGuide/access_policies_data-perimeters.html"),
    r"Well-Architected SEC01-BP01": (
        f"{_AWS}/wellarchitected/latest/framework/sec_securely_operate_multi_accounts.html"
    ),
    r"Guide: .*": f"{_DOCS}/guide-coverage.md",
    r"Design: .*": f"{_DOCS}/decisions/README.md",
}
"""The page of a control, by a pattern for its name; the first pattern that matches counts."""


def page(control: str) -> str | None:
    """Return the address of the page with a control's text; None if no page is known."""
    security_hub = re.fullmatch(r"(?:FSBP|Security Hub) (\w+)\.(\d+)", control)
    if security_hub:
        service, number = security_hub[1].lower(), security_hub[2]
        folder = f"{_AWS}/securityhub/latest/userguide"
        return f"{folder}/{service}-controls.html#{service}-{number}"
    linter = re.fullmatch(r"kube-linter ([\w-]+)", control)
    if linter:
        return f"https://docs.kubelinter.io/#/generated/checks?id={linter[1]}"
    return next((address for pattern, address in PAGES.items() if re.fullmatch(pattern, control)), None)
