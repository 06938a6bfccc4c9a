"""Checks after a deployment: pods, monitors, logs, and the site from the outside."""

import re
import time
from collections.abc import Iterable

import urllib3

from operations.lib.command_line import Options
from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import API, Cluster, Manifest, replicas_before_restore
from operations.lib.run_log import RunLog
from operations.lib.services.datadog import Datadog

SOAK_SECONDS = 300.0 + 120.0 + 120.0
"""Seconds for which the monitors are watched. They cover the longest window and evaluation_delay of the error
rates (components/datadog/alert_catalog.py), and two minutes for Datadog to receive and evaluate the last
points.
"""
REPORT_SECONDS = 300.0
"""Seconds after SOAK_SECONDS within which every metric must report for the first time; Datadog reads an AWS
account every ten minutes.
"""
REPORT_EVERY = 30.0
"""Seconds between two queries for missing metrics."""
WATCH_EVERY = 15.0
"""Seconds between two queries of the monitors' states."""
CHECK_SECONDS = 180.0
"""Largest number of seconds that the synthetic checks may take."""
READY_SECONDS = 180.0
"""Seconds within which all desired pods must become ready, including pods that the autoscaler just added."""
READY_EVERY = 2.0
LOG_SECONDS = 20
"""Seconds within which the cluster must return a pod's log."""
HEALTH_SECONDS = 60.0
"""Seconds within which the health path must respond with 200 through the edge."""

ERROR = re.compile(r'"level":\s*(?:"(?:error|fatal)"|[56]0\b)|\b(?:ERROR|FATAL)\b|\bUnhandled\b')
"""Pattern of an error in the API's log: one of pino's error levels, or a word such as ERROR."""
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+")
"""Pattern of the parts that vary between messages about the same error: UUIDs, memory addresses, numbers."""
LONGEST = 200
"""Number of characters at the start of a log line that distinguish kinds of errors."""


def wait_until_healthy(log: RunLog, cluster: Cluster, options: Options, image: str) -> None:
    """Wait until all pods are ready with the image and the site responds.

    Raises FailedError on a timeout, and if the Deployment has another image or no pods.
    """
    if options.dry_run:
        log.runner.change("kubectl", "--namespace", options.namespace, "get", API)
        return
    end = time.monotonic() + READY_SECONDS
    while not is_serving(log, cluster, options, image):
        if time.monotonic() > end:
            raise FailedError(
                f"{API} is not ready after {READY_SECONDS:.0f} s; to find out why:"
                f" scripts/doctor.sh {options.stack}"
            )
        time.sleep(READY_EVERY)
    if options.target == "sandbox":
        log.line("the health path is not requested: pods of a sandbox run no containers")
        return
    log.line(f"{url(options)}: {answer(url(options))}")


def url(options: Options) -> str:
    """Return the public URL of the health path."""
    return f"https://{options.settings['edge']['host']}{options.settings['api']['readinessPath']}"


def is_serving(log: RunLog, cluster: Cluster, options: Options, image: str) -> bool:
    """Return True if all desired pods run the image and receive requests.

    Raises FailedError if the Deployment has another image or no pods.
    """
    deployment = cluster.get(API)
    desired, status = deployment["spec"]["replicas"], deployment.get("status", {})
    containers = deployment["spec"]["template"]["spec"]["containers"]
    [container] = [container for container in containers if container["name"] == "api"]
    if container["image"] != image:
        raise FailedError(f"{API} runs {container['image']}, not {image}")
    if not desired:
        command = f"scripts/restore.sh {options.stack} --start-api"
        remedy = f"; to start it: {command}" if replicas_before_restore(deployment) else ""
        raise FailedError(f"{API} is stopped{remedy}")
    available, updated = status.get("availableReplicas", 0), status.get("updatedReplicas", 0)
    ready = endpoints(cluster)
    log.line(f"{updated} of {desired} pods run this version; {available} are available, {ready} get requests")
    return min(updated, available, ready) >= desired


def endpoints(cluster: Cluster, service: str = "pipe-api") -> int:
    """Return the number of pods to which a Service sends requests."""
    slices = cluster.list("endpointslices", f"kubernetes.io/service-name={service}")
    return sum(
        1
        for entry in slices
        for endpoint in entry.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") is not False
    )


def answer(url: str, seconds: float = HEALTH_SECONDS) -> str:
    """Wait until a URL responds with 200; after `seconds`, raise FailedError with the last response."""
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


def watch_monitors(log: RunLog, options: Options, baseline: Iterable[str], soak: float) -> None:
    """Watch the monitors for `soak` seconds.

    Raises FailedError if a monitor alerts that is not in `baseline`, and if there is no monitor.
    """
    if options.dry_run:
        log.plan("would read the monitors' states from Datadog")
        return
    datadog, known, end = Datadog(options), set(baseline), time.monotonic() + soak
    while True:
        states = datadog.monitors()
        if not states:
            raise FailedError(f"Datadog has no monitor for {options.stack}")
        if alerting := sorted(
            name for name, state in states.items() if state == "Alert" and name not in known
        ):
            raise FailedError(f"alerting since the deployment: {', '.join(alerting)}")
        if time.monotonic() >= end:
            break
        time.sleep(min(WATCH_EVERY, max(0.0, end - time.monotonic())))
    counts = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
    log.line(", ".join(f"{count} monitors {state}" for state, count in counts.items()))


