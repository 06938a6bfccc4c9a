"""A Kubernetes target whose pods and load balancers need as much time as on AWS, on the sandbox's clock."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sandbox.providers.diff import Change
from sandbox.providers.kubernetes.package import JOB, RELEASE, SERVICE, metadata_of
from sandbox.providers.target import LiveResource, Resource, Target
from sandbox.providers.waits import wait
from sandbox.wire.clock import Clock
from sandbox.wire.durations import DURATIONS, Duration
from sandbox.wire.values import Json

DEFAULT_SECONDS = 600.0
"""The provider's default limit (pulumi-kubernetes, provider/pkg/await)."""

RELEASE_SECONDS = 300.0
"""Helm's own default limit (helm install --timeout)."""


class TimedKubernetes(Target):
    """A target that adds to each creation the time that AWS needs for nodes, images and registrations.

    Objects that are updated keep the time of the inner target.
    """

    def __init__(self, inner: Target, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def create(self, resource: Resource) -> LiveResource:
        live = self._inner.create(resource)
        start = self._clock.now()
        duration = needed_time(resource)
        if duration is None:
            return live

        def unready() -> str:
            is_ready = self._clock.now() - start >= duration.seconds
            return "" if is_ready else "waiting for nodes, images or the load balancer"

        wait(self._clock, resource, limit(resource), unready, lambda: live, duration)
        return live

    def configure(self, config: Mapping[str, Any]) -> None:
        self._inner.configure(config)

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        return self._inner.find(resource, known)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        return self._inner.read(resource, state)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        return self._inner.update(resource, before)

    def delete(self, resource: Resource) -> None:
        self._inner.delete(resource)

    def plan(self, resource: Resource) -> Json:
        return self._inner.plan(resource)

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        return self._inner.plan_update(resource, before)

    def immutable(self, resource: Resource, changes: Sequence[Change]) -> Sequence[str]:
        return self._inner.immutable(resource, changes)

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        return self._inner.replacement_paths(resource)

    def invoke(self, token: str, args: Json, config: Mapping[str, Any]) -> Json:
        return self._inner.invoke(token, args, config)


def needed_time(resource: Resource) -> Duration | None:
    """Return the time that an object needs until it is ready; None if it is ready at once."""
    spec: Json = resource.known.get("spec") or {}
    if _annotation(resource, "skipAwait") == "true" or resource.known.get("skipAwait"):
        return None
    is_balancer = resource.type == SERVICE and spec.get("type") == "LoadBalancer"
    return DURATIONS.get(f"{SERVICE} (LoadBalancer)" if is_balancer else resource.type)


def limit(resource: Resource) -> float:
    """Return the seconds after which the provider gives up; infinite for a Job with its own deadline."""
    if resource.type == RELEASE:
        return resource.timeout or float(resource.known.get("timeout") or RELEASE_SECONDS)
    spec: Json = resource.known.get("spec") or {}
    if resource.type == JOB and spec.get("activeDeadlineSeconds"):
        return math.inf
    return resource.timeout or float(_annotation(resource, "timeoutSeconds") or DEFAULT_SECONDS)


def _annotation(resource: Resource, name: str) -> str:
    annotations: Json = metadata_of(resource.inputs).get("annotations") or {}
    return str(annotations.get(f"pulumi.com/{name}") or "")
