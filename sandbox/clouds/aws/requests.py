"""A request to the AWS API, with access to the account's objects in moto and in the records."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from sandbox.clouds.aws.records import Family, Records
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

Send: TypeAlias = Callable[[str, str, str, Json], Json]
"""A function that sends a request to moto and raises ErrorResponse if moto refuses it.

Its arguments are the service, the region, the operation and the parameters.
"""


@dataclass
class AwsRequest:
    """A request that is valid according to botocore's model of the service."""

    service: str
    """The service's name in botocore, such as `eks`."""
    action: str
    """The operation's name in botocore, such as `CreateCluster`."""
    params: Json
    """The parameters by their names in botocore's model."""
    region: str
    account: str
    moto: Send
    records: Records
    control_plane: Json = field(default_factory=dict[str, Any])
    """The address (`server`) and the certificate (`authority`, base64) of the control plane.

    It is empty for all operations except `eks:CreateCluster`, and without a control plane.
    """
    document: Json = field(default_factory=dict[str, Any])
    """The policy document in the request; empty if it has none."""
    record: Json = field(default_factory=dict[str, Any])
    """The existing record that an emulated operation concerns; empty if there is none."""
    new_roles: frozenset[str] = frozenset()
    """The ARNs of roles that services other than IAM do not know yet."""
    now: float = field(default_factory=time.time)
    """The time of the request in seconds since 1970."""
    uuid: UUID = field(default_factory=uuid4)
    """A new UUID, from which the IDs of a new record are made."""
    _looked_up: dict[str, Json] = field(default_factory=dict[str, Json])

    @property
    def hex(self) -> str:
        """The new UUID as 32 hexadecimal digits."""
        return self.uuid.hex

    @property
    def id17(self) -> str:
        """The first 17 hexadecimal digits of the new UUID: most AWS IDs end with as many digits."""
        return self.uuid.hex[:17]

    def arn(self, resource: str, service: str = "") -> str:
        """Return the ARN of a resource of the account in the region, such as `cluster/shop-dev`."""
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"

    # Objects in moto

    def look(self, action: str, service: str = "", /, **params: Any) -> Json:
        """Return moto's response to a request that reads objects, and cache it.

        `service` is this request's service by default. Raise ErrorResponse if moto refuses the request.
        """
        key = json.dumps([service or self.service, action, params], default=str)
        if key not in self._looked_up:
            self._looked_up[key] = self.send(action, service, **params)
        return self._looked_up[key]

    def look_if_there(self, action: str, service: str = "", /, **params: Any) -> Json | None:
        """Return moto's response as `look` does; None if moto refuses the request."""
        try:
            return self.look(action, service, **params)
        except ErrorResponse:
            return None

    def send(self, action: str, service: str = "", /, **params: Any) -> Json:
        """Return moto's response to a request. Raise ErrorResponse if moto refuses the request."""
        return self.moto(service or self.service, self.region, action, params)

    # Records of the emulated services

    def existing(self, family: Family) -> list[Json]:
        """Return all records of a family in the region."""
        return [*self.records.of(self.region, family).values()]

    def children(self, family: Family, *parents: str) -> list[Json]:
        """Return the records whose keys begin with the keys of their parents."""
        prefix = "".join(f"{parent} " for parent in parents)
        return [
            record for key, record in self.records.of(self.region, family).items() if key.startswith(prefix)
        ]

    def sent(self, *omitted: str) -> Json:
        """Return the parameters to store, without `clientRequestToken` and those in `omitted`."""
        return {
            name: item
            for name, item in self.params.items()
            if name != "clientRequestToken" and name not in omitted
        }

    def store(self, family: Family, record: Json) -> Json:
        """Add a record, or replace it; return it. The tags in `ResourceTags` become a map in `tags`."""
        if "ResourceTags" in record:
            record["tags"] = tag_map(record.pop("ResourceTags"))
        self.records.of(self.region, family)[family.key(self)] = record
        return record

    def change(self, *omitted: str, **members: Any) -> Json:
        """Change the existing record to the parameters (except `omitted`) and to `members`; return it.

        A parameter that is an object is merged with the object in the record.
        """
        self.record |= {**merged(self.record, self.sent(*omitted)), **members}
        return self.record

    def remove(self, family: Family) -> Json:
        """Delete the record of this request and its child records; return it, empty if there was none."""
        self.records.remove(self.region, family, family.key(self))
        return self.record


def merged(old: Json, new: Json) -> Json:
    """Return the members in `new`; a member that is an object also keeps the other fields of the old one."""
    return {
        key: {**(old.get(key) or {}), **item} if isinstance(item, dict) else item for key, item in new.items()
    }


def tag_map(tags: Json | list[Json]) -> Json:
    """Return tags as a map of keys to values; a list has objects with `Key` and `Value`."""
    return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else tags


def present(members: Json) -> Json:
    """Return the members without those that are None."""
    return {name: item for name, item in members.items() if item is not None}


def listing(items: Iterable[Any]) -> str:
    """Return items for a message, separated by commas."""
    return ", ".join(map(str, items))
