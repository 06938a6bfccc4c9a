"""Diagnosis of a stack from the visitor to the database, with the likeliest cause first.

It compares the stack file and the program's outputs with the actual DNS records, load balancer, Deployments,
Services, certificates and database. It also reads events, logs, usage and the trace agent's status, as the
guide's troubleshooting does. It checks the nodes and the requests for nodes, the load balancer's targets, the
origin certificate at Cloudflare, the copies of the dumps, and whether the monitors have data. With
GITHUB_TOKEN it also checks the protection rules on GitHub. It changes nothing.
"""

import argparse
import base64
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError
from cryptography import x509

from operations.lib import command_line, health, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.diagnosis import github_rules, infrastructure, service_path
from operations.lib.diagnosis.findings import Facts, Finding, findings
from operations.lib.diagnosis.infrastructure import Infrastructure
from operations.lib.diagnosis.service_path import Observation, Record
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.cluster import API, Cluster, Manifest, NamespaceMissing, connected
from operations.lib.run_log import RunLog, perform, say
from operations.lib.services import datadog, github, load_balancers, release_names

Answer = TypeVar("Answer")

CERTIFICATES = r'{range .items[*]}{.metadata.name}{" "}{.data.tls\.crt}{"\n"}{end}'
"""JSONPath of each Secret's name and certificate, but not of the private key."""
LOG_LINES = 30
"""Number of lines of a container's log to show."""
CLAIMS = "nodeclaims.karpenter.sh"
"""Kind of EKS Auto Mode's requests for nodes (EKS user guide, Troubleshoot EKS Auto Mode)."""
EVENTS = 15
"""Number of the newest warnings to show."""
VISIT_SECONDS = 10.0
"""Seconds without a successful response after which the site counts as down."""


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
            read_certificates = certificates(cluster)
            days = {name: days_left(certificate) for name, certificate in read_certificates.items()}
            for name, left in days.items():
                log.line(f"secret/{name}: {'unreadable' if left is None else f'{left:.0f} days left'}")
        with log.step("nodes, load balancer, copies of dumps, monitors"):
            readable = {name: pem for name, pem in read_certificates.items() if pem}
            carrier, more = survey(log, cluster, options, observation.load_balancer, readable)
            unanswered += more
            for text in (*infrastructure.lines(carrier), *more):
                log.line(text)
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
    carrier_findings = infrastructure.findings(
        carrier, options.settings, visit=observation.visit, now=datetime.now(UTC)
    )
    return findings(facts, [*path_findings, *carrier_findings, *github_rules.findings(rules)]), unanswered


def protection(log: RunLog, options: Options) -> list[github_rules.Rule]:
    """Show and return the state of the protection rules on GitHub; empty if GitHub is not asked.

    Only a rule that is not set is a problem. A rule whose state is unknown does not make the diagnosis
    incomplete, since the token of the workflow Operate cannot read every rule.
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
    ask = partial(_ask, unanswered)
    observation = Observation(
        outputs=ask("the program's outputs", lambda: sandbox_targets.outputs(log.runner, options)),
        visit=visit(options),
        records=ask("Cloudflare", lambda: records(options)) if has_cloudflare(options) else None,
        objects={name: cluster.find(name) for name in service_path.OBJECTS},
        endpoints={name: health.endpoints(cluster, name) for name in service_path.WORKLOADS},
        databases=ask("RDS", lambda: databases(options)),
    )
    return observation, unanswered


def _ask(unanswered: list[str], subject: str, question: Callable[[], Answer]) -> Answer | None:
    """Return the answer; if the part does not respond, add its error to `unanswered` and return None."""
    try:
        return question()
    except (FailedError, RefusedError, BotoCoreError, ClientError, CloudflareError) as error:
        unanswered.append(f"{subject}: {str(error).splitlines()[0]}")
        return None


def survey(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    balancer: str,
    readable: Mapping[str, x509.Certificate],
) -> tuple[Infrastructure, list[str]]:
    """Return the state of the infrastructure, and an error for each part of it that did not respond."""
    unanswered: list[str] = []
    ask = partial(_ask, unanswered)
    cloudflare = has_cloudflare(options) and bool(readable)
    backups = options.settings["backups"]
    replica = backups["replica"]
    copied, where = replica["enabled"], {"bucket": replica["bucket"], "region": replica["region"]}
    return Infrastructure(
        nodes=ask("nodes", lambda: cluster.list("nodes", "")) or (),
        claims=ask("node claims", lambda: claims(cluster)) or (),
        unhealthy_targets=ask("load balancer", lambda: unhealthy_targets(options, balancer)) or {},
        certificates=readable,
        issued=ask("Cloudflare's origin certificates", lambda: issued(options)) if cloudflare else None,
        dumps=(ask("dumps", lambda: dumps(options, backups["bucket"])) or {}) if copied else {},
        copies=ask("copies of dumps", lambda: dumps(options, **where)) if copied else None,
        silent=ask("Datadog", lambda: silent(log, options)) or {},
    ), unanswered


def claims(cluster: Cluster) -> list[Manifest]:
    """Return EKS Auto Mode's requests for nodes; empty without Auto Mode, as in a sandbox."""
    kinds = cluster.read("api-resources", "--api-group=karpenter.sh", "--output=name").split()
    return cluster.list(CLAIMS, "") if CLAIMS in kinds else []


def unhealthy_targets(options: Options, address: str) -> Mapping[str, str]:
    """Return the targets that the load balancer with this address does not use, with the reasons."""
    name = f"pipe-{options.settings['service']['environment']}"
    balancers = load_balancers.of_cluster(options, name) if address else []
    return {
        target: reason
        for balancer in balancers
        if balancer.address == address
        for target, reason in load_balancers.unhealthy_targets(options, balancer).items()
    }


def issued(options: Options) -> frozenset[int]:
    """Return the serial numbers of the zone's certificates at Cloudflare's Origin CA that are not revoked."""
    client = release_names.client(options)
    zone = release_names.find_zone(client, options.settings["edge"]["zoneName"])
    listed: Iterable[Any] = client.origin_ca_certificates.list(zone_id=zone)
    pems = [str(entry.certificate) for entry in listed if entry.certificate]
    return frozenset(x509.load_pem_x509_certificate(pem.encode()).serial_number for pem in pems)


def dumps(options: Options, bucket: str, region: str = "") -> dict[str, datetime]:
    """Return the time of each object in a bucket, by default of the stack's region."""
    s3 = sandbox_targets.aws(options, "s3", region)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", ())}


def silent(log: RunLog, options: Options) -> dict[str, list[str]]:
    """Return the metrics without data by the name of the monitor; empty if Datadog is not asked."""
    if options.target == "sandbox":
        log.line("Datadog was not asked: pods of a sandbox send no metrics")
        return {}
    if missing := [name for name in datadog.KEYS if not os.environ.get(name)]:
        log.line(f"Datadog was not asked, because these variables are not set: {', '.join(missing)}")
        return {}
    return datadog.Datadog(options).silent()


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


if __name__ == "__main__":
    sys.exit(main())
