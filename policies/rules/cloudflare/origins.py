"""A rule on tunnels and Spectrum applications, whose connections to an origin the zone's settings miss."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pulumi_policy import Severity

from policies.engine.rule import Options, Resource, Verdicts, check_each, disallowed, expected
from policies.engine.topics import CLOUDFLARE
from policies.model.property_values import Value

TUNNELS = (
    "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
    "cloudflare:index/tunnelConfig:TunnelConfig",
)
SPECTRUM = "cloudflare:index/spectrumApplication:SpectrumApplication"

UNVERIFIED = ("flexible", "full")
"""The modes of Spectrum without TLS to the origin, or without a check of its certificate.

With `off`, Spectrum passes the client's own TLS on, and the client sees the origin's certificate (Cloudflare,
Spectrum, configuration options, Edge TLS Termination).
"""

PLAIN = ("http", "ws")
ENCRYPTED = ("https", "wss")
"""The schemes of services to which cloudflared speaks HTTP (cloudflared, ingress.go, isHTTPService)."""


@CLOUDFLARE.rule(
    "cloudflare-origin-unverified",
    types=(*TUNNELS, SPECTRUM),
    severity=Severity.CRITICAL,
    controls=("Cloudflare SSL/TLS: Full (strict)",),
    remediation=(
        "Let the tunnel verify the origin's certificate (caPool, originServerName), and set the tls of a "
        "Spectrum application to strict."
    ),
    url="https://developers.cloudflare.com/tunnel/reference/origin-parameters/",
)
def unverified(resource: Resource, _: Options) -> Verdicts:
    """Refuse tunnels and Spectrum applications that do not verify the certificate of the origin.

    A tunnel may use plain HTTP to a name or a private address, and any certificate on its own machine.
    """
    if resource.type == SPECTRUM:
        # The origin of the type `worker` is a program at Cloudflare, which allows only these modes and `off`.
        if resource["trafficType"].text() != "worker" and resource["tls"].text() in UNVERIFIED:
            yield expected(resource["tls"], "'strict'")
    else:
        config = resource["config"]
        default = config.at("originRequest.noTlsVerify")
        yield from check_each(config["ingresses"].items(), lambda ingress: _ingress(ingress, default))


def _ingress(ingress: Value, default: Value) -> Verdicts:
    """Check a service of a tunnel.

    Its own settings precede those of the tunnel (cloudflared, ingress/config.go, setNoTLSVerify).
    """
    own = ingress.at("originRequest.noTlsVerify")
    setting = default if own.absent else own
    scheme, host = _address(ingress["service"].text() or "")
    if scheme in PLAIN:
        if _is_public(host):
            yield disallowed(ingress["service"], "use https")
    elif scheme in ENCRYPTED and setting.flag() and not _is_local(host):
        yield expected(setting, "false")


def _address(service: str) -> tuple[str, str]:
    """Return the scheme and the host of a service; both are empty if it is no address."""
    try:
        parts = urlsplit(service.strip())
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.hostname or ""


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
