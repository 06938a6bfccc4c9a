"""Readiness of objects by the rules of pulumi-kubernetes, and the reasons for a failure."""

import functools
import time
from collections.abc import Callable
from typing import Any, cast

import jinja2

from sandbox.clouds.kubernetes.api import Api, Json, condition, dig
from sandbox.providers.resource_types import table

POLL_SECONDS = 0.2

EXPLAIN_SECONDS = 3.0  # how long nothing changes until the reason is looked for
LATEST_REASONS = 5  # how many reasons a message gives
WORDS = jinja2.Environment(undefined=jinja2.ChainableUndefined, trim_blocks=True)


class StuckError(Exception):
    """An object does not become ready, or took too long; the message has the reason."""


def wait(
    api: Api, path: str, seconds: float, patience: float, report: Callable[[str], None], gone: str = ""
) -> Json:
    """Return the object once it is ready, or once the one with the uid `gone` is deleted.

    Raises `StuckError` after `seconds` (0: at once), as the provider does, or after `patience` seconds in
    which nothing has changed.
    """
    started = changed = time.monotonic()
    before, explained, reasons = "", False, ""
    while True:
        found = api.get(path)
        try:
            missing = _held(found, gone) if gone else _missing(api, found)
        except StuckError as stuck:
            # The pods of a Job whose deadline has passed are deleted, and their reasons with them.
            lost = [line for line in reasons.splitlines() if line and line not in str(stuck)]
            raise StuckError("\n".join([str(stuck), *lost])) from None
        if not missing:
            return found or {}
        now = time.monotonic()
        if missing != before:
            changed, before, explained = now, missing, False
            report(missing)
        elif not explained and now - changed > EXPLAIN_SECONDS:
            explained, reasons = True, why(api, found)
            report(" ·".join(f"{missing}{reasons}".splitlines()[:2]))
        if now - started > seconds or now - changed > patience:
            after = f" after {now - started:.0f} s" if seconds else ""
            if not gone and patience < now - changed and now - started <= seconds:
                after += f", {patience:.0f} of them without any change (the provider waits {seconds:.0f} s)"
            raise StuckError(f"not {'gone' if gone else 'ready'}{after}: {missing}{why(api, found)}")
        time.sleep(POLL_SECONDS)


def _held(found: Json | None, uid: str) -> str:
    """Return the finalizers that keep an object that is being deleted; empty if it is gone."""
    if found is None or found["metadata"]["uid"] != uid:
        return ""
    holders = found["metadata"].get("finalizers") or dig(found, "spec", "finalizers") or ["its pods' end"]
    return f"it waits for {', '.join(holders)}"


def why(api: Api, found: Json | None) -> str:
    """Return the reasons in conditions, pods and events, as further lines of a message."""
    if found is None:
        return ""
    kind, namespace = found["kind"], found["metadata"].get("namespace")
    reasons = _reasons("object", found)
    silent = {found["metadata"]["uid"]}  # whose state says nothing, so that the events must
    pods = [found] if kind == "Pod" else []
    if labels := cast(Json, dig(found, "spec", "selector", "matchLabels")):
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
    for pod in pods:
        said, uid = _reasons("pod", pod), {pod["metadata"]["uid"]}
        silent = silent - uid if said else silent | uid
        reasons += [f"pod {pod['metadata']['name']}: {text}" for text in said]
    for event in api.items(f"/api/v1/namespaces/{namespace}/events") if namespace else ():
        about = event["involvedObject"]
        # A claim's volume that is not there is no warning.
        telling = event.get("type") == "Warning" or kind == "PersistentVolumeClaim"
        if telling and about.get("uid") in silent:
            reasons.append(f"{about['kind'].lower()} {about['name']}: {event.get('message')}")
    return "".join(f"\n  {reason}" for reason in list(dict.fromkeys(reasons))[:LATEST_REASONS])


def _reasons(of: str, found: Json) -> list[str]:
    words = {**found, "condition": functools.partial(condition, found)}
    return WORDS.from_string(table("kubernetes", "readiness")["reasons"][of]).render(words).splitlines()


@functools.cache
def _rows() -> list[tuple[list[str], Callable[..., Any], jinja2.Template, bool]]:
    return [
        (row["of"], WORDS.compile_expression(row["lacks"]), WORDS.from_string(text), "failed" in row)
        for row in table("kubernetes", "readiness")["row"]
        if (text := row.get("failed") or row["say"])
    ]


def _missing(api: Api, found: Json | None) -> str:
    """Return the reason why an object is not ready; empty if it is."""
    if found is None:
        raise StuckError("it was deleted meanwhile")
    asking = {"get": api.get, "items": api.items, "condition": functools.partial(condition, found)}
    for kinds, lacks, text, failed in _rows():
        if f"{found['apiVersion']} {found['kind']}" in kinds and lacks(**found, **asking):
            said = text.render(**found, **asking)
            if failed:
                raise StuckError(said + why(api, found))
            return said
    return ""
