"""Settings of the TLS proxy."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.settings.errors import SettingFault
from components.settings.models import workload
from components.settings.models.workload import Replicas, Resources
from components.settings.types import Image, Model, string


class Proxy(Model):
    """The TLS proxy in front of the pods (nginx, unprivileged)."""

    image: Image
    """An nginx image that does not run as root."""
    min_tls: Literal["1.2", "1.3"]
    """The oldest TLS version that nginx accepts; versions below 1.2 cannot be chosen."""
    hsts_seconds: Annotated[int, Field(ge=0, le=63072000, examples=[31536000])]
    """The max-age of the Strict-Transport-Security header, in seconds; 0 omits the header."""
    body_limit: Annotated[str, string(r"^[1-9][0-9]*[km]$", "a size in k or m, such as 10m", "10m")]
    """The largest request body, in the notation of nginx (client_max_body_size)."""
    resources: Resources
    replicas: Replicas


def check_requests(proxy: Proxy) -> Iterator[SettingFault]:
    """Refuse a request above its limit."""
    return workload.check_requests("pipe:proxy", proxy.resources)


def check_replicas(proxy: Proxy) -> Iterator[SettingFault]:
    """Refuse a maximum number of pods below the minimum."""
    return workload.check_replicas("pipe:proxy", proxy.replicas)


CHECKS = (check_requests, check_replicas)
