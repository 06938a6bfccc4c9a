"""State of the objects in the cluster: events, certificates, logs and the trace agent."""

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import Cluster, Manifest
from operations.lib.run_log import RunLog

CERTIFICATES = r'{range .items[*]}{.metadata.name}{" "}{.data.tls\.crt}{"\n"}{end}'
"""JSONPath of each Secret's name and certificate, but not of the private key."""
LOG_LINES = 30
"""Number of lines of a container's log to show."""


def show(log: RunLog, name: str, cluster: Cluster, *arguments: str) -> None:
    """Show the output of a kubectl command, or mark the step as skipped if the command fails."""
    try:
        for line in cluster.read(*arguments).splitlines():
            log.line(line)
    except FailedError as error:
        log.skip(f"{name}: not available: {str(error).splitlines()[-1]}")


def warnings(cluster: Cluster) -> list[Manifest]:
    """Return the events of type Warning, the oldest first."""
    arguments = ("get", "events", "--field-selector=type=Warning", "--output=json")
    events: list[Manifest] = json.loads(cluster.read(*arguments))["items"]
    return sorted(
        events, key=lambda event: event.get("lastTimestamp") or event["metadata"]["creationTimestamp"]
    )


def certificates(cluster: Cluster) -> dict[str, x509.Certificate | None]:
    """Return the certificate of each TLS Secret; None if it is unreadable."""
    selector = "--field-selector=type=kubernetes.io/tls"
    text = cluster.read("get", "secrets", selector, f"--output=jsonpath={CERTIFICATES}")
    read: dict[str, x509.Certificate | None] = {}
    for line in text.splitlines():
        name, _, encoded = line.partition(" ")
        try:
            read[name] = x509.load_pem_x509_certificates(base64.b64decode(encoded))[0]
        except ValueError:
            read[name] = None
    return read


def days_left(certificate: x509.Certificate | None) -> float | None:
    """Return the days until a certificate expires; None without a certificate."""
    if certificate is None:
        return None
    return (certificate.not_valid_after_utc - datetime.now(UTC)).total_seconds() / 86400


def trace_agent(log: RunLog, cluster: Cluster) -> str:
    """Return the trace agent's section of `agent status` in the first agent pod; empty without an agent."""
    selection = ("--namespace=datadog", "--selector=app.kubernetes.io/component=agent", "--output=name")
    try:
        pods = cluster.read("get", "pods", *selection).split()
        if not pods:
            log.skip("no agent pod in the namespace datadog")
            return ""
        arguments = ("exec", "--namespace=datadog", pods[0], "--container=agent", "--", "agent", "status")
        status = section(cluster.read(*arguments))
    except FailedError as error:
        log.skip(f"not available: {str(error).splitlines()[-1]}")
        return ""
    for line in status.splitlines():
        log.line(line)
    return status


def section(status: str) -> str:
    """Return the APM agent's section of the output of `agent status`."""
    match = re.search(r"^=+\nAPM Agent\n=+\n(.*?)(?=^=+\n|\Z)", status, re.MULTILINE | re.DOTALL)
    return match[1].strip("\n") if match else "the agent's status has no section about the APM agent"


def logs(log: RunLog, cluster: Cluster, pods: Sequence[Manifest]) -> None:
    """Show the end of the log of each container that is not ready.

    After a restart, this is the log of the previous run.
    """
    if cluster.silent:
        log.skip("pods of a sandbox run no containers")
        return
    for pod in pods:
        for status in pod.get("status", {}).get("containerStatuses", ()):
            succeeded = pod["status"].get("phase") == "Succeeded"
            if status.get("ready") or succeeded or not (status.get("started") or status.get("restartCount")):
                continue
            name = pod["metadata"]["name"]
            arguments = ("logs", name, f"--container={status['name']}", f"--tail={LOG_LINES}")
            log.line(f"pod/{name} {status['name']}:")
            show(log, "log", cluster, *arguments, *(["--previous"] if status.get("restartCount") else []))
