"""Names of TLS versions and security policies that exclude versions below TLS 1.2."""

import re

SAFE_VERSIONS = ("TLSv1.2", "TLSv1.3")
"""The names that nginx, CloudFront origins and databases use."""

ELB_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""The newest security policy of Elastic Load Balancing that accepts TLS 1.2."""

# Published policies name their oldest version after TLS13-, TLS- or FS- (docs.aws.amazon.com,
# elasticloadbalancing, "Security policies"). The older names allow TLS 1.0.
_ELB_SAFE = re.compile(r"ELBSecurityPolicy-(TLS13|TLS|FS)-1-[23]-[\w-]+")


def is_safe_elb_policy(name: str) -> bool:
    """Return True if an Elastic Load Balancing security policy refuses every version below TLS 1.2."""
    return _ELB_SAFE.fullmatch(name) is not None
