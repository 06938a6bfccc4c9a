"""The reasons in the state of an object, and of a pod, why the object is not ready."""

from collections.abc import Iterable

from sandbox.wire.kubernetes_api import Json, condition, dig


def object_reasons(api_object: Json) -> list[str]:
    """Return the messages of an object's conditions that report a problem, one per line."""
    conditions: list[Json] = dig(api_object, "status", "conditions") or []
    # ReplicaFailure is the only condition whose status True means a failure.
    return _lines(
        f"{item['type']}: {item['message']}"
        for item in conditions
        if item.get("message") and (item["status"] == "True") == (item["type"] == "ReplicaFailure")
    )


def pod_reasons(pod: Json) -> list[str]:
    """Return the reasons why a pod is not scheduled and why its containers do not run, one per line."""
    status: Json = pod.get("status") or {}
    reasons: list[str] = []
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reasons.append(f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}")
    for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        state: Json = container.get("state") or {}
        waiting, exit_code = state.get("waiting"), dig(state, "terminated", "exitCode")
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            reason = f"{waiting.get('reason', '')}: {waiting.get('message', '')}"
            reasons.append(f"{container['name']}: {reason}")
        elif exit_code:
            reasons.append(f"{container['name']}: ended with exit code {exit_code}")
    return _lines(reasons)


def _lines(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines()]
