"""Settings of the API."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.settings.config_commands import remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.models import workload
from components.settings.models.workload import Replicas, Resources
from components.settings.types import Cidr, Distinct, Image, Model, entries, string

Path = Annotated[
    str,
    string(
        r"^/[A-Za-z0-9._~/-]*$", "a path of letters, digits, dots, slashes, - and ~, such as /livez", "/livez"
    ),
]
"""A path of a URL, without characters that nginx.conf would need to escape."""


class Egress(Model):
    """Destinations that the API may call besides its own database, the Datadog agent and DNS."""

    to: Literal["none", "https", "networks"]
    """none: no destination; https: TCP 443 of public addresses, never of private ones or the instance
    metadata; networks: the networks below."""
    networks: Annotated[list[Annotated[Cidr, Field(examples=["192.168.10.0/24"])]], entries(0), Distinct]
    """With `to: networks`: destinations outside the VPC, the Services and link-local addresses."""
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535, examples=[443])]], entries(0), Distinct]
    """With `to: networks`: TCP ports of the destinations."""


class Api(Model):
    """The Deployment pipe-api."""

    image: Annotated[
        Image, Field(examples=["123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.0.0"])
    ]
    """The deployed image, by digest; this key is its only source."""
    migrate: bool
    """True if the image's migrations run before its pods. A rollback that keeps a newer version's schema sets
    it to false, and the next version's deployment back to true."""
    start_deadline_seconds: Annotated[int, Field(ge=60, le=1800, examples=[300])]
    """Seconds that a first pod of a new image has to be scheduled and to start, before its migrations run;
    after that `up` fails."""
    egress: Egress
    liveness_path: Annotated[Path, Field(examples=["/livez"])]
    """The path that answers 200 while the process works, whatever the state of the database; a pod that fails
    it is restarted."""
    readiness_path: Annotated[Path, Field(examples=["/readyz"])]
    """The path that answers 200 while the pod can serve requests, which requires the database. A pod that
    fails it gets no requests. Datadog's check from outside also requests this path."""
    resources: Resources
    replicas: Replicas
    log_level: Literal["debug", "info", "warning", "error"]
    """The lowest level that is logged."""
    grace_seconds: Annotated[int, Field(ge=15, le=600, examples=[30])]
    """Seconds a pod has to finish its requests after SIGTERM."""


def check_requests(api: Api) -> Iterator[SettingFault]:
    """Refuse a request above its limit."""
    return workload.check_requests("pipe:api", api.resources)


def check_replicas(api: Api) -> Iterator[SettingFault]:
    """Refuse a maximum of pods below the minimum."""
    return workload.check_replicas("pipe:api", api.replicas)


def check_probe_paths(api: Api) -> Iterator[SettingFault]:
    """Refuse one path for both probes.

    No pod is ready during a failover of the database. With one path for both probes, a failover would restart
    every pod.
    """
    if api.liveness_path == api.readiness_path:
        path = ("pipe:api", "livenessPath")
        other = "/livez" if api.readiness_path != "/livez" else "/alive"
        allowed = (
            "another path than pipe:api.readinessPath, one that does not use the database: "
            "a failover of the database would restart every pod"
        )
        yield invalid_value(path, api.liveness_path, allowed, set_command(path, other))


def check_egress_entries(api: Api) -> Iterator[SettingFault]:
    """Refuse networks and ports without `to: networks`, and `to: networks` without them."""
    egress = api.egress
    for key, values, example in (
        ("networks", egress.networks, "192.168.10.0/24"),
        ("ports", egress.ports, 443),
    ):
        path = ("pipe:api", "egress", key)
        if egress.to == "networks" and not values:
            allowed = "one entry or more, as pipe:api.egress.to is networks"
            yield invalid_value(path, values, allowed, set_command((*path, 0), example))
        elif egress.to != "networks" and values:
            allowed = f"no entry, as pipe:api.egress.to is {egress.to}"
            # The last entry is removed first, so that the other indexes stay valid.
            fix = [remove_command((*path, index)) for index in reversed(range(len(values)))]
            yield invalid_value(path, values, allowed, *fix)


CHECKS = (check_requests, check_replicas, check_probe_paths, check_egress_entries)
