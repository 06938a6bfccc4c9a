"""Resources that AWS needs some time to create, and changes that reach all of AWS only after some time.

Without a clock, every resource is ready at once, and every change is visible at once.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from sandbox.clouds.web import ErrorResponse
from sandbox.wire.durations import DURATIONS
from sandbox.wire.values import Json


@dataclass(frozen=True, kw_only=True)
class Creation:
    """The creation of a type of resource, as the responses of AWS show it."""

    create: str
    """The operation that begins the creation; its time is in DURATIONS."""
    read: str
    """The operation whose response shows the status."""
    members: tuple[str, ...]
    """The members of both responses that hold the resource, or a list of resources."""
    key: str
    """The member of a resource that identifies it."""
    status: str = ""
    """The member with the status; empty if the resource is not found before it is ready."""
    pending: str = ""
    """The status before the resource is ready."""
    only: tuple[str, str] = ("", "")
    """A member and its value in the resources that take time; empty if all do."""
    later: tuple[str, ...] = ()
    """Members that the resource lacks before it is ready."""
    missing: tuple[str, str] = ("", "")
    """The code and message of the error for a resource that is not found yet; `{}` is its key."""


CREATIONS = (
    Creation(
        create="eks:CreateCluster",
        read="eks:DescribeCluster",
        members=("cluster",),
        key="name",
        status="status",
        pending="CREATING",
        later=("endpoint", "certificateAuthority"),
    ),
    Creation(
        create="eks:CreateAddon",
        read="eks:DescribeAddon",
        members=("addon",),
        key="addonArn",
        status="status",
        pending="CREATING",
    ),
    Creation(
        create="rds:CreateDBInstance",
        read="rds:DescribeDBInstances",
        members=("DBInstance", "DBInstances"),
        key="DbiResourceId",
        status="DBInstanceStatus",
        pending="creating",
        # "Contains a value for the endpoint only if the status is available" (RDS API, DBInstance).
        later=("Endpoint",),
    ),
    Creation(
        create="ec2:CreateNatGateway",
        read="ec2:DescribeNatGateways",
        members=("NatGateway", "NatGateways"),
        key="NatGatewayId",
        status="State",
        pending="pending",
    ),
    Creation(
        create="ec2:CreateVpcEndpoint",
        read="ec2:DescribeVpcEndpoints",
        members=("VpcEndpoint", "VpcEndpoints"),
        key="VpcEndpointId",
        status="State",
        pending="pending",
        only=("VpcEndpointType", "Interface"),
    ),
    Creation(
        create="kms:CreateKey",
        read="kms:DescribeKey",
        members=("KeyMetadata",),
        key="KeyId",
        # KMS developer guide, eventual consistency: a NotFoundException is possible for a new key.
        missing=("NotFoundException", "Key '{}' does not exist"),
    ),
)

BY_OPERATION: Mapping[str, Creation] = {
    operation: creation for creation in CREATIONS for operation in (creation.create, creation.read)
}

NEW_ROLE = "iam:CreateRole"


class Transitions:
    """The resources of an account that are not ready yet, on a clock that can be switched off."""

    def __init__(self) -> None:
        self._scale = 0.0
        self._ready: dict[tuple[str, str], float] = {}
        """The monotonic time at which each resource is ready, by region and key."""
        self._lock = threading.Lock()

    def set_scale(self, scale: float) -> None:
        """Set the number of seconds that pass per second; with 0, everything is ready at once."""
        with self._lock:
            self._scale = scale
            if not scale:
                self._ready.clear()

    def concerns(self, operation: str) -> bool:
        """Return True if the response to an operation depends on the clock."""
        return bool(self._scale) and (operation in BY_OPERATION or operation == NEW_ROLE)

    def apply(self, operation: str, region: str, response: Json) -> Json:
        """Return a response in which resources that are not ready have their status of that time.

        Raise ErrorResponse if a resource is not found yet.
        """
        if operation == NEW_ROLE:
            self._begin(operation, "", response["Role"]["Arn"])
            return response
        creation = BY_OPERATION[operation]
        if operation == creation.create:
            for resource in _timed(creation, response):
                self._begin(operation, region, resource[creation.key])
            if creation.missing[0]:
                return response
        result = dict(response)
        for member in creation.members:
            if isinstance(resource := response.get(member), dict):
                result[member] = self._as_seen(creation, region, cast(Json, resource))
            elif isinstance(resource, list):
                result[member] = [
                    self._as_seen(creation, region, item) for item in cast("list[Json]", resource)
                ]
        return result

    def new_roles(self) -> frozenset[str]:
        """Return the ARNs of the roles that services other than IAM do not know yet."""
        now = time.monotonic()
        with self._lock:
            return frozenset(
                key for (_, key), ready in self._ready.items() if ready > now and ":role/" in key
            )

    def _begin(self, operation: str, region: str, key: str) -> None:
        with self._lock:
            self._ready[region, key] = time.monotonic() + DURATIONS[operation].seconds / self._scale

    def _as_seen(self, creation: Creation, region: str, resource: Json) -> Json:
        key = resource[creation.key]
        with self._lock:
            if self._ready.get((region, key), 0.0) <= time.monotonic():
                return resource
        code, message = creation.missing
        if code:
            raise ErrorResponse(400, message.format(key), code)
        members = {name: item for name, item in resource.items() if name not in creation.later}
        return members | {creation.status: creation.pending}


def _timed(creation: Creation, response: Json) -> Iterable[Json]:
    """Return the created resource in a list; empty if it is ready at once."""
    created: list[Json] = [response[name] for name in creation.members if name in response]
    member, value = creation.only
    return [resource for resource in created if not member or resource.get(member) == value]
