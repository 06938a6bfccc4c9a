"""What is wrong with the API's pods: the guide's troubleshooting in one go, with the likely cause first.

It asks for status, events, logs, usage, certificates and the trace agent, and changes nothing.
"""

import base64
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from scripts import options
from scripts.cluster import API, Cluster, Manifest, connected
from scripts.diagnosis import Facts, Finding, findings
from scripts.options import Options
from scripts.process import Failed
from scripts.steps import Steps, perform

CERTIFICATES = r'{range .items[*]}{.metadata.name}{" "}{.data.tls\.crt}{"\n"}{end}'
"""Of each Secret its name and its certificate; the key beside it stays where it is."""
LOG_LINES = 30
EVENTS = 15


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    given = options.parser("doctor", __doc__ or "").parse_args(words)
    chosen = options.options(given)
    return perform("doctor", chosen, lambda steps: work(steps, chosen))


def work(steps: Steps, chosen: Options) -> str:
    """Ask, show, conclude."""
    with connected(steps.programs, chosen) as cluster:
        with steps.step("pods, events, quota"):
            events = warnings(cluster)
            pods = cluster.list("pods", "")
            for name, words in {
                "pods": ("get", "pods", "--output=wide"),
                "quota": ("get", "resourcequota"),
            }.items():
                show(steps, name, cluster, *words)
            for event in events[-EVENTS:]:
                about = event["involvedObject"]
                steps.line(
                    f"{event['reason']} {about['kind'].lower()}/{about.get('name')}: {event['message']}"
                )
        with steps.step(f"kubectl describe {API}"):
            show(steps, "describe", cluster, "describe", API)
        with steps.step("kubectl top pods"):
            show(steps, "usage", cluster, "top", "pods")
        with steps.step("certificates"):
            days = certificates(cluster)
            for name, left in days.items():
                steps.line(f"secret/{name}: {'unreadable' if left is None else f'{left:.0f} days left'}")
        with steps.step("trace agent"):
            traces = trace_agent(steps, cluster)
        with steps.step("logs of the pods that are not well"):
            logs(steps, cluster, pods)
        facts = Facts(
            stack=chosen.stack,
            pods=pods,
            deployments=cluster.list("deployments", ""),
            autoscalers=cluster.list("horizontalpodautoscalers", ""),
            events=events,
            certificate_days=days,
            warning_days=chosen.settings["monitoring"]["thresholds"]["originCertificateDays"]["warning"],
            traces=traces,
        )
    found = findings(facts)
    steps.results |= {each.cause: each.what for each in found}
    return report(found)


def report(found: Sequence[Finding]) -> str:
    """The diagnosis in words."""
    if not found:
        return "nothing is wrong with the pods, their certificates and their quota"
    first, *rest = found
    lines = [f"Likely cause: {first.cause}", *_told(first)]
    for each in rest:
        lines += [f"Also: {each.cause}", *_told(each)]
    return "\n".join(lines)


def _told(finding: Finding) -> list[str]:
    return [f"  {finding.what}", f"  {finding.said}", f"  -> {finding.remedy}"]


def show(steps: Steps, name: str, cluster: Cluster, *words: str) -> None:
    """A command's lines; that it cannot answer is worth a line, and no more."""
    try:
        for line in cluster.read(*words).splitlines():
            steps.line(line)
    except Failed as error:
        steps.skip(f"{name}: not available: {str(error).splitlines()[-1]}")


def warnings(cluster: Cluster) -> list[Manifest]:
    """Events that are warnings, the oldest first."""
    words = ("get", "events", "--field-selector=type=Warning", "--output=json")
    found: list[Manifest] = json.loads(cluster.read(*words))["items"]
    return sorted(found, key=lambda each: each.get("lastTimestamp") or each["metadata"]["creationTimestamp"])


def certificates(cluster: Cluster) -> dict[str, float | None]:
    """Days that certificates of the namespace's TLS Secrets are still valid, by Secret; None: unreadable."""
    selector = "--field-selector=type=kubernetes.io/tls"
    text = cluster.read("get", "secrets", selector, f"--output=jsonpath={CERTIFICATES}")
    found: dict[str, float | None] = {}
    for line in text.splitlines():
        name, _, encoded = line.partition(" ")
        try:
            certificate = x509.load_pem_x509_certificates(base64.b64decode(encoded))[0]
        except ValueError:
            found[name] = None
            continue
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        found[name] = left.total_seconds() / 86400
    return found


def trace_agent(steps: Steps, cluster: Cluster) -> str:
    """What `agent status` says of the trace agent, on the first node that has one."""
    where = ("--namespace=datadog", "--selector=app.kubernetes.io/component=agent", "--output=name")
    try:
        pods = cluster.read("get", "pods", *where).split()
        if not pods:
            steps.skip("no agent's pod in the namespace datadog")
            return ""
        words = ("exec", "--namespace=datadog", pods[0], "--container=agent", "--", "agent", "status")
        said = section(cluster.read(*words))
    except Failed as error:
        steps.skip(f"not available: {str(error).splitlines()[-1]}")
        return ""
    for line in said.splitlines():
        steps.line(line)
    return said


def section(status: str) -> str:
    """The part about the APM agent of what `agent status` says."""
    match = re.search(r"^=+\nAPM Agent\n=+\n(.*?)(?=^=+\n|\Z)", status, re.MULTILINE | re.DOTALL)
    return match[1].strip("\n") if match else "the agent's status has no part about the APM agent"


def logs(steps: Steps, cluster: Cluster, pods: Sequence[Manifest]) -> None:
    """The last lines of each container that is not ready, and of its run before."""
    if cluster.silent:
        steps.skip("pods of a sandbox run nothing")
        return
    for pod in pods:
        for status in pod.get("status", {}).get("containerStatuses", ()):
            done = pod["status"].get("phase") == "Succeeded"
            if status.get("ready") or done or not (status.get("started") or status.get("restartCount")):
                continue
            name = pod["metadata"]["name"]
            words = ("logs", name, f"--container={status['name']}", f"--tail={LOG_LINES}")
            steps.line(f"pod/{name} {status['name']}:")
            show(steps, "log", cluster, *words, *(["--previous"] if status.get("restartCount") else []))


if __name__ == "__main__":
    sys.exit(main())
