"""Pods, CPU and memory of the namespace at maximum scale, for its quota checks and the published limits."""

from collections.abc import Callable
from decimal import Decimal
from math import ceil

from components.common.quantity import parse_quantity
from components.settings.models.workload import Replicas, Resources
from components.settings.stack import Settings

SURGE_PERCENT = 25
"""Pods that a rolling update adds before it removes old ones, in percent of the replicas (maxSurge)."""
DATA_JOBS = 3
"""Data jobs that may run at once: a migration, a backup, and one that a person started."""


def pods_while_rolling(replicas: Replicas) -> int:
    """Return the largest number of a workload's pods: all replicas and the surge, which Kubernetes rounds up.

    Terminating pods are not counted.
    """
    return replicas.max + ceil(replicas.max * SURGE_PERCENT / 100)


def pods(settings: Settings) -> int:
    """Return the number of pods at maximum scale, mid-rollout, with all data jobs."""
    return pods_while_rolling(settings.api.replicas) + pods_while_rolling(settings.proxy.replicas) + DATA_JOBS


def cpu_limits(settings: Settings) -> Decimal:
    """Return the sum of the CPU limits of the pods at maximum scale, in cores."""
    return _limits(settings, lambda resources: resources.cpu_limit)


def memory_limits(settings: Settings) -> Decimal:
    """Return the sum of the memory limits of the pods at maximum scale, in bytes."""
    return _limits(settings, lambda resources: resources.memory_limit)


def _limits(settings: Settings, limit: Callable[[Resources], str]) -> Decimal:
    api, proxy = settings.api, settings.proxy
    return (
        pods_while_rolling(api.replicas) * parse_quantity(limit(api.resources))
        + pods_while_rolling(proxy.replicas) * parse_quantity(limit(proxy.resources))
        + DATA_JOBS * parse_quantity(limit(settings.backups.resources))
    )
