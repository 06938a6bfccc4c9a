"""Diagnosis of a stack from the visitor to the database, with the likeliest cause first.

It compares the stack file and the program's outputs with the actual DNS records, load balancer, Deployments,
Services, certificates and database. It also reads events, logs, usage and the trace agent's status, as the
guide's troubleshooting does. It checks the nodes and the requests for nodes, the load balancer's targets, the
origin certificate at Cloudflare, the copies of the dumps, and whether the monitors have data. With
GITHUB_TOKEN it also checks the protection rules on GitHub. It changes nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from operations.lib import command_line, sandbox_targets
from operations.lib.command_line import Options
from operations.lib.diagnosis import github_rules, infrastructure, service_path
from operations.lib.diagnosis.collectors import kubernetes_objects
from operations.lib.diagnosis.collectors.github_rules import collect_github_rules
from operations.lib.diagnosis.collectors.infrastructure import collect_infrastructure
from operations.lib.diagnosis.collectors.service_path import collect_service_path
from operations.lib.diagnosis.findings import Facts, Finding, findings
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.cluster import API, NamespaceMissing, connected
from operations.lib.run_log import RunLog, perform, say

EVENTS = 15
"""Number of the newest warnings to show."""

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
            observation, unanswered = collect_service_path(log, cluster, options)
            for text in (*service_path.lines(observation), *unanswered):
                log.line(text)
        with log.step("pods, events, quota"):
            events = kubernetes_objects.warnings(cluster)
            pods = cluster.list("pods", "")
            for name, arguments in {
                "pods": ("get", "pods", "--output=wide"),
                "quota": ("get", "resourcequota"),
            }.items():
                kubernetes_objects.show(log, name, cluster, *arguments)
            for event in events[-EVENTS:]:
                about = event["involvedObject"]
                log.line(f"{event['reason']} {about['kind'].lower()}/{about.get('name')}: {event['message']}")
        with log.step(f"kubectl describe {API}"):
            kubernetes_objects.show(log, "describe", cluster, "describe", API)
        with log.step("kubectl top pods"):
            kubernetes_objects.show(log, "usage", cluster, "top", "pods")
        with log.step("certificates"):
            read_certificates = kubernetes_objects.certificates(cluster)
            days = {
                name: kubernetes_objects.days_left(certificate)
                for name, certificate in read_certificates.items()
            }
            for name, left in days.items():
                log.line(f"secret/{name}: {'unreadable' if left is None else f'{left:.0f} days left'}")
        with log.step("nodes, load balancer, copies of dumps, monitors"):
            readable = {name: pem for name, pem in read_certificates.items() if pem}
            state, more = collect_infrastructure(log, cluster, options, observation.load_balancer, readable)
            unanswered += more
            for text in (*infrastructure.lines(state), *more):
                log.line(text)
        with log.step("trace agent"):
            traces = kubernetes_objects.trace_agent(log, cluster)
        with log.step("logs of unready containers"):
            kubernetes_objects.logs(log, cluster, pods)
        with log.step("protection rules on GitHub"):
            rules = collect_github_rules(log, options)
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
    infrastructure_findings = infrastructure.findings(
        state, options.settings, visit=observation.visit, now=datetime.now(UTC)
    )
    return findings(
        facts, [*path_findings, *infrastructure_findings, *github_rules.findings(rules)]
    ), unanswered


def report(problems: Sequence[Finding]) -> str:
    """Format the problems for the terminal, the likeliest cause first."""
    first, *rest = problems
    lines = [f"Likely cause: {first.cause}", *_detail_lines(first)]
    for problem in rest:
        lines += [f"Also: {problem.cause}", *_detail_lines(problem)]
    return "\n".join(lines)


def _detail_lines(finding: Finding) -> list[str]:
    return [f"  {finding.objects}", f"  {finding.evidence}", f"  -> {finding.remedy}"]


if __name__ == "__main__":
    sys.exit(main())
