"""Pods, CPU and memory of the namespace at maximum scale, for the quota checks and the published limits."""

from collections.abc import Callable
from decimal import Decimal
from math import ceil

from components.common.quantity import parse_quantity
from components.settings.models.workload import Replicas, Resources
from components.settings.stack import Settings

SURGE_PERCENT = 25
"""Additional pods during a rolling update, in percent of the replicas (maxSurge)."""
DATA_JOBS = 3
"""Data jobs that may run at once: a migration, a backup, and one job that a person started."""


def pods_while_rolling(replicas: Replicas) -> int:
    """Return a workload's largest number of pods: the replicas plus the surge, which Kubernetes rounds up.

    Terminating pods are not counted.
    """
    return replicas.max + ceil(replicas.max * SURGE_PERCENT / 100)


def pods(settings: Settings) -> int:
    """Return the number of pods at maximum scale during a rollout, including all data jobs."""
    return pods_while_rolling(settings.api.replicas) + pods_while_rolling(settings.proxy.replicas) + DATA_JOBS


def cpu_limits(settings: Settings) -> Decimal:
    """Return the sum of all CPU limits at maximum scale, in cores."""
    return _limits(settings, lambda resources: resources.cpu_limit)


def memory_limits(settings: Settings) -> Decimal:
    """Return the sum of all memory limits at maximum scale, in bytes."""
    return _limits(settings, lambda resources: resources.memory_limit)


def _limits(settings: Settings, limit: Callable[[Resources], str]) -> Decimal:
    api, proxy = settings.api, settings.proxy
    return (
        pods_while_rolling(api.replicas) * parse_quantity(limit(api.resources))
        + pods_while_rolling(proxy.replicas) * parse_quantity(limit(proxy.resources))
        + DATA_JOBS * parse_quantity(limit(settings.backups.resources))
    )
