"""Waits until objects are ready by the rules of pulumi-kubernetes, and the reasons if they are not."""

import time
from collections.abc import Callable
from typing import cast

from sandbox.providers.kubernetes.reasons import object_reasons, pod_reasons
from sandbox.providers.kubernetes.requirements import StuckError, unmet_requirement
from sandbox.wire.kubernetes_api import Api, Json, dig

POLL_SECONDS = 0.2

EXPLAIN_SECONDS = 3.0
"""Seconds without a change after which the progress also shows the reasons for the wait."""

MOST_REASONS = 5
"""The maximum number of reasons in a message."""


def wait(
    api: Api, path: str, seconds: float, patience: float, report: Callable[[str], None], gone: str = ""
) -> Json:
    """Wait until the object is ready, or until the object with the UID `gone` is deleted; return the object.

    Raise StuckError after `seconds` (the provider's timeout; 0 means after a single check), or after
    `patience` seconds without a change.
    """
    started = changed = time.monotonic()
    before, explained, reasons = "", False, ""
    while True:
        api_object = api.get(path)
        try:
            missing = _holders(api_object, gone) if gone else _missing(api, api_object)
        except StuckError as stuck:
            # The pods of a Job whose deadline has passed are deleted, so keep their earlier reasons.
            earlier = [line for line in reasons.splitlines() if line and line not in str(stuck)]
            raise StuckError("\n".join([str(stuck), *earlier])) from None
        if not missing:
            return api_object or {}
        now = time.monotonic()
        if missing != before:
            changed, before, explained = now, missing, False
            report(missing)
        elif not explained and now - changed > EXPLAIN_SECONDS:
            explained, reasons = True, explain(api, api_object)
            report(" ·".join(f"{missing}{reasons}".splitlines()[:2]))
        if now - started > seconds or now - changed > patience:
            after = f" after {now - started:.0f} s" if seconds else ""
            if not gone and patience < now - changed and now - started <= seconds:
                after += f", {patience:.0f} of them without any change (the provider waits {seconds:.0f} s)"
            raise StuckError(f"not {'gone' if gone else 'ready'}{after}: {missing}{explain(api, api_object)}")
        time.sleep(POLL_SECONDS)


def _holders(api_object: Json | None, uid: str) -> str:
    """Return what delays the deletion of the object with a UID; empty if the object is gone."""
    if api_object is None or api_object["metadata"]["uid"] != uid:
        return ""
    finalizers = api_object["metadata"].get("finalizers") or dig(api_object, "spec", "finalizers")
    return f"it waits for {', '.join(finalizers or ['the end of its pods'])}"


def explain(api: Api, api_object: Json | None) -> str:
    """Return the reasons in the object's conditions, pods and events, as additional lines of a message."""
    if api_object is None:
        return ""
    kind, namespace = api_object["kind"], api_object["metadata"].get("namespace")
    reasons = object_reasons(api_object)
    # An object's events are used only if its state has no reason.
    unexplained = {api_object["metadata"]["uid"]}
    for pod in [api_object] if kind == "Pod" else _pods(api, api_object):
        reasons_of_pod, uid = pod_reasons(pod), pod["metadata"]["uid"]
        if reasons_of_pod:
            unexplained.discard(uid)
        else:
            unexplained.add(uid)
        reasons += [f"pod {pod['metadata']['name']}: {reason}" for reason in reasons_of_pod]
    for event in api.items(f"/api/v1/namespaces/{namespace}/events") if namespace else ():
        source = event["involvedObject"]
        # The event for a claim without a volume is not of the type Warning.
        is_reason = event.get("type") == "Warning" or kind == "PersistentVolumeClaim"
        if is_reason and source.get("uid") in unexplained:
            reasons.append(f"{source['kind'].lower()} {source['name']}: {event.get('message')}")
    return "".join(f"\n  {reason}" for reason in list(dict.fromkeys(reasons))[:MOST_REASONS])


def _pods(api: Api, api_object: Json) -> list[Json]:
    """Return the pods that an object's selector matches."""
    labels = cast(Json, dig(api_object, "spec", "selector", "matchLabels"))
    if not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    namespace = api_object["metadata"].get("namespace")
    return api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)


def _missing(api: Api, api_object: Json | None) -> str:
    """Return the reason why an object is not ready; empty if the object is ready."""
    if api_object is None:
        raise StuckError("it was deleted meanwhile")
    try:
        return unmet_requirement(api, api_object)
    except StuckError as stuck:
        raise StuckError(f"{stuck}{explain(api, api_object)}") from None
