"""Jobs that a script starts: made from an object that the program declares, so that they have its guards."""

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

from operations.lib.errors import FailedError
from operations.lib.kubernetes.cluster import SANDBOX_LOG, Cluster
from operations.lib.run_log import RunLog

Manifest = dict[str, Any]

STARTED_BY = "pipe.dev/started-by"
"""Label of a Job that a script has started, with the script's name; Pulumi's own have none."""
KEPT_SECONDS = 7 * 86400
"""How long such a Job stays after its end, with its log."""
OWN = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
"""Labels that the cluster gives to the pods of one Job."""
EVERY = 0.5
"""Seconds between two looks at a Job."""
SILENCE = 10.0
"""Seconds of waiting after which a line says for what."""


def derived(pattern: Manifest, name: str, script: str) -> Manifest:
    """A Job like `pattern`, a CronJob or a Job of the cluster, that is tried once."""
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
    """The Job with other values for variables that its containers have already."""
    missing = set(values)
    for container in _containers(job):
        for variable in container.get("env", []):
            if variable["name"] in values:
                variable["value"] = values[variable["name"]]
                missing.discard(variable["name"])
    assert not missing, missing
    return job


def alone(
    job: Manifest, container: str, command: Sequence[str] | None = None, image: str | None = None
) -> Manifest:
    """The Job with one of its containers and no other, and with another command or image for it."""
    [found] = [each for each in _containers(job) if each["name"] == container]
    spec = job["spec"]["template"]["spec"]
    spec.pop("initContainers", None)
    other = {"command": list(command) if command else None, "image": image}
    spec["containers"] = [found | {key: value for key, value in other.items() if value}]
    return job


def image(job: Manifest, container: str) -> str:
    """Return the image of a Job's container."""
    [found] = [each for each in _containers(job) if each["name"] == container]
    return found["image"]


def run(cluster: Cluster, job: Manifest, log: RunLog) -> None:
    """Starts a Job and shows its log until it ends; its failure is one."""
    name = job["metadata"]["name"]
    cluster.create(job)
    if log.options.dry_run:
        return
    log.line(f"job/{name}")
    shown: set[tuple[str, str]] = set()
    spoken = time.monotonic()
    while True:
        ended = _ended(cluster.get(f"job/{name}"))  # before the pods, so that none of their log is missed
        for pod in cluster.list("pods", f"batch.kubernetes.io/job-name={name}"):
            for container in _started(pod):
                if (key := (pod["metadata"]["name"], container)) not in shown:
                    shown.add(key)
                    cluster.follow(*key, log.line)
                    spoken = time.monotonic()
            if time.monotonic() - spoken > SILENCE:
                log.line(f"waiting: {_waits_for(pod)}")
                spoken = time.monotonic()
        if ended == "Complete":
            return
        if ended:
            raise FailedError(
                f"job/{name}: {ended}; its log is above, and for {KEPT_SECONDS // 86400} days in the cluster"
            )
        time.sleep(EVERY)


def _containers(job: Manifest) -> list[Manifest]:
    spec = job["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def _ended(job: Manifest) -> str:
    """`Complete`, why it failed, or nothing while it runs."""
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
        each["name"] for each in _statuses(pod) if {"running", "terminated"} & each.get("state", {}).keys()
    ]


def _waits_for(pod: Manifest) -> str:
    for status in _statuses(pod):
        if waiting := status.get("state", {}).get("waiting"):
            return f"{status['name']}: {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    conditions = pod.get("status", {}).get("conditions", [])
    messages = [each["message"] for each in conditions if each["status"] != "True" and each.get("message")]
    return messages[0] if messages else str(pod.get("status", {}).get("phase", SANDBOX_LOG))
