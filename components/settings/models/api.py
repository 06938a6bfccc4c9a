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
        r"^/[A-Za-z0-9._~/-]*$",
        "a path that begins with / and has only letters, digits and the characters . _ ~ / -, such as /livez",
        "/livez",
    ),
]
"""The path of a URL, without characters that must be escaped in nginx.conf."""


class Egress(Model):
    """Destinations that the API may call besides the database, DNS, and the agents on its node."""

    to: Literal["none", "https", "networks"]
    """none: no destinations; https: TCP 443 of public addresses, but not of private addresses or the instance
    metadata; networks: the entries of `networks`."""
    networks: Annotated[list[Annotated[Cidr, Field(examples=["192.168.10.0/24"])]], entries(0), Distinct]
    """With `to: networks`: the destinations, which must not overlap the VPC, the service network, or
    local and multicast networks such as 169.254.0.0/16."""
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535, examples=[443])]], entries(0), Distinct]
    """With `to: networks`: TCP ports of the destinations."""


class Api(Model):
    """The Deployment pipe-api."""

    image: Annotated[
        Image, Field(examples=["123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.0.0"])
    ]
    """The deployed image with its digest; no other key selects the image."""
    migrate: bool
    """True if the image's migrations run before its pods start. A rollback that keeps the schema of a newer
    version sets this to false; the deployment of the next version sets it to true again."""
    start_deadline_seconds: Annotated[int, Field(ge=60, le=1800, examples=[300])]
    """Seconds within which the first pod of a new image must start, before its migrations run; otherwise,
    `pulumi up` fails."""
    egress: Egress
    liveness_path: Annotated[Path, Field(examples=["/livez"])]
    """The path that returns 200 while the process works, regardless of the database. A container that fails
    this probe is restarted."""
    readiness_path: Annotated[Path, Field(examples=["/readyz"])]
    """The path that returns 200 while the pod can serve requests, for which it needs the database. A pod that
    fails this probe receives no requests. Datadog's synthetic check also requests this path."""
    resources: Resources
    replicas: Replicas
    log_level: Literal["debug", "info", "warning", "error"]
    """The lowest level that is logged."""
    grace_seconds: Annotated[int, Field(ge=15, le=600, examples=[30])]
    """Seconds that a pod has to finish its requests after SIGTERM."""


def check_requests(api: Api) -> Iterator[SettingFault]:
    """Refuse a request above its limit."""
    return workload.check_requests("pipe:api", api.resources)


def check_replicas(api: Api) -> Iterator[SettingFault]:
    """Refuse a maximum number of pods below the minimum."""
    return workload.check_replicas("pipe:api", api.replicas)


def check_probe_paths(api: Api) -> Iterator[SettingFault]:
    """Refuse the same path for both probes.

    No pod is ready during a failover of the database. If the liveness probe used the same path, a failover
    would restart every pod.
    """
    if api.liveness_path == api.readiness_path:
        path = ("pipe:api", "livenessPath")
        other = "/livez" if api.readiness_path != "/livez" else "/alive"
        allowed = (
            "a path other than pipe:api.readinessPath that does not use the database; otherwise, a failover "
            "of the database would restart every pod"
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
            allowed = "one entry or more, since pipe:api.egress.to is networks"
            yield invalid_value(path, values, allowed, set_command((*path, 0), example))
        elif egress.to != "networks" and values:
            allowed = f"no entry, since pipe:api.egress.to is {egress.to}"
            # The last entry is removed first, so that the other indexes stay valid.
            fix = [remove_command((*path, index)) for index in reversed(range(len(values)))]
            yield invalid_value(path, values, allowed, *fix)


CHECKS = (check_requests, check_replicas, check_probe_paths, check_egress_entries)
