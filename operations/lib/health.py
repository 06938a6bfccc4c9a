"""The checks after a deployment: health, metrics against the monitors, logs, what users see."""

import re
import time
from collections.abc import Iterable

import urllib3

from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import API, Cluster, Manifest, stopped_with
from operations.lib.run_log import RunLog
from operations.lib.services.datadog import Datadog

SOAK_SECONDS = 300.0 + 120.0 + 120.0
"""Seconds for which the monitors are watched: the longest window and evaluation_delay of the error rates
(components/datadog/alert_catalog.py), and two minutes in which Datadog receives and evaluates the last
points."""
REPORT_SECONDS = 300.0
"""Seconds in which a metric has to report for the first time, after the monitors were watched.

Datadog reads an AWS account every ten minutes."""
REPORT_EVERY = 30.0
LOOK_EVERY = 15.0
CHECK_SECONDS = 180.0
"""Seconds that a synthetic check may take."""
READY_SECONDS = 180.0
"""Seconds in which all desired pods have to be ready; the autoscaler may just have increased them."""
READY_EVERY = 2.0
LOG_SECONDS = 20
"""Seconds in which a pod's node has to send its log."""
HEALTH_SECONDS = 60.0
"""Seconds in which the edge has to reach the new pods."""

ERROR = re.compile(r'"level":\s*(?:"(?:error|fatal)"|[56]0\b)|\b(?:ERROR|FATAL)\b|\bUnhandled\b')
"""Pattern of an error in the API's log: a level of pino, or a word."""
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+")
LONGEST = 200


def healthy(log: RunLog, cluster: Cluster, options: Options, image: str) -> None:
    """Wait until all pods run the image and are ready, and the site answers."""
    if options.dry_run:
        log.runner.change("kubectl", "--namespace", options.namespace, "get", API)
        return
    end = time.monotonic() + READY_SECONDS
    while not serving(log, cluster, options, image):
        if time.monotonic() > end:
            raise FailedError(f"{API}: scripts/doctor.sh {options.stack} says what is wrong with its pods")
        time.sleep(READY_EVERY)
    if options.target == "sandbox":
        log.line("no GET of the health path: pods of a sandbox run nothing")
        return
    log.line(f"{url(options)}: {answer(url(options))}")


def url(options: Options) -> str:
    """Return the address of the health path, as visitors reach it."""
    return f"https://{options.settings['edge']['host']}{options.settings['api']['readinessPath']}"


def serving(log: RunLog, cluster: Cluster, options: Options, image: str) -> bool:
    """Return True if all desired pods run the image and get requests."""
    deployment = cluster.get(API)
    wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
    containers = deployment["spec"]["template"]["spec"]["containers"]
    [container] = [container for container in containers if container["name"] == "api"]
    if container["image"] != image:
        raise FailedError(f"{API} runs {container['image']}, not {image}")
    if not wanted:
        why = f": scripts/restore.sh {options.stack} --start-api" if stopped_with(deployment) else ""
        raise FailedError(f"{API} is stopped{why}")
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    ready = endpoints(cluster)
    log.line(f"{updated} of {wanted} pods are of this version, {available} available, {ready} get requests")
    return min(updated, available, ready) >= wanted


def endpoints(cluster: Cluster, service: str = "pipe-api") -> int:
    """Count the pods that a Service sends requests to."""
    slices = cluster.list("endpointslices", f"kubernetes.io/service-name={service}")
    return sum(
        1
        for entry in slices
        for endpoint in entry.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") is not False
    )


def answer(url: str, seconds: float = HEALTH_SECONDS) -> str:
    """Wait until a URL answers 200; raise FailedError with the last answer after the given seconds."""
    end, outcome = time.monotonic() + seconds, ""
    with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
        while True:
            try:
                status = pool.request("GET", url).status
                if status == 200:
                    return "200"
                outcome = str(status)
            except urllib3.exceptions.HTTPError as error:
                outcome = str(error)
            if time.monotonic() > end:
                raise FailedError(f"{url}: {outcome}")
            time.sleep(1)


def watch(log: RunLog, options: Options, before: Iterable[str], soak: float) -> None:
    """Raise FailedError if a monitor begins to alert; those in `before` alerted already."""
    if options.dry_run:
        log.plan("would ask Datadog for the monitors' states")
        return
    datadog, known, end = Datadog(options), set(before), time.monotonic() + soak
    while True:
        states = datadog.monitors()
        if not states:
            raise FailedError(f"Datadog has no monitor of {options.stack}")
        if alerting := sorted(
            name for name, state in states.items() if state == "Alert" and name not in known
        ):
            raise FailedError(f"in alarm since the deployment: {', '.join(alerting)}")
        if time.monotonic() >= end:
            break
        time.sleep(min(LOOK_EVERY, max(0.0, end - time.monotonic())))
    counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
    log.line(", ".join(f"{count} monitors {state}" for state, count in counts.items()))


