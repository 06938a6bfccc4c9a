"""The tags and metrics that the alerts of a stack read."""

import re
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Tags and metrics that the queries read.

    The agent or pod labels set the tags. The database's tags come from CloudWatch, like its metrics.
    """

    environment: str
    service: str
    """The `service` tag of traces: the API."""
    namespace: str
    """The namespace of the pods."""
    backup: str
    """Name of the CronJob that backs up the database."""
    database: pulumi.Input[str]
    """The RDS instance's identifier."""
    probe_paths: tuple[str, ...]
    """Paths of the kubelet's probes, which can outnumber the requests of visitors at night."""
    proxy_requests: str
    """Metric of the requests that the TLS proxy answered."""
    proxy_errors: str
    """Metric of the requests that the TLS proxy answered with a status of 500 or above."""

    @property
    def traces(self) -> str:
        """Tags that select the API's requests except probes, which would lower the share of errors."""
        probes = "".join(f",!resource_name:{resource_name(path)}" for path in self.probe_paths)
        return f"{{env:{self.environment},service:{self.service}{probes}}}"

    def certificate(self, side: str) -> str:
        """Return the tags of a certificate that the agents check (set in components/datadog/agent.py)."""
        return f"{{env:{self.environment},service:{self.service},certificate:{side}}}"

    @property
    def hosts(self) -> str:
        """Tags that select the stack's nodes."""
        return f"{{env:{self.environment}}}"

    @property
    def pods(self) -> str:
        """Tags that select the pods of the service's namespace."""
        return f"{{env:{self.environment},kube_namespace:{self.namespace}}}"

    @property
    def backups(self) -> list[str]:
        """Tags that select the CronJob that backs up the database, one per entry."""
        return [f"env:{self.environment}", f"kube_namespace:{self.namespace}", f"kube_cronjob:{self.backup}"]


def resource_name(path: str) -> str:
    """Return the tag value of a path's GET requests in trace metrics.

    The tracer names an Express route "GET /healthz". Tags are in lower case, with underscores for characters
    that a tag may not contain (Datadog documentation: Trace Metrics; Getting Started, Tags).
    """
    return re.sub(r"[^a-z0-9_:./-]+", "_", f"get {path}".lower()).rstrip("_")
