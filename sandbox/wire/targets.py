"""The process that serves a sandbox's targets, and the addresses of its APIs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Targets:
    """A process that serves targets, and their addresses, as recorded in targets.json."""

    pid: int
    aws: str
    """The URL of the AWS API; the next two fields are the URLs of the other APIs."""
    cloudflare: str
    datadog: str
    kubeconfig: Path | None
    """The administrator's kubeconfig; None without a control plane."""
    since: float
    """The time at which the targets were ready, in seconds since 1970.

    It distinguishes the process from a later one with the same PID.
    """
