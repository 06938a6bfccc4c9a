"""TLS 1.2 and newer: the topic, and the versions that its rules accept."""

from policies.engine.rule import (
    Topic,
)

TLS = Topic(
    framework="Deployment guide: SSL/TLS settings",
    tags=("tls", "encryption-in-transit"),
    url="https://datatracker.ietf.org/doc/html/rfc8996",
)


# The names that nginx, CloudFront origins and databases have for them.
SAFE = ("TLSv1.2", "TLSv1.3")
