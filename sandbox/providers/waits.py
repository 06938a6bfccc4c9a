"""The waits of providers for resources that are not ready yet, on the sandbox's clock."""

from collections.abc import Callable

from sandbox.providers.target import LiveResource, NotReadyError, Resource
from sandbox.wire.clock import Clock, Wait, minutes
from sandbox.wire.durations import Duration

POLL_SECONDS = 10.0
"""Seconds on the clock between two polls (the AWS provider polls EKS and RDS every 10 to 30 seconds)."""


def wait(
    clock: Clock,
    resource: Resource,
    limit: float,
    unready: Callable[[], str],
    live: Callable[[], LiveResource],
    duration: Duration,
) -> None:
    """Poll until `unready` returns an empty string; record the wait on the clock.

    - `limit`: the time on the clock, in seconds, after which the provider gives up
    - `unready`: returns the current status; empty if the resource is ready
    - `live`: returns the resource as it is
    - `duration`: the time that AWS takes

    Raise NotReadyError, so that the state has the resource, if it is not ready in time.
    """
    start = clock.now()
    while status := unready():
        waited = clock.now() - start
        resource.report(f"{status}, {minutes(waited)} of at most {minutes(limit)}")
        if waited >= limit:
            clock.waits.append(Wait(resource.name, resource.type, waited, duration.seconds, limit))
            raise NotReadyError(live(), _message(resource, status, limit, duration))
        clock.sleep(min(POLL_SECONDS, limit - waited))
    waited = clock.now() - start
    clock.waits.append(Wait(resource.name, resource.type, waited, duration.seconds, limit))


def _message(resource: Resource, status: str, limit: float, duration: Duration) -> str:
    """Return the message about a wait that is longer than its limit."""
    raised = max(limit, duration.seconds) * 2
    return (
        f"{resource.name} ({resource.type}) is not ready: {status} after {minutes(limit)}\n"
        f"  limit:  {minutes(limit)} (custom_timeouts, or the provider's default)\n"
        f"  needed: about {minutes(duration.seconds)} ({duration.source})\n"
        f'  fix:    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="'
        f'{round(raised / 60) or 1}m"))'
    )
