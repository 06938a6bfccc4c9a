"""Settings that workloads have in common: resources of a container and the number of pods."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from components.common.quantity import parse_quantity
from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import CpuQuantity, MemoryQuantity, Model


class Resources(Model):
    """Requests and limits of a container; a request is at most its limit."""

    cpu_request: CpuQuantity
    """CPU that the scheduler reserves."""
    cpu_limit: CpuQuantity
    """CPU above which the container is throttled."""
    memory_request: MemoryQuantity
    """Memory that the scheduler reserves."""
    memory_limit: MemoryQuantity
    """Memory above which the container is killed."""


class Replicas(Model):
    """Number of pods, which the autoscaler chooses between the minimum and the maximum."""

    min: Annotated[int, Field(ge=1, le=500, examples=[3])]
    """The smallest number of pods; also the number at creation."""
    max: Annotated[int, Field(ge=1, le=500, examples=[6])]
    """The largest number of pods."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=95, examples=[70])]
    """Target of the autoscaler: average CPU usage, in percent of the requests."""


def check_requests(key: str, resources: Resources) -> Iterator[SettingFault]:
    """Refuse a request above its limit, since Kubernetes would refuse the pod."""
    for kind, request, limit in (
        ("cpu", resources.cpu_request, resources.cpu_limit),
        ("memory", resources.memory_request, resources.memory_limit),
    ):
        if parse_quantity(request) > parse_quantity(limit):
            path = (key, "resources", f"{kind}Request")
            allowed = f"at most {key}.resources.{kind}Limit ({limit})"
            yield invalid_value(path, request, allowed, set_command(path, limit))


def check_replicas(key: str, replicas: Replicas) -> Iterator[SettingFault]:
    """Refuse a maximum below the minimum."""
    if replicas.min > replicas.max:
        path = (key, "replicas", "max")
        allowed = f"at least {key}.replicas.min ({replicas.min})"
        yield invalid_value(path, replicas.max, allowed, set_command(path, replicas.min))