REASONS = {
    "kubernetes_state.cronjob.": "no backup has succeeded yet; the first one is run by hand:"
    " kubectl -n pipe create job --from=cronjob/pipe-backup first-backup",
    "trace.": "the API sends no traces: docs/image-contract.md",
    "pipe.": "the proxy's access log is not counted: the agents' logs, and Logs, Generate Metrics in Datadog",
    "aws.": "Datadog does not read the AWS account: pipe:monitoring.integration of the stack that has it",
    "tls.": "the agents do not look at the certificate: kubectl -n datadog get pods",
    "": "the agents do not report it: kubectl -n datadog get pods",
}
"""Reason and remedy for a silent metric, by the beginning of its name; the first match counts."""


def reporting(log: RunLog, options: Options, seconds: float = REPORT_SECONDS) -> None:
    """Raise FailedError for monitors without data, which would never alert."""
    if options.target == "sandbox":
        log.skip("nothing reports to the Datadog of a sandbox")
        return
    if options.dry_run:
        log.plan("would ask Datadog for the data of each monitor")
        return
    datadog, end = Datadog(options), time.monotonic() + seconds
    while missing := datadog.silent():
        if time.monotonic() >= end:
            break
        log.line(f"no data yet: {', '.join(sorted(missing))}")
        time.sleep(min(REPORT_EVERY, max(0.0, end - time.monotonic())))
    if not missing:
        log.line("every monitor has data")
        return
    for name, queries in sorted(missing.items()):
        log.line(f"{name}: {', '.join(queries)}: {reason(queries[0])}")
    raise FailedError(
        "the deployment is done and stays, but these monitors had no data in the last hour and cannot alert:"
        f" {', '.join(sorted(missing))}"
    )


def reason(query: str) -> str:
    """Return the likely reason for a silent metric, and the remedy."""
    metric = query.partition("{")[0].rpartition(":")[2]
    return next(text for start, text in REASONS.items() if metric.startswith(start))


def errors(log: RunLog, cluster: Cluster) -> set[str]:
    """Return the kinds of errors in the logs of the API's pods, without their variable parts.

    A pod whose container has not started has no log. A pod whose node does not send the log is named and
    skipped.
    """
    kinds: set[str] = set()
    for pod in cluster.list("pods", "app=pipe-api"):
        if not started(pod):
            continue
        name = pod["metadata"]["name"]
        arguments = ("--container=api", "--tail=5000", f"--request-timeout={LOG_SECONDS}s")
        try:
            text = cluster.read("logs", name, *arguments)
        except FailedError as error:
            log.line(f"no log of {name}: {error}")
            continue
        kinds |= {kind(line) for line in text.splitlines() if ERROR.search(line)}
    return kinds


def started(pod: Manifest) -> bool:
    """Return True if the API's container in a pod runs, or ran."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    [status] = [entry for entry in statuses if entry["name"] == "api"] or [{}]
    return bool({"running", "terminated"} & {*status.get("state", {}), *status.get("lastState", {})})


def kind(line: str) -> str:
    """Return a log line without its variable parts, equal for lines about the same error."""
    return VARYING.sub("#", line).strip()[:LONGEST]


def logs(log: RunLog, cluster: Cluster, options: Options, before: Iterable[str]) -> None:
    """Raise FailedError for kinds of errors that are not in `before`."""
    if options.dry_run:
        log.runner.change("kubectl", "--namespace", options.namespace, "logs", API)
    elif cluster.silent:
        log.skip("kubectl logs: pods of a sandbox run nothing")
    elif new := sorted(errors(log, cluster) - set(before)):
        for line in new[:10]:
            log.line(line)
        raise FailedError(f"{len(new)} kinds of errors in the logs that were not there before")
    else:
        log.line("no new kind of error")


def users(log: RunLog, options: Options) -> None:
    """Run Datadog's synthetic checks, which visit the site from outside."""
    if options.target == "sandbox":
        log.skip("nobody outside reaches a sandbox")
        return
    if options.dry_run:
        log.plan("would run Datadog's synthetic checks")
        return
    results = Datadog(options).check(CHECK_SECONDS)
    for name, result in sorted(results.items()):
        log.line(f"{name}: {result}")
    if failed := sorted(name for name, result in results.items() if result != "passed"):
        raise FailedError(f"users are affected: {', '.join(failed)}")


def after(log: RunLog, cluster: Cluster, options: Options, image: str, before: "Before", soak: float) -> None:
    """Run all four checks; stop at the first failure."""
    with log.step("health"):
        healthy(log, cluster, options, image)
    with log.step("metrics against the monitors"):
        watch(log, options, before.alerts, soak)
    with log.step("logs without new errors"):
        logs(log, cluster, options, before.errors)
    with log.step("users: the synthetic check"):
        users(log, options)


class Before:
    """Alerts and errors that existed before a deployment."""

    def __init__(self, alerts: Iterable[str] = (), errors: Iterable[str] = ()) -> None:
        self.alerts, self.errors = sorted(alerts), sorted(errors)


def before(log: RunLog, cluster: Cluster, options: Options) -> Before:
    """Return the current alerts and errors."""
    if options.dry_run:
        return Before()
    alerts = {name for name, state in Datadog(options).monitors().items() if state == "Alert"}
    for name in sorted(alerts):
        log.line(f"in alarm already: {name}")
    return Before(alerts, () if cluster.silent else errors(log, cluster))