REASONS = {
    "kubernetes_state.cronjob.": "no backup has succeeded yet; to run the first one by hand:"
    " kubectl -n pipe create job --from=cronjob/pipe-backup first-backup",
    "trace.": "the API sends no traces: docs/image-contract.md",
    "pipe.": "the proxy's access log is not counted: check the agents' logs, and the page Logs, Generate"
    " Metrics in Datadog",
    "aws.": "Datadog does not read the AWS account: check pipe-foundation:datadog.enabled of the account",
    "tls.": "the agents do not check the certificate: kubectl -n datadog get pods",
    "": "the agents do not report this metric: kubectl -n datadog get pods",
}
"""Reason and remedy for a silent metric, by the beginning of its name; the first match counts."""


def check_monitor_data(log: RunLog, options: Options, seconds: float = REPORT_SECONDS) -> None:
    """Wait until every monitor has data; after `seconds`, raise FailedError that names silent monitors."""
    if options.target == "sandbox":
        log.skip("a sandbox's Datadog receives no data")
        return
    if options.dry_run:
        log.plan("would read the data of each monitor from Datadog")
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
        "the deployment succeeded, but these monitors had no data in the last hour and cannot alert:"
        f" {', '.join(sorted(missing))}"
    )


def reason(query: str) -> str:
    """Return the likely reason why a metric is silent, and the remedy."""
    metric = query.partition("{")[0].rpartition(":")[2]
    return next(text for start, text in REASONS.items() if metric.startswith(start))


def error_kinds(log: RunLog, cluster: Cluster) -> set[str]:
    """Return the kinds of errors in the logs of the API's pods, without their variable parts.

    Pods whose container has not started are skipped, since they have no log. If a log cannot be read, the
    run log names the pod.
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
        kinds |= {error_kind(log.runner.hide(line)) for line in text.splitlines() if ERROR.search(line)}
    return kinds


def started(pod: Manifest) -> bool:
    """Return True if the API's container in a pod runs or has run."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    [status] = [entry for entry in statuses if entry["name"] == "api"] or [{}]
    return bool({"running", "terminated"} & {*status.get("state", {}), *status.get("lastState", {})})


def error_kind(line: str) -> str:
    """Return a log line without its variable parts, so that lines about the same error are equal."""
    return VARYING.sub("#", line).strip()[:LONGEST]


def check_logs(log: RunLog, cluster: Cluster, options: Options, baseline: Iterable[str]) -> None:
    """Raise FailedError for kinds of errors that are not in `baseline`."""
    if options.dry_run:
        log.runner.change("kubectl", "--namespace", options.namespace, "logs", API)
    elif cluster.silent:
        log.skip("kubectl logs: pods of a sandbox run no containers")
    elif new := sorted(error_kinds(log, cluster) - set(baseline)):
        for line in new[:10]:
            log.line(line)
        raise FailedError(f"the logs have {len(new)} new kinds of errors")
    else:
        log.line("no new kind of error")


def check_site(log: RunLog, options: Options) -> None:
    """Run Datadog's synthetic checks, which visit the public site; raise FailedError if one fails."""
    if options.target == "sandbox":
        log.skip("a sandbox cannot be reached from outside")
        return
    if options.dry_run:
        log.plan("would run Datadog's synthetic checks")
        return
    results = Datadog(options).check(CHECK_SECONDS)
    for name, result in sorted(results.items()):
        log.line(f"{name}: {result}")
    if failed := sorted(name for name, result in results.items() if result != "passed"):
        raise FailedError(f"failed synthetic checks, so users are affected: {', '.join(failed)}")


def check_deployment(
    log: RunLog, cluster: Cluster, options: Options, image: str, baseline: "Baseline", soak: float
) -> None:
    """Check pods, monitors, logs and site; stop at the first failure. `soak` is in seconds."""
    with log.step("health"):
        wait_until_healthy(log, cluster, options, image)
    with log.step("no new alert of a monitor"):
        watch_monitors(log, options, baseline.alerts, soak)
    with log.step("logs without new errors"):
        check_logs(log, cluster, options, baseline.errors)
    with log.step("synthetic checks of the site"):
        check_site(log, options)


class Baseline:
    """The alerts and kinds of errors that already exist before a deployment."""

    def __init__(self, alerts: Iterable[str] = (), errors: Iterable[str] = ()) -> None:
        self.alerts, self.errors = sorted(alerts), sorted(errors)


def read_baseline(log: RunLog, cluster: Cluster, options: Options) -> Baseline:
    """Return the current alerts and kinds of errors; empty in a dry run."""
    if options.dry_run:
        return Baseline()
    alerts = {name for name, state in Datadog(options).monitors().items() if state == "Alert"}
    for name in sorted(alerts):
        log.line(f"already alerting: {name}")
    return Baseline(alerts, () if cluster.silent else error_kinds(log, cluster))
