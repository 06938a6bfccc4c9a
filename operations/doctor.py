"""Diagnosis of a stack from the visitor to the database, with the likeliest cause first.

It compares the stack file and the program's outputs with the actual DNS records, load balancer, Deployments,
Services, certificates and database. It also reads events, logs, usage and the trace agent's status, as the
guide's troubleshooting does. With GITHUB_TOKEN it also checks the protection rules on GitHub. It changes
nothing.
"""

import argparse
import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError
from cryptography import x509

from operations.lib import command_line, health, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.diagnosis import github_rules, service_path
from operations.lib.diagnosis.findings import Facts, Finding, findings
from operations.lib.diagnosis.service_path import Observation, Record
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.cluster import API, Cluster, Manifest, NamespaceMissing, connected
from operations.lib.run_log import RunLog, perform, say
from operations.lib.services import github, release_names

Answer = TypeVar("Answer")

CERTIFICATES = r'{range .items[*]}{.metadata.name}{" "}{.data.tls\.crt}{"\n"}{end}'
"""JSONPath of each Secret's name and certificate, but not of the private key."""
LOG_LINES = 30
"""Number of lines of a container's log to show."""
EVENTS = 15
"""Number of the newest warnings to show."""
VISIT_SECONDS = 10.0
"""Seconds without a response after which the site counts as down."""


EXIT_CODES = """\
exit codes:
  0    no problem
  1    a problem; the likely cause comes first
  2    wrong usage, or a part of the stack could not be checked
  130  stopped by Ctrl-C
"""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("doctor", __doc__ or "")
    parser.epilog = command_line.TEXT.partition("exit codes:")[0] + EXIT_CODES
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    options = command_line.read_options(build_parser().parse_args(argv))
    return perform("doctor", options, lambda log: work(log, options))


def work(log: RunLog, options: Options) -> str:
    """Diagnose the stack; raise FailedError for a problem, and RefusedError for an incomplete diagnosis."""
    try:
        problems, unanswered = diagnose(log, options)
    except NamespaceMissing as error:
        raise FailedError(str(error)) from None
    except FailedError as error:
        raise RefusedError(f"the diagnosis is incomplete: {error}") from None
    log.results |= {problem.cause: problem.objects for problem in problems}
    if problems:
        say(report(problems))
        causes = ", ".join(problem.cause for problem in problems)
        raise FailedError(f"{options.stack} has problems: {causes}")
    if unanswered:
        listed = "\n  ".join(unanswered)
        raise RefusedError(f"no problem was found, but these parts could not be checked:\n  {listed}")
    return "no problem from the visitor to the database"


def diagnose(log: RunLog, options: Options) -> tuple[list[Finding], list[str]]:
    """Query and show every part; return the problems and the parts that did not respond."""
    with connected(log.runner, options) as cluster:
        with log.step("from the visitor to the database"):
            observation, unanswered = observe(log, cluster, options)
            for text in (*service_path.lines(observation), *unanswered):
                log.line(text)
        with log.step("pods, events, quota"):
            events = warnings(cluster)
            pods = cluster.list("pods", "")
            for name, arguments in {
                "pods": ("get", "pods", "--output=wide"),
                "quota": ("get", "resourcequota"),
            }.items():
                show(log, name, cluster, *arguments)
            for event in events[-EVENTS:]:
                about = event["involvedObject"]
                log.line(f"{event['reason']} {about['kind'].lower()}/{about.get('name')}: {event['message']}")
        with log.step(f"kubectl describe {API}"):
            show(log, "describe", cluster, "describe", API)
        with log.step("kubectl top pods"):
            show(log, "usage", cluster, "top", "pods")
        with log.step("certificates"):
            days = certificates(cluster)
            for name, left in days.items():
                log.line(f"secret/{name}: {'unreadable' if left is None else f'{left:.0f} days left'}")
        with log.step("trace agent"):
            traces = trace_agent(log, cluster)
        with log.step("logs of unready containers"):
            logs(log, cluster, pods)
        with log.step("protection rules on GitHub"):
            rules = protection(log, options)
        facts = Facts(
            stack=options.stack,
            pods=pods,
            deployments=cluster.list("deployments", ""),
            autoscalers=cluster.list("horizontalpodautoscalers", ""),
            events=events,
            certificate_days=days,
            warning_days=options.settings["monitoring"]["thresholds"]["originCertificateDays"]["warning"],
            traces=traces,
        )
    path_findings = service_path.findings(
        options.settings,
        observation,
        repair_command=sandbox_targets.repair_command(options),
        stack=options.stack,
        namespace=options.namespace,
    )
    return findings(facts, [*path_findings, *github_rules.findings(rules)]), unanswered


