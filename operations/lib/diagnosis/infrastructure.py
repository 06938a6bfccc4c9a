"""Findings about nodes, load balancer, origin certificate, copies of dumps, and monitors without data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from operations.lib.diagnosis.findings import Finding
from operations.lib.kubernetes.cluster import Manifest

STEPS = ("Launched", "Registered", "Initialized")
"""Conditions of a NodeClaim in the order in which a new node meets them (Karpenter, NodeClaims)."""
PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")
"""Conditions of a node whose value True is a problem (Kubernetes, Node status)."""
BEHIND = timedelta(hours=3)
"""Age from which a dump without a copy is a finding.

S3 replicates most objects within 15 minutes, and sometimes only after a couple of hours (S3 user guide,
Replicating objects).
"""
RECENT = timedelta(days=7)
"""Age from which a dump is no longer checked, since it may be older than the replication."""
REJECTED = ("525", "526")
"""Cloudflare's status for a failed TLS handshake with the origin and for an invalid origin certificate
(Cloudflare, Error 525 and Error 526)."""


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """The actual state of the infrastructure; a part that could not be read is empty or None."""

    nodes: Sequence[Manifest] = ()
    claims: Sequence[Manifest] = ()
    """NodeClaims, the requests of EKS Auto Mode for nodes."""
    unhealthy_targets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Reason of each target that the load balancer's health checks reject, by address and port."""
    certificates: Mapping[str, x509.Certificate] = field(default_factory=dict[str, x509.Certificate])
    """Certificate of each TLS Secret, by the Secret's name."""
    issued: frozenset[int] | None = None
    """Serial numbers of the zone's valid certificates at Cloudflare's Origin CA; None if it was not asked."""
    dumps: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """Time of each dump in the main bucket, by key."""
    copies: Mapping[str, datetime] | None = None
    """Time of each dump in the second region, by key; None if dumps are not copied, or not listed."""
    silent: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Metrics without data, by the monitor's name."""


def lines(infrastructure: Infrastructure) -> Iterator[str]:
    """Yield one line per part that was read."""
    ready = sum(1 for node in infrastructure.nodes if _condition(node, "Ready").get("status") == "True")
    yield f"nodes: {ready} of {len(infrastructure.nodes)} ready"
    if infrastructure.issued is not None:
        yield f"Cloudflare: {len(infrastructure.issued)} valid origin certificates"
    if infrastructure.copies is not None:
        yield f"dumps: {len(infrastructure.dumps)}, {len(infrastructure.copies)} in the second region"


def findings(
    infrastructure: Infrastructure,
    settings: Mapping[str, Any],
    *,
    visit: str | None,
    now: datetime,
) -> Iterator[Finding]:
    """Yield the problems; `visit` is the result of a request to the site, or None if none was sent."""
    for node in infrastructure.nodes:
        yield from _node(node)
    for claim in infrastructure.claims:
        yield from _claim(claim)
    for target, reason in infrastructure.unhealthy_targets.items():
        remedy = "check the proxy's pods, and that the security groups let the load balancer connect to them"
        yield Finding("unhealthy targets", f"target/{target}", reason, remedy)
    yield from _certificates(infrastructure, str(settings["edge"]["host"]).partition(":")[0], visit)
    yield from _copies(infrastructure, settings, now)
    for monitor, metrics in infrastructure.silent.items():
        evidence = f"no data in the last hour: {', '.join(metrics)}"
        remedy = "check the agent's pods, and Datadog's integration with the AWS account"
        yield Finding("no data", f"monitor/{monitor}", evidence, remedy)


def _condition(manifest: Manifest, kind: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = manifest.get("status", {}).get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == kind), dict[str, Any]())


def _node(node: Manifest) -> Iterator[Finding]:
    """Yield a finding for a node that is not ready or under pressure, unless it is being removed."""
    name = f"node/{node['metadata']['name']}"
    if node["metadata"].get("deletionTimestamp"):
        return
    remedy = "EKS replaces a broken node; if it does not: docs/break-glass.md, section Nodes"
    ready = _condition(node, "Ready")
    if ready.get("status") != "True":
        evidence = ready.get("message") or "its kubelet reports no status"
        yield Finding("node not ready", name, evidence, remedy)
    for pressure in PRESSURES:
        condition = _condition(node, pressure)
        if condition.get("status") == "True":
            yield Finding("node not ready", name, f"{pressure}: {condition.get('message', '')}", remedy)


def _claim(claim: Manifest) -> Iterator[Finding]:
    """Yield a finding for a node that AWS did not start, or that did not join the cluster."""
    for step in STEPS:
        condition = _condition(claim, step)
        if condition.get("status") == "False":
            evidence = f"{step}: {condition.get('reason', '')}: {condition.get('message', '')}"
            remedy = (
                "the message names the cause, such as a quota (Service Quotas), missing capacity, or a route"
                " or permission that the node lacks: kubectl describe nodeclaim"
            )
            yield Finding("failed scale-up", f"nodeclaim/{claim['metadata']['name']}", evidence, remedy)
            return


def _certificates(infrastructure: Infrastructure, host: str, visit: str | None) -> Iterator[Finding]:
    remedy = "create the origin certificate again (docs/runbooks/origin-certificate-expiry.md)"
    for name, certificate in infrastructure.certificates.items():
        names = _hosts(certificate)
        if not any(_covers(pattern, host) for pattern in names):
            evidence = f"it is for {', '.join(names) or 'no host'}, not for {host}"
            yield Finding("certificate mismatch", f"secret/{name}", evidence, remedy)
        elif infrastructure.issued is not None and certificate.serial_number not in infrastructure.issued:
            evidence = f"Cloudflare has no valid certificate with its serial {certificate.serial_number:x}"
            yield Finding("certificate mismatch", f"secret/{name}", evidence, remedy)
    status = (visit or "").rpartition(": ")[2]
    if status in REJECTED:
        evidence = f"Cloudflare answered {status}: it rejects the certificate of the proxy"
        yield Finding("certificate mismatch", host, evidence, remedy)


def _hosts(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _covers(pattern: str, host: str) -> bool:
    """Return True if a certificate's name covers the host; a wildcard stands for one label (RFC 6125)."""
    return pattern == host or (pattern.startswith("*.") and pattern[2:] == host.partition(".")[2])


def _copies(infrastructure: Infrastructure, settings: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """Yield a finding if dumps older than BEHIND have no copy in the second region."""
    if infrastructure.copies is None:
        return
    late = [
        key
        for key, time in infrastructure.dumps.items()
        if BEHIND < now - time < RECENT and not _is_copied(infrastructure.copies.get(key), time)
    ]
    if late:
        replica = settings["backups"]["replica"]["bucket"]
        oldest = min(late, key=lambda key: infrastructure.dumps[key])
        hours = (now - infrastructure.dumps[oldest]).total_seconds() / 3600
        evidence = f"{len(late)} dumps have no copy; the oldest, {oldest}, has waited for {hours:.0f} hours"
        remedy = (
            "aws s3api head-object shows its ReplicationStatus; check the rule, the role and both keys of the"
            " replication: pulumi preview --refresh"
        )
        yield Finding("replication behind", f"bucket/{replica}", evidence, remedy)


def _is_copied(copy: datetime | None, original: datetime) -> bool:
    return copy is not None and copy >= original
