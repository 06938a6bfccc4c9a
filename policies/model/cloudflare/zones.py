"""Cloudflare zones, and the settings that a stack declares for them."""

from policies.engine.rule import Finding, Resource, Stack, Unknown, Verdicts
from policies.model.references import referents

ZONE = "cloudflare:index/zone:Zone"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
OVERRIDE = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
RECORDS = ("cloudflare:index/dnsRecord:DnsRecord", "cloudflare:index/record:Record")


class Zones:
    """The zones that a stack declares, and the zone of each resource."""

    def __init__(self, stack: Stack) -> None:
        self.declared = stack.of((ZONE,))

    def of(self, resource: Resource) -> str | None:
        """Return a key for the zone of a resource; None if the zone is unknown.

        The key is the URN of a zone in the stack, else the zone id, else the URNs on which the id depends.
        An id that depends on several zones of the stack may be that of any of them.
        """
        value = resource["zoneId"]
        declared = referents(resource, value, self.declared, "id")
        if declared:
            return declared[0].urn if len(declared) == 1 else None
        if value.known:
            return value.text() or ""
        return ",".join(sorted(resource.property_dependencies.get("zoneId", ()))) or None


class DeclaredSettings:
    """The names of the settings that a stack declares, by zone."""

    def __init__(self, stack: Stack, zones: Zones) -> None:
        overrides = {zones.of(resource): resource.urn for resource in stack.of((OVERRIDE,))}
        self._whole = overrides.keys() - {None}
        """Zones whose settings are one resource; a rule on that resource also reports missing settings."""
        self._names: dict[str | None, set[str | None]] = {}
        self._hidden: dict[str | None, Unknown] = {
            zone: Unknown("zoneId", urn) for zone, urn in overrides.items() if zone is None
        }
        """By zone, an unknown value that may be the name or the zone of a setting."""
        for resource in stack.of((SETTING,)):
            zone, name = zones.of(resource), resource["settingId"]
            if name.known:
                self._names.setdefault(zone, set()).add(name.text())
            if zone is None or not name.known:
                path = "zoneId" if name.known else name.path
                self._hidden.setdefault(zone, Unknown(path, resource.urn))

    def __bool__(self) -> bool:
        return bool(self._whole or self._names or self._hidden)

    def missing(self, zone: str | None, name: str, finding: Finding) -> Verdicts:
        """Yield the finding if a zone lacks a setting, or the unknown value that may be that setting."""
        if zone not in self._whole and name not in self._names.get(zone, ()):
            yield self._hidden.get(zone) or self._hidden.get(None) or finding
