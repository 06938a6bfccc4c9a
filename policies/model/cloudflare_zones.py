"""Cloudflare's zones, as the resources of a stack name them."""

from policies.engine.rule import Resource, Stack

ZONE = "cloudflare:index/zone:Zone"


class Zones:
    """The zones that a stack declares, and which of them a resource is about."""

    def __init__(self, stack: Stack) -> None:
        self.declared = stack.of((ZONE,))
        self._urns = {zone.urn for zone in self.declared}
        self._by_id = {zone["id"].text(): zone.urn for zone in self.declared if zone["id"].known}

    def of(self, resource: Resource) -> str | None:
        """The URN of a zone of the stack, else its id, else what its id comes from; none if not known."""
        depends = resource.property_dependencies.get("zoneId", ())
        if declared := sorted(self._urns & set(depends)):
            return declared[0]
        if resource["zoneId"].known:
            text = resource["zoneId"].text() or ""
            return self._by_id.get(text, text)
        return ",".join(sorted(depends)) or None
