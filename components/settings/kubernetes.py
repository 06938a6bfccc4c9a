"""Settings of what runs in the cluster."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.types import (
    Cidr,
    CpuQuantity,
    Distinct,
    DnsLabel,
    Image,
    MemoryQuantity,
    Model,
    entries,
    string,
)

Path = Annotated[
    str,
    string(
        r"^/[A-Za-z0-9._~/-]*$", "a path of letters, digits, dots, slashes, - and ~, such as /livez", "/livez"
    ),
]
"""A path of a URL, which can stand in nginx.conf as it is."""


class Resources(Model):
    """Requests and limits of a container; a request is at most its limit."""

    cpu_request: CpuQuantity
    """CPU that the scheduler sets aside."""
    cpu_limit: CpuQuantity
    """CPU beyond which the container is slowed down."""
    memory_request: MemoryQuantity
    """Memory that the scheduler sets aside."""
    memory_limit: MemoryQuantity
    """Memory beyond which the container is killed."""


class Replicas(Model):
    """How many pods; the autoscaler moves between the two."""

    min: Annotated[int, Field(ge=1, le=500, examples=[3])]
    """The fewest pods, and the number at creation."""
    max: Annotated[int, Field(ge=1, le=500, examples=[6])]
    """The most pods."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=95, examples=[70])]
    """Average CPU use of the requests that the autoscaler aims at."""


class Egress(Model):
    """What the API may call besides its own database, the Datadog agent and DNS."""

    to: Literal["none", "https", "networks"]
    """Nothing; TCP 443 of any public address, never a private one or the instance metadata; or the networks
    below."""
    networks: Annotated[list[Annotated[Cidr, Field(examples=["192.168.10.0/24"])]], entries(0), Distinct]
    """With `to: networks`: where the API may connect to, outside the VPC, the Services and link-local
    addresses."""
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535, examples=[443])]], entries(0), Distinct]
    """With `to: networks`: the TCP ports there."""


class Api(Model):
    """The Deployment pipe-api."""

    image: Annotated[
        Image, Field(examples=["123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.0.0"])
    ]
    """What is deployed: this key is the one truth of it, by digest."""
    migrate: bool
    """Whether the image's migrations run before its pods; a rollback that keeps a newer version's schema sets
    it to false, and the next version's deployment back to true."""
    start_deadline_seconds: Annotated[int, Field(ge=60, le=1800, examples=[300])]
    """Seconds that a first pod of a new image has to be scheduled and to start, before its migrations run;
    after that `up` fails."""
    egress: Egress
    liveness_path: Annotated[Path, Field(examples=["/livez"])]
    """Answers 200 while the process works, whatever the state of the database; a pod that fails it is
    restarted."""
    readiness_path: Annotated[Path, Field(examples=["/readyz"])]
    """Answers 200 while the pod can serve requests, which takes the database; a pod that fails it gets none,
    and Datadog's check from outside asks for it."""
    resources: Resources
    replicas: Replicas
    log_level: Literal["debug", "info", "warning", "error"]
    """The least that is logged."""
    grace_seconds: Annotated[int, Field(ge=15, le=600, examples=[30])]
    """Seconds a pod has to finish its requests after SIGTERM."""


class Proxy(Model):
    """The TLS proxy in front of the pods (nginx, unprivileged)."""

    image: Image
    """nginx that runs without root."""
    min_tls: Literal["1.2", "1.3"]
    """The oldest TLS version that is accepted; below 1.2 is refused."""
    hsts_seconds: Annotated[int, Field(ge=0, le=63072000, examples=[31536000])]
    """max-age of Strict-Transport-Security; 0 leaves the header out."""
    body_limit: Annotated[str, string(r"^[1-9][0-9]*[km]$", "a size in k or m, such as 10m", "10m")]
    """The largest request body, as nginx writes it (client_max_body_size)."""
    resources: Resources
    replicas: Replicas


class Kubernetes(Model):
    """What the namespace as a whole may use."""

    namespace: Annotated[DnsLabel, Field(examples=["pipe"])]
    """Where the service runs."""
    quota_cpu: Annotated[CpuQuantity, Field(examples=["8"])]
    """Sum of CPU limits in the namespace."""
    quota_memory: Annotated[MemoryQuantity, Field(examples=["12Gi"])]
    """Sum of memory limits in the namespace."""
    quota_pods: Annotated[int, Field(ge=1, le=5000, examples=[30])]
    """Pods in the namespace."""
