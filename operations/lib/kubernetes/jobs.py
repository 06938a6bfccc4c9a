"""Jobs that a command starts: copies of the program's Jobs and CronJobs, with the same restrictions."""

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import SANDBOX_LOG, Cluster
from operations.lib.run_log import RunLog

Manifest = dict[str, Any]

STARTED_BY = "pipe.dev/started-by"
"""Label with the name of the command that started a Job; the program's own Jobs do not have it."""
KEPT_SECONDS = 7 * 86400
"""Seconds for which the cluster keeps a command's Job and its log after the Job has ended."""
OWN = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
"""Labels that the cluster adds to the pods of a Job."""
EVERY = 0.5
"""Seconds between two queries about a Job."""
SILENCE = 10.0
"""Seconds without a new log after which the run shows the reason for the wait."""


def copy_job(pattern: Manifest, name: str, script: str) -> Manifest:
    """Return a Job without retries, with the pod template of `pattern`, a CronJob or Job in the cluster."""
    spec = pattern["spec"].get("jobTemplate", pattern)["spec"]
    template = copy.deepcopy(spec["template"])
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key not in OWN}
    template["metadata"] = {"labels": labels, "annotations": template["metadata"].get("annotations", {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {**labels, STARTED_BY: script}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": spec["activeDeadlineSeconds"],
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }


def with_variables(job: Manifest, values: Mapping[str, str]) -> Manifest:
    """Return the Job with new values for environment variables that its containers already declare."""
    missing = set(values)
    for container in _containers(job):
        for variable in container.get("env", []):
            if variable["name"] in values:
                variable["value"] = values[variable["name"]]
                missing.discard(variable["name"])
    assert not missing, missing
    return job


def last_of_deployment(cluster: Cluster, app: str) -> Manifest | None:
    """Return the newest Job of the program itself with this `app` label; None if nothing is deployed."""
    own_jobs = cluster.list("jobs", f"app={app},!{STARTED_BY}")
    return own_jobs[-1] if own_jobs else None


def with_only_container(
    job: Manifest,
    container: str,
    command: Sequence[str] | None = None,
    image: str | None = None,
    *,
    init: Sequence[str] = (),
) -> Manifest:
    """Return the Job with only one of its containers, optionally with another command or image.

    `init` names the init containers that run before it.
    """
    [matching_container] = [entry for entry in _containers(job) if entry["name"] == container]
    spec = job["spec"]["template"]["spec"]
    kept = [entry for entry in spec.pop("initContainers", []) if entry["name"] in init]
    assert [entry["name"] for entry in kept] == [*init], init
    if kept:
        spec["initContainers"] = kept
    other = {"command": list(command) if command else None, "image": image}
    spec["containers"] = [matching_container | {key: value for key, value in other.items() if value}]
    return job


def image(job: Manifest, container: str) -> str:
    """Return the image of a Job's container."""
    [matching_container] = [entry for entry in _containers(job) if entry["name"] == container]
    return matching_container["image"]


def run(cluster: Cluster, job: Manifest, log: RunLog) -> None:
    """Start a Job and show its log until the Job ends; raise FailedError if it fails."""
    name = job["metadata"]["name"]
    cluster.create(job)
    if log.options.dry_run:
        return
    log.line(f"job/{name}")
    shown: set[tuple[str, str]] = set()
    last_line = time.monotonic()
    while True:
        # The Job is read before its pods, so that their whole log is shown.
        outcome = _outcome(cluster.get(f"job/{name}"))
        for pod in cluster.list("pods", f"batch.kubernetes.io/job-name={name}"):
            for container in _started(pod):
                if (key := (pod["metadata"]["name"], container)) not in shown:
                    shown.add(key)
                    cluster.follow(*key, log.line)
                    last_line = time.monotonic()
            if time.monotonic() - last_line > SILENCE:
                log.line(f"waiting: {_wait_reason(pod)}")
                last_line = time.monotonic()
        if outcome == "Complete":
            return
        if outcome:
            days = KEPT_SECONDS // 86400
            raise FailedError(
                f"job/{name}: {outcome}; its log is above, and stays in the cluster for {days} days"
            )
        time.sleep(EVERY)


def _containers(job: Manifest) -> list[Manifest]:
    spec = job["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def _outcome(job: Manifest) -> str:
    """Return `Complete` or the reason for the failure; an empty string while the Job runs."""
    for condition in job.get("status", {}).get("conditions", []):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            if condition["type"] == "Complete":
                return "Complete"
            return f"{condition.get('reason', 'Failed')}: {condition.get('message', '')}"
    return ""


def _statuses(pod: Manifest) -> list[Manifest]:
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _started(pod: Manifest) -> list[str]:
    return [
        entry["name"] for entry in _statuses(pod) if {"running", "terminated"} & entry.get("state", {}).keys()
    ]


def _wait_reason(pod: Manifest) -> str:
    for status in _statuses(pod):
        if waiting := status.get("state", {}).get("waiting"):
            return f"{status['name']}: {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    conditions = pod.get("status", {}).get("conditions", [])
    messages = [
        entry["message"] for entry in conditions if entry["status"] != "True" and entry.get("message")
    ]
    return messages[0] if messages else str(pod.get("status", {}).get("phase", SANDBOX_LOG))