def protection(log: RunLog, options: Options) -> list[github_rules.Rule]:
    """Show and return the state of the protection rules on GitHub; empty if GitHub is not asked.

    Only a rule that is not set is a problem. A rule whose state is unknown is no incomplete diagnosis, since
    the token of the workflow Operate cannot read all of them.
    """
    if options.target == "sandbox":
        log.skip("GitHub's rules do not protect a sandbox")
        return []
    if not github.token():
        log.skip("GitHub was not asked: GITHUB_TOKEN is not set")
        return []
    service, runner = options.settings["service"], options.settings["ciRunner"]
    rules = github_rules.check(
        github.get,
        service["repository"],
        options.stack,
        reviewed=service["environment"] != "dev",
        runner_group=runner["runnerGroup"] if runner["enabled"] else None,
    )
    for rule in rules:
        log.line(str(rule))
    return rules


def observe(log: RunLog, cluster: Cluster, options: Options) -> tuple[Observation, list[str]]:
    """Return the state of each part of a request's path, and an error for each part that did not respond."""
    unanswered: list[str] = []

    def ask(subject: str, question: Callable[[], Answer]) -> Answer | None:
        try:
            return question()
        except (FailedError, RefusedError, BotoCoreError, ClientError, CloudflareError) as error:
            unanswered.append(f"{subject}: {str(error).splitlines()[0]}")
            return None

    observation = Observation(
        outputs=ask("the program's outputs", lambda: sandbox_targets.outputs(log.runner, options)),
        visit=visit(options),
        records=ask("Cloudflare", lambda: records(options)) if has_cloudflare(options) else None,
        objects={name: cluster.find(name) for name in service_path.OBJECTS},
        endpoints={name: health.endpoints(cluster, name) for name in service_path.WORKLOADS},
        databases=ask("RDS", lambda: databases(options)),
    )
    return observation, unanswered


def visit(options: Options) -> str | None:
    """Return `200` or the error of a request to the health path; None in a sandbox, which has no site."""
    if options.target == "sandbox":
        return None
    try:
        return health.answer(health.url(options), seconds=VISIT_SECONDS)
    except FailedError as error:
        return str(error)


def has_cloudflare(options: Options) -> bool:
    """Return True if Cloudflare's records can be read: in a sandbox, or with a token."""
    return options.target == "sandbox" or bool(os.environ.get("CLOUDFLARE_API_TOKEN"))


def records(options: Options) -> dict[str, list[Record]]:
    """Return the address records of the stack's hosts."""
    edge = options.settings["edge"]
    client = release_names.client(options)
    zone = release_names.find_zone(client, edge["zoneName"])
    addresses: dict[str, list[Record]] = {edge["host"]: [], edge["frontendHost"]: []}
    listed: Iterable[Any] = client.dns.records.list(zone_id=zone)
    for record in listed:
        if record.type in release_names.ADDRESSES and record.name in addresses:
            addresses[record.name].append(Record(type=record.type, content=str(record.content)))
    return addresses


def databases(options: Options) -> dict[str, str]:
    """Return the RDS state of each database in the stack's region, by the database's address."""
    pages = sandbox_targets.aws(options, "rds").get_paginator("describe_db_instances").paginate()
    instances: list[dict[str, Any]] = [instance for page in pages for instance in page["DBInstances"]]
    return {
        instance.get("Endpoint", {}).get("Address") or instance["DBInstanceIdentifier"]: instance[
            "DBInstanceStatus"
        ]
        for instance in instances
    }


def report(problems: Sequence[Finding]) -> str:
    """Format the problems for the terminal, the likeliest cause first."""
    first, *rest = problems
    lines = [f"Likely cause: {first.cause}", *_detail_lines(first)]
    for problem in rest:
        lines += [f"Also: {problem.cause}", *_detail_lines(problem)]
    return "\n".join(lines)


def _detail_lines(finding: Finding) -> list[str]:
    return [f"  {finding.objects}", f"  {finding.evidence}", f"  -> {finding.remedy}"]


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


def certificates(cluster: Cluster) -> dict[str, float | None]:
    """Return the days until the certificate of each TLS Secret expires; None if it is unreadable."""
    selector = "--field-selector=type=kubernetes.io/tls"
    text = cluster.read("get", "secrets", selector, f"--output=jsonpath={CERTIFICATES}")
    days: dict[str, float | None] = {}
    for line in text.splitlines():
        name, _, encoded = line.partition(" ")
        try:
            certificate = x509.load_pem_x509_certificates(base64.b64decode(encoded))[0]
        except ValueError:
            days[name] = None
            continue
        remaining = certificate.not_valid_after_utc - datetime.now(UTC)
        days[name] = remaining.total_seconds() / 86400
    return days


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
    """Show the end of the log of each container that is not ready; after a restart, of its previous run."""
    if cluster.silent:
        log.skip("pods of a sandbox run nothing")
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


if __name__ == "__main__":
    sys.exit(main())
