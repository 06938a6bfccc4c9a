"""Tests of the zones of Cloudflare resources, whose ids a preview may not know."""

from policies.engine.rule import Finding, Stack, Unknown
from policies.model.cloudflare.zones import OVERRIDE, SETTING, ZONE, DeclaredSettings, Zones
from tests.support.policies.pytest_fixtures import UNKNOWN, resource, urn

FINDING = Finding("settings", "without ssl", "add it")
RECORD = "cloudflare:index/dnsRecord:DnsRecord"


def test_a_resource_belongs_to_the_zone_that_its_id_comes_from() -> None:
    zone = resource(ZONE, {"name": "pipe.dev"}, "zone")
    zones = Zones(Stack((zone,)))
    uses = {"zoneId": (urn(ZONE, "zone"),)}
    assert zones.of(resource(RECORD, {"zoneId": UNKNOWN}, property_dependencies=uses)) == zone.urn
    assert zones.of(resource(RECORD, {"zoneId": "023e"})) == "023e"
    assert zones.of(resource(RECORD, {"zoneId": UNKNOWN})) is None


def test_a_known_zone_counts_and_not_what_its_id_depends_on() -> None:
    zone = resource(ZONE, {"name": "pipe.dev", "id": "023e"}, "zone")
    zones = Zones(Stack((zone,)))
    uses = {"zoneId": (zone.urn,)}
    assert zones.of(resource(RECORD, {"zoneId": "023e"}, property_dependencies=uses)) == zone.urn
    assert zones.of(resource(RECORD, {"zoneId": "other"}, property_dependencies=uses)) == "other"


def test_an_unknown_zone_that_depends_on_several_may_be_any_of_them() -> None:
    declared = [resource(ZONE, {"name": f"{name}.dev"}, name) for name in ("a", "b")]
    uses = {"zoneId": tuple(zone.urn for zone in declared)}
    record = resource(RECORD, {"zoneId": UNKNOWN}, property_dependencies=uses)
    assert Zones(Stack(tuple(declared))).of(record) is None


def test_a_resource_with_an_unknown_zone_belongs_to_all_that_its_id_depends_on() -> None:
    uses = {"zoneId": ("urn:b", "urn:a")}
    record = resource(RECORD, {"zoneId": UNKNOWN}, property_dependencies=uses)
    assert Zones(Stack(())).of(record) == "urn:a,urn:b"


def test_an_unknown_zone_may_be_that_of_a_missing_setting() -> None:
    for kind, path in ((OVERRIDE, "zoneId"), (SETTING, "zoneId")):
        declared = resource(kind, {"zoneId": UNKNOWN, "settingId": "http3"})
        stack = Stack((declared,))
        settings = DeclaredSettings(stack, Zones(stack))
        assert bool(settings)
        assert [*settings.missing("023e", "ssl", FINDING)] == [Unknown(path, declared.urn)]


def test_an_unknown_name_of_a_setting_may_be_the_missing_one() -> None:
    declared = resource(SETTING, {"zoneId": "023e", "settingId": UNKNOWN})
    stack = Stack((declared,))
    settings = DeclaredSettings(stack, Zones(stack))
    assert [*settings.missing("023e", "ssl", FINDING)] == [Unknown("settingId", declared.urn)]
    assert [*settings.missing("other", "ssl", FINDING)] == [FINDING]
