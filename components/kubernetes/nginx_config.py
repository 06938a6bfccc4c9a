"""The nginx configuration of the TLS proxy, rendered from settings."""

from pathlib import Path
from string import Template

from components.common import connections
from components.settings.models.proxy import Proxy

CLOUDFLARE_IDLE_SECONDS = 900
"""Seconds that Cloudflare keeps an unused connection to the origin for its next request
(Cloudflare Fundamentals, connection limits, "Proxy Idle Timeout"); it cannot be configured."""
KEEPALIVE_SECONDS = CLOUDFLARE_IDLE_SECONDS + 30
"""Seconds that nginx keeps an unused connection; longer than Cloudflare keeps it.

Otherwise Cloudflare could send a request on a connection that nginx is closing, and the visitor would see
error 520."""

STARTUP_PATH = "/startupz"
"""Path that nginx forwards to the API's liveness path, over plain HTTP."""

SCRATCH = "/tmp"
"""Directory of nginx's pid file and request bodies."""
CERTIFICATES = "/etc/pipe/tls"
"""Directory of tls.crt and tls.key, the keys of a kubernetes.io/tls Secret."""

PROTOCOLS = {"1.2": "TLSv1.2 TLSv1.3", "1.3": "TLSv1.3"}
"""Values of ssl_protocols by the oldest accepted TLS version."""

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Ciphers of TLS 1.2: those of Mozilla's intermediate configuration 5.7, except DHE, which needs a
parameter file (https://ssl-config.mozilla.org)."""

CLOUDFLARE = (
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
)
"""Cloudflare's IPv4 addresses (https://www.cloudflare.com/ips-v4, as of 2026-02). If a
range is missing, only the visitor's address in logs and in X-Forwarded-For is wrong."""


class _Conf(Template):
    """A template with @name for values, since $name is nginx's own syntax."""

    delimiter = "@"


def render(settings: Proxy, *, server_name: str, upstream: str, upstream_health: str) -> str:
    """Render nginx.conf.

    `server_name` is the only host name that nginx answers, and `upstream` is host:port of the API's Service.
    `upstream_health` is a path that the API answers without using the database.
    """
    hsts = f'add_header Strict-Transport-Security "max-age={settings.hsts_seconds}" always;'
    template = (Path(__file__).parent / "assets" / "nginx.conf").read_text()
    return _Conf(template).substitute(
        body_limit=settings.body_limit,
        certificates=CERTIFICATES,
        ciphers=":".join(CIPHERS),
        health_port=connections.HEALTH.number,
        keepalive_seconds=KEEPALIVE_SECONDS,
        startup_path=STARTUP_PATH,
        upstream_health=upstream_health,
        hsts=hsts if settings.hsts_seconds else "# Without Strict-Transport-Security: hstsSeconds is 0.",
        protocols=PROTOCOLS[settings.min_tls],
        scratch=SCRATCH,
        server_name=server_name,
        traffic_port=connections.TRAFFIC.number,
        trusted="\n    ".join(f"set_real_ip_from {cidr};" for cidr in CLOUDFLARE),
        upstream=upstream,
    )
