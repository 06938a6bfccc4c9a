"""The provider's look-ups, such as `aws.get_availability_zones`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.providers.aws.calls.model import first
from sandbox.wire.values import Json


@dataclass(frozen=True)
class Lookup:
    """A look-up: a call to AWS. `arguments` and `take` derive its arguments and the result."""

    service: str
    action: str
    arguments: Callable[[Json], Json]
    take: Callable[[Json, Json], Json]


def _zone_filters(arguments: Json) -> Json:
    state = arguments.get("state")
    by_state = [{"name": "state", "values": [state]}] if state else []
    return {"Filters": [*(arguments.get("filters") or []), *by_state]}


def _zones(response: Json, arguments: Json) -> Json:
    names, ids = (arguments.get(name) or () for name in ("excludeNames", "excludeZoneIds"))
    zones: list[Json] = [
        zone
        for zone in response["AvailabilityZones"]
        if zone["ZoneName"] not in names and zone["ZoneId"] not in ids
    ]
    zone: Json | None = first(zones)
    return {
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": [zone["RegionName"]] if zone else None,
    }


LOOKUPS: Mapping[str, Lookup] = {
    "getAvailabilityZones": Lookup("ec2", "DescribeAvailabilityZones", _zone_filters, _zones),
    "getCallerIdentity": Lookup(
        "sts",
        "GetCallerIdentity",
        lambda arguments: {},
        lambda response, arguments: {
            "id": response["Account"],
            "accountId": response["Account"],
            "arn": response["Arn"],
            "userId": response["UserId"],
        },
    ),
}
"""The look-ups by the last part of their tokens."""
