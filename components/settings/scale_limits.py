"""Limits of a stack's growth, computed from its settings."""

from collections.abc import Callable
from decimal import Decimal

from components.common.quantity import MIB, parse_quantity
from components.settings import capacity
from components.settings.models.network import free_addresses
from components.settings.models.workload import Replicas
from components.settings.stack import Settings


def _range(replicas: Replicas) -> str:
    return f"{replicas.min} to {replicas.max} at {replicas.target_cpu_percent} % CPU"


def _number(value: Decimal) -> str:
    """Return a number without trailing zeros."""
    return f"{value.normalize():f}"


def _api_cpu(settings: Settings) -> str:
    return f"{settings.api.resources.cpu_request} / {settings.api.resources.cpu_limit}"


def _scaling_threshold(settings: Settings) -> str:
    request = parse_quantity(settings.api.resources.cpu_request)
    return f"{request * 10 * settings.api.replicas.target_cpu_percent:.0f}m"


def _pods(settings: Settings) -> str:
    return f"{capacity.pods(settings)} / {settings.namespace.quota_pods}"


def _cpu_limits(settings: Settings) -> str:
    return f"{_number(capacity.cpu_limits(settings))} / {settings.namespace.quota_cpu}"


def _memory_limits(settings: Settings) -> str:
    limits = capacity.memory_limits(settings) / MIB
    quota = parse_quantity(settings.namespace.quota_memory) / MIB
    return f"{_number(limits)} MiB / {_number(quota)} MiB"


def _database(settings: Settings) -> str:
    return settings.database.instance_class + (", Multi-AZ" if settings.database.multi_az else "")


def _storage(settings: Settings) -> str:
    return f"{settings.database.storage_gib} GiB, {settings.database.max_storage_gib} GiB"


def _connections(settings: Settings) -> str:
    connections = settings.database.max_connections
    return f"{connections} / {connections // settings.api.replicas.max}"


def _rate_limit(settings: Settings) -> str:
    limit = settings.edge.zone.rate_limit
    return f"{limit.requests} requests in {limit.period_seconds} s"


LIMITS: dict[str, Callable[[Settings], object]] = {
    "API: pods": lambda settings: _range(settings.api.replicas),
    "API: a pod's CPU, request / limit": _api_cpu,
    "API: CPU per pod at which pods are added": _scaling_threshold,
    "Proxy: pods": lambda settings: _range(settings.proxy.replicas),
    "CPU limits at the maximum, during a rollout / quota": _cpu_limits,
    "Memory limits at the maximum, during a rollout / quota": _memory_limits,
    "Pods at the maximum, during a rollout / quota": _pods,
    "Zones": lambda settings: len(settings.network.subnets.private),
    "Addresses for nodes and pods": lambda settings: free_addresses(settings.network),
    "Database": _database,
    "Database: storage at creation, limit of its growth": _storage,
    "Database: connections / connections per API pod at the maximum": _connections,
    "Rate limit per address at the edge": _rate_limit,
}
"""Functions that compute the rows of the table of limits, by title."""
