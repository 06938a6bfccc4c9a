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
"""How long the monitors are watched: the longest window and evaluation_delay of the error rates
(components/datadog/alert_catalog.py), and two minutes in which Datadog gets the last points and evaluates."""
REPORT_SECONDS = 300.0
"""How long a metric may take to report for the first time, after the monitors were watched: Datadog reads an
AWS account every ten minutes."""
REPORT_EVERY = 30.0
LOOK_EVERY = 15.0
CHECK_SECONDS = 180.0
"""How long a synthetic check may take."""
READY_SECONDS = 180.0
"""How long pods may take to be as many as wanted: the autoscaler may have asked for more a moment ago."""
READY_EVERY = 2.0
LOG_SECONDS = 20
"""How long a pod's node may take to send its log."""
HEALTH_SECONDS = 60.0
"""How long the edge may take to see the new pods."""

ERROR = re.compile(r'"level":\s*(?:"(?:error|fatal)"|[56]0\b)|\b(?:ERROR|FATAL)\b|\bUnhandled\b')
"""A line of the API's log that is an error: pino's levels, or words."""
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+")
LONGEST = 200


def healthy(log: RunLog, cluster: Cluster, options: Options, image: str) -> None:
    """All pods are the image's and ready, and the site answers."""
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
    """Whether as many pods as are wanted at this moment are the image's and get requests."""
    found = cluster.get(API)
    wanted, status = found["spec"]["replicas"], found.get("status", {})
    [container] = [each for each in found["spec"]["template"]["spec"]["containers"] if each["name"] == "api"]
    if container["image"] != image:
        raise FailedError(f"{API} runs {container['image']}, not {image}")
    if not wanted:
        why = f": scripts/restore.sh {options.stack} --start-api" if stopped_with(found) else ""
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
        for each in slices
        for endpoint in each.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") is not False
    )


def answer(url: str, seconds: float = HEALTH_SECONDS) -> str:
    """What the site says once it says 200."""
    end, said = time.monotonic() + seconds, ""
    with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
        while True:
            try:
                status = pool.request("GET", url).status
                if status == 200:
                    return "200"
                said = str(status)
            except urllib3.exceptions.HTTPError as error:
                said = str(error)
            if time.monotonic() > end:
                raise FailedError(f"{url}: {said}")
            time.sleep(1)


def watch(log: RunLog, options: Options, before: Iterable[str], soak: float) -> None:
    """No monitor may begin to alert while the new pods serve; those in `before` did so already."""
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
"""Why a metric is silent, and what to do, by how its name begins; the first that fits."""


def reporting(log: RunLog, options: Options, seconds: float = REPORT_SECONDS) -> None:
    """Refuse monitors without data: they would not alert, and not even tell that their data is missing."""
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
    """Return why a metric may be silent, and what to do."""
    metric = query.partition("{")[0].rpartition(":")[2]
    return next(text for start, text in REASONS.items() if metric.startswith(start))


def errors(log: RunLog, cluster: Cluster) -> set[str]:
    """The kinds of errors in the logs of the API's pods, with what varies left out.

    A pod whose container has not started has no log; one whose node does not send it is named and left out.
    """
    found: set[str] = set()
    for pod in cluster.list("pods", "app=pipe-api"):
        if not started(pod):
            continue
        name = pod["metadata"]["name"]
        words = ("--container=api", "--tail=5000", f"--request-timeout={LOG_SECONDS}s")
        try:
            text = cluster.read("logs", name, *words)
        except FailedError as error:
            log.line(f"no log of {name}: {error}")
            continue
        found |= {kind(line) for line in text.splitlines() if ERROR.search(line)}
    return found


def started(pod: Manifest) -> bool:
    """Whether the API's container in a pod runs, or ran."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    [status] = [each for each in statuses if each["name"] == "api"] or [{}]
    return bool({"running", "terminated"} & {*status.get("state", {}), *status.get("lastState", {})})


def kind(line: str) -> str:
    """What two lines about the same error have in common."""
    return VARYING.sub("#", line).strip()[:LONGEST]


def logs(log: RunLog, cluster: Cluster, options: Options, before: Iterable[str]) -> None:
    """No kind of error that was not there before."""
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
    """Datadog visits the site from outside, now."""
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
    """All four; the first failure ends it."""
    with log.step("health"):
        healthy(log, cluster, options, image)
    with log.step("metrics against the monitors"):
        watch(log, options, before.alerts, soak)
    with log.step("logs without new errors"):
        logs(log, cluster, options, before.errors)
    with log.step("users: the synthetic check"):
        users(log, options)


class Before:
    """What was wrong already before a deployment."""

    def __init__(self, alerts: Iterable[str] = (), errors: Iterable[str] = ()) -> None:
        self.alerts, self.errors = sorted(alerts), sorted(errors)


def before(log: RunLog, cluster: Cluster, options: Options) -> Before:
    """Look now."""
    if options.dry_run:
        return Before()
    alerts = {name for name, state in Datadog(options).monitors().items() if state == "Alert"}
    for name in sorted(alerts):
        log.line(f"in alarm already: {name}")
    return Before(alerts, () if cluster.silent else errors(log, cluster))
