"""Settings of what runs in the cluster."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import CpuQuantity, DnsLabel, Image, MemoryQuantity, Model, string


class Resources(Model):
    """Requests and limits of a container; a request is at most its limit."""

    cpu_request: CpuQuantity
    cpu_limit: CpuQuantity
    memory_request: MemoryQuantity
    memory_limit: MemoryQuantity


class Replicas(Model):
    """How many pods; the autoscaler moves between the two."""

    min: Annotated[int, Field(ge=1, le=500)]
    max: Annotated[int, Field(ge=1, le=500)]
    target_cpu_percent: Annotated[int, Field(ge=10, le=95)]
    """Average CPU use of the requests that the autoscaler aims at."""


class Api(Model):
    """The Deployment pipe-api."""

    image: Image
    """What is deployed: this key is the one truth of it, by digest."""
    port: Annotated[int, Field(ge=1024, le=65535)]
    health_path: Annotated[str, string(r"^/\S*$", "a path, such as /healthz", "/healthz")]
    resources: Resources
    replicas: Replicas
    log_level: Literal["debug", "info", "warning", "error"]
    grace_seconds: Annotated[int, Field(ge=15, le=600)]
    """Seconds a pod has to finish its requests after SIGTERM."""


class Proxy(Model):
    """The TLS proxy in front of the pods (nginx, unprivileged)."""

    image: Image
    min_tls: Literal["1.2", "1.3"]
    """The oldest TLS version that is accepted; below 1.2 is refused."""
    hsts_seconds: Annotated[int, Field(ge=0, le=63072000)]
    """max-age of Strict-Transport-Security; 0 leaves the header out."""
    body_limit: Annotated[str, string(r"^[1-9]\d*[km]$", "a size in k or m, such as 10m", "10m")]
    """The largest request body, as nginx writes it (client_max_body_size)."""
    resources: Resources
    replicas: Replicas


class Kubernetes(Model):
    """What the namespace as a whole may use."""

    namespace: DnsLabel
    quota_cpu: CpuQuantity
    """Sum of CPU limits in the namespace."""
    quota_memory: MemoryQuantity
    """Sum of memory limits in the namespace."""
    quota_pods: Annotated[int, Field(ge=1, le=5000)]
