"""Limits of a stack's growth, from its settings."""

from collections.abc import Callable
from decimal import Decimal

from components.settings import capacity
from components.settings.kubernetes import Replicas
from components.settings.stack import Settings
from components.settings.types import quantity

MIB = 1024**2


def _range(replicas: Replicas) -> str:
    return f"{replicas.min} to {replicas.max} at {replicas.target_cpu_percent} % CPU"


def _number(value: Decimal) -> str:
    """Write a number without superfluous zeros."""
    return f"{value.normalize():f}"


def _scaling_threshold(settings: Settings) -> str:
    request = quantity(settings.api.resources.cpu_request)
    return f"{request * 10 * settings.api.replicas.target_cpu_percent:.0f}m"


def _database(settings: Settings) -> str:
    return settings.database.instance_class + (", Multi-AZ" if settings.database.multi_az else "")


def _connections(settings: Settings) -> str:
    most = settings.database.max_connections
    return f"{most} / {most // settings.api.replicas.max}"


def _addresses(settings: Settings) -> int:
    return sum(2 ** (32 - int(cidr.partition("/")[2])) - 5 for cidr in settings.network.subnets.private)


LIMITS: dict[str, Callable[[Settings], object]] = {
    "API: pods": lambda s: _range(s.api.replicas),
    "API: a pod's CPU, request / limit": lambda s: (
        f"{s.api.resources.cpu_request} / {s.api.resources.cpu_limit}"
    ),
    "API: CPU per pod at which pods are added": _scaling_threshold,
    "Proxy: pods": lambda s: _range(s.proxy.replicas),
    "CPU limits at the maximum, rolling / quota": lambda s: (
        f"{_number(capacity.cpu_limits(s))} / {s.kubernetes.quota_cpu}"
    ),
    "Memory limits at the maximum, rolling / quota": lambda s: (
        f"{_number(capacity.memory_limits(s) / MIB)} MiB"
        f" / {_number(quantity(s.kubernetes.quota_memory) / MIB)} MiB"
    ),
    "Pods at the maximum, rolling / quota": lambda s: f"{capacity.pods(s)} / {s.kubernetes.quota_pods}",
    "Zones": lambda s: len(s.network.subnets.private),
    "Addresses for nodes and pods": _addresses,
    "Database": _database,
    "Database: storage, grows to": lambda s: (
        f"{s.database.storage_gib} GiB, {s.database.max_storage_gib} GiB"
    ),
    "Database: connections / for each API pod at the maximum": _connections,
    "One address at the edge": lambda s: (
        f"{s.edge.zone.rate_limit.requests} requests in {s.edge.zone.rate_limit.period_seconds} s"
    ),
}
"""Title of each line of the table of limits, and the function that computes its value."""
