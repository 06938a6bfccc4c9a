"""Topics whose rules are spread over several modules."""

from policies.engine.rule import Topic
from policies.model.aws.buckets import BUCKETS

IAM = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "iam"),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
)
S3 = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "s3"),
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    about=BUCKETS,
)
CLOUDFLARE = Topic(
    framework="Cloudflare security best practices",
    tags=("cloudflare", "edge"),
    url="https://developers.cloudflare.com/ssl/edge-certificates/additional-options/",
)
ALERTS = Topic(
    framework="Deployment guide: alert rules",
    tags=("datadog", "monitoring"),
    url="https://docs.datadoghq.com/monitors/configuration/",
)
WORKLOADS = Topic(
    framework="Checkov Kubernetes",
    tags=("kubernetes", "workload"),
    url="https://kubernetes.io/docs/concepts/configuration/overview/",
)
TLS = Topic(
    framework="Deployment guide: SSL/TLS settings",
    tags=("tls", "encryption-in-transit"),
    url="https://datatracker.ietf.org/doc/html/rfc8996",
)
ACROSS_PROVIDERS = Topic(
    framework="Deployment guide: the service as a whole",
    tags=("across-providers",),
    url="https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/",
)
EC2 = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "ec2"),
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-security.html",
)
RBAC = Topic(
    framework="CIS Kubernetes Benchmark",
    tags=("kubernetes", "rbac"),
    url="https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
)
SECURITY_GROUPS = Topic(
    framework="CIS AWS Foundations",
    tags=("aws", "network"),
    url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
)
