"""When an object counts as there, as pulumi-kubernetes sees it; and why one does not get there."""

import time
from collections.abc import Callable
from typing import cast

from sandbox.targets.kubernetes_api import Api, Json, condition, dig

POLL_SECONDS = 0.2

EXPLAIN_SECONDS = 3.0
"""How long nothing changes until the reason is looked for."""

LATEST_REASONS = 5
"""How many reasons a message gives."""


class Stuck(Exception):
    """An object that does not get ready, and never will or took too long; the message says why."""


def wait(api: Api, path: str, seconds: float, patience: float, say: Callable[[str], None]) -> Json:
    """The object once it is ready; `Stuck` after `seconds`, or when nothing has changed for `patience`."""
    started = changed = time.monotonic()
    before, explained = "", False
    while True:
        found = api.get(path)
        if found is None:
            raise Stuck("it was deleted meanwhile")
        missing = READY[found["kind"]](api, found) if found["kind"] in READY else ""
        now = time.monotonic()
        if not missing:
            return found
        if missing != before:
            changed, before, explained = now, missing, False
            say(missing)
        elif not explained and now - changed > EXPLAIN_SECONDS:
            explained = True
            say(" ·".join(f"{missing}{why(api, found)}".splitlines()[:2]))
        if now - started > seconds or now - changed > patience:
            raise Stuck(f"not ready after {now - started:.0f} s: {missing}" + why(api, found))
        time.sleep(POLL_SECONDS)


def wait_gone(
    api: Api, path: str, uid: str, seconds: float, patience: float, say: Callable[[str], None]
) -> None:
    """Until the object, or rather this one of its name, is gone; `Stuck` as above."""
    started, before = time.monotonic(), ""
    while (found := api.get(path)) is not None and found["metadata"]["uid"] == uid:
        held = (
            found["metadata"].get("finalizers")
            or found.get("spec", {}).get("finalizers")
            or ["its pods' end"]
        )
        waiting, after = f"it waits for {', '.join(held)}", time.monotonic() - started
        if waiting != before:
            say(before := waiting)
        if after > min(seconds, patience):
            raise Stuck(f"not gone after {after:.0f} s; {waiting}{why(api, found)}")
        time.sleep(POLL_SECONDS)


def why(api: Api, found: Json) -> str:
    """What the conditions, the pods and the events say, as more lines of a message."""
    name, namespace = found["metadata"]["name"], found["metadata"].get("namespace")
    reasons = [
        f"{one['type']}: {one['message']}"
        for one in dig(found, "status", "conditions") or ()
        # Of what goes wrong only this one is told by a condition that is true, and by no other means.
        if (one["status"] == "True") == (one["type"] == "ReplicaFailure") and one.get("message")
    ]
    silent = {(found["kind"], name)}  # whose state says nothing, so that the events must
    if labels := cast(Json, dig(found, "spec", "selector", "matchLabels")):
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        for pod in api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector):
            said = _of_pod(pod)
            silent |= set() if said else {("Pod", pod["metadata"]["name"])}
            reasons += [f"pod {pod['metadata']['name']}: {text}" for text in said]
    if namespace:
        for event in api.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector="type=Warning"):
            about = event["involvedObject"]
            if (about.get("kind"), about.get("name")) in silent:
                reasons.append(f"{about['kind'].lower()} {about['name']}: {event.get('message')}")
    return "".join(f"\n  {reason}" for reason in list(dict.fromkeys(reasons))[:LATEST_REASONS])


def _of_pod(pod: Json) -> list[str]:
    status = pod.get("status", {})
    unplaced = condition(pod, "PodScheduled")
    found = (
        [f"{unplaced.get('reason')}: {unplaced.get('message')}"] if unplaced.get("status") == "False" else []
    )
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting, ended = one["state"].get("waiting"), one["state"].get("terminated")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            found.append(f"{one['name']}: {waiting.get('reason')}: {waiting.get('message', '')}")
        elif ended and ended.get("exitCode"):
            found.append(f"{one['name']}: ended with exit code {ended['exitCode']}")
    return found


def _observed(found: Json) -> bool:
    return found.get("status", {}).get("observedGeneration", 0) >= found["metadata"].get("generation", 0)


def _deployment(api: Api, found: Json) -> str:
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    progress = condition(found, "Progressing")
    if not _observed(found):
        return "the controller has not seen it yet"
    if progress.get("reason") == "ProgressDeadlineExceeded":
        raise Stuck(f"the rollout has failed: {progress.get('message')}" + why(api, found))
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or status.get("replicas", 0) > updated or available < wanted:
        old = status.get("replicas", 0) - updated
        return f"{updated} of {wanted} new pods are made, {available} pods are available, {old} old ones left"
    return "" if progress.get("reason") == "NewReplicaSetAvailable" else "the rollout is under way"


def _job(api: Api, found: Json) -> str:
    failed = condition(found, "Failed")
    if failed.get("status") == "True":
        raise Stuck(f"the job has failed: {failed.get('message') or failed.get('reason')}" + why(api, found))
    if condition(found, "Complete").get("status") == "True" or found["spec"].get("suspend"):
        return ""
    status = found.get("status", {})
    counts = (f"{status.get(name, 0)} {name}" for name in ("active", "succeeded", "failed"))
    return f"the job runs, pods: {', '.join(counts)}"


def _service(api: Api, found: Json) -> str:
    spec, metadata = found["spec"], found["metadata"]
    if spec.get("type") == "ExternalName":
        return ""
    if spec.get("selector"):
        label = f"kubernetes.io/service-name={metadata['name']}"
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices"
        ready = any(
            one.get("addresses") and one.get("conditions", {}).get("ready") is not False
            for each in api.items(slices, labelSelector=label)
            for one in each.get("endpoints") or ()
        )
        if not ready and spec.get("clusterIP") != "None":
            return "no pod that it selects is ready"
    if spec["type"] == "LoadBalancer" and not dig(found, "status", "loadBalancer", "ingress"):
        return "the load balancer has no address yet"
    return ""


def _definition(api: Api, found: Json) -> str:
    return "" if condition(found, "Established").get("status") == "True" else "the kind is not served yet"


READY: dict[str, Callable[[Api, Json], str]] = {
    "Deployment": _deployment,
    "Job": _job,
    "Service": _service,
    "CustomResourceDefinition": _definition,
}
"""What an object of a kind still lacks, in words; empty when it is ready. Other kinds are so at once: the
program has none of those that pulumi-kubernetes waits for besides."""
