"""A Cloudflare account with its zones, and the registry of the API's functions."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, ClassVar

from sandbox.clouds.rest_api import Collection, RestApi, RestRegistry, RestRequest
from sandbox.clouds.web import timestamp
from sandbox.wire.origin_ca import OriginCa
from sandbox.wire.values import Json

ZONE_MEMBERS: Mapping[str, Any] = {
    "account": {"id": "9af211329b2fc82e5efe906062c73008", "name": "sandbox"},
    "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
    "paused": False,
    "plan": {"legacy_id": "pro", "name": "Pro Plan"},
    "status": "active",
    "type": "full",
}
"""The members that the API itself sets for every zone."""


class Account(RestApi):
    """An account that has the zones with the names in `zones`."""

    name = "cloudflare"
    base = "/client/v4"
    registry: ClassVar["RestRegistry[Account]"] = RestRegistry()
    page_parameters = ("per_page", 1, 100)
    fault_codes: ClassVar[Mapping[str, int]] = {
        "record": 1004,
        "dnssec": 1004,
        "setting": 1007,
        "certificate": 1010,
        "ruleset": 20217,
    }

    def __init__(self, zones: Iterable[str]) -> None:
        super().__init__()
        self.origin_ca = OriginCa()
        self.tokens: dict[str, set[str]] = {}
        """Permissions of limited tokens, such as `DNS Read` and `DNS Write`; a token with an empty set is
        invalid.
        """
        for name in zones:
            ident = sha256(name.encode()).hexdigest()[:32]
            zone = {"id": ident, "name": name, "created_on": timestamp(), **ZONE_MEMBERS}
            self.collection("zone")[ident] = zone

    @property
    def zones(self) -> list[str]:
        """The names of the account's zones."""
        return [zone["name"] for zone in self.collection("zone").values()]


CloudflareRequest = RestRequest[Account]

REGISTRY = Account.registry
refuses = REGISTRY.refuses
emulates = REGISTRY.emulates
stores = REGISTRY.stores

ZONES = REGISTRY.add(
    Collection(
        name="zone",
        path="/zones",
        missing=(404, "Could not route to /zones/<ident>, perhaps your object identifier is invalid?", 7003),
        creates=False,
        verbs=(),
    )
)


def without(members: Json, *names: str) -> Json:
    """Return the members except those with these names."""
    return {key: value for key, value in members.items() if key not in names}


def is_within(host: str, zone: str) -> bool:
    """Return True if a host name is a zone's name or ends with it."""
    return host == zone or host.endswith(f".{zone}")
