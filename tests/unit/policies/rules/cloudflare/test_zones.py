from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
OVERRIDE = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
DNSSEC = "cloudflare:index/zoneDnssec:ZoneDnssec"
HSTS = {"strict_transport_security": {"enabled": True, "max_age": 31536000}}
HSTS_WANTED = "set it to strict_transport_security with enabled true and max_age 15552000 or more"


@pytest.mark.parametrize(
    ("policy", "setting", "value", "expected"),
    [
        ("cloudflare-ssl-not-strict", "ssl", "strict", []),
        ("cloudflare-ssl-not-strict", "ssl", "origin_pull", []),
        ("cloudflare-ssl-not-strict", "ssl", "full", ["value is 'full'; set it to 'strict'"]),
        ("cloudflare-ssl-not-strict", "ssl", UNKNOWN, ["unknown: value"]),
        ("cloudflare-ssl-not-strict", "http2", "off", []),
        ("cloudflare-plain-http-served", "always_use_https", "on", []),
        ("cloudflare-plain-http-served", "always_use_https", "off", ["value is 'off'; set it to 'on'"]),
        ("cloudflare-hsts-missing", "security_header", HSTS, []),
        (
            "cloudflare-hsts-missing",
            "security_header",
            {"strictTransportSecurity": {"enabled": True, "maxAge": 15552000}},
            [],
        ),
        (
            "cloudflare-hsts-missing",
            "security_header",
            {"strict_transport_security": {"enabled": True, "max_age": 1}},
            [f"value is {{'strict_transport_security': {{'enabled': True, 'max_age': 1}}}}; {HSTS_WANTED}"],
        ),
        (
            "cloudflare-hsts-missing",
            "security_header",
            {"strict_transport_security": {"max_age": 31536000}},
            [f"value is {{'strict_transport_security': {{'max_age': 31536000}}}}; {HSTS_WANTED}"],
        ),
    ],
)
def test_a_setting_of_a_zone(
    messages_of: MessagesOf, policy: str, setting: str, value: object, expected: list[str]
) -> None:
    assert messages_of(policy, SETTING, {"zoneId": "z", "settingId": setting, "value": value}) == expected


def test_the_older_form_of_zone_settings(messages_of: MessagesOf) -> None:
    good = {"settings": {"ssl": "strict", "alwaysUseHttps": "on", "securityHeader": HSTS}}
    for policy, path in (
        ("cloudflare-ssl-not-strict", "ssl"),
        ("cloudflare-plain-http-served", "alwaysUseHttps"),
        ("cloudflare-hsts-missing", "securityHeader"),
    ):
        assert messages_of(policy, OVERRIDE, good) == []
        [message] = messages_of(policy, OVERRIDE, {"settings": {}})
        assert message.startswith(f"settings.{path} is not set; set it to ")


def setting(name: str, zone: str = "z", **more: Any) -> Resource:
    return resource(SETTING, {"zoneId": zone, "settingId": name, "value": "x"}, f"{zone}-{name}", **more)


def test_a_stack_with_zone_settings_declares_all_that_decide_about_tls(messages_of_stack: MessagesOf) -> None:
    policy = "cloudflare-zone-setting-missing"
    names = ("ssl", "always_use_https", "security_header", "min_tls_version")
    assert messages_of_stack(policy) == []
    assert messages_of_stack(policy, *map(setting, names)) == []
    assert messages_of_stack(policy, *map(setting, names[1:])) == [
        "zone setting ssl is not set (off or full); declare it with the value 'strict'"
    ]
    assert messages_of_stack(policy, *map(setting, names[:3])) == [
        "zone setting min_tls_version is not set (1.0); declare it with the value '1.2' or '1.3'"
    ]
    assert len(messages_of_stack(policy, *map(setting, names), setting("ssl", "other"))) == 3
    assert messages_of_stack(policy, setting(UNKNOWN)) == ["unknown: settingId"]
    same = {"property_dependencies": {"zoneId": (urn("cloudflare:index/zone:Zone"),)}}
    assert messages_of_stack(policy, *(setting(name, UNKNOWN, **same) for name in names)) == []


ZONE = resource("cloudflare:index/zone:Zone", {"id": "z", "name": "x.dev"}, "zone")


def test_a_zone_without_settings_has_cloudflare_s_defaults(messages_of_stack: MessagesOf) -> None:
    policy = "cloudflare-zone-setting-missing"
    assert messages_of_stack(policy, ZONE) == [
        "zone setting ssl is not set (off or full); declare it with the value 'strict'",
        "zone setting always_use_https is not set (off); declare it with the value 'on'",
        "zone setting security_header is not set (off); declare it with the value "
        "strict_transport_security with enabled true and max_age 15552000 or more",
        "zone setting min_tls_version is not set (1.0); declare it with the value '1.2' or '1.3'",
    ]
    names = ("ssl", "always_use_https", "security_header", "min_tls_version")
    assert messages_of_stack(policy, ZONE, *map(setting, names)) == []
    assert messages_of_stack(policy, ZONE, resource(OVERRIDE, {"zoneId": "z"})) == []
    depending = {"property_dependencies": {"zoneId": (ZONE.urn,)}}
    assert messages_of_stack(policy, ZONE, *(setting(name, UNKNOWN, **depending) for name in names)) == []
    assert len(messages_of_stack(policy, ZONE, *(setting(name, "other") for name in names))) == 4


def test_a_setting_that_is_not_known_hides_no_other_zone(messages_of_stack: MessagesOf) -> None:
    policy = "cloudflare-zone-setting-missing"
    names = ("ssl", "always_use_https", "security_header")
    assert messages_of_stack(policy, setting(UNKNOWN, "a"), *(setting(name, "b") for name in names)) == [
        "zone setting min_tls_version is not set (1.0); declare it with the value '1.2' or '1.3'",
        "unknown: settingId",
    ]
    assert messages_of_stack(policy, *(setting(name, "b") for name in names), setting("http3", UNKNOWN))[
        0
    ] == ("unknown: zoneId")
    assert messages_of_stack(policy, ZONE, resource(OVERRIDE, {"zoneId": UNKNOWN})) == ["unknown: zoneId"]


def test_a_zone_belongs_to_one_stack(messages_of: MessagesOf) -> None:
    policy, props = "cloudflare-zone-not-owned", {"zoneId": "z", "settingId": "ssl"}
    assert messages_of(policy, SETTING, props) == []
    assert messages_of(policy, SETTING, props, owner=False) == [
        "settingId is 'ssl' in a stack that does not own the zone; move it to the owner"
    ]
    assert messages_of(policy, DNSSEC, {"zoneId": UNKNOWN}, owner=False) == [
        "zoneId is unknown in a stack that does not own the zone; move it to the owner"
    ]


def test_an_owner_signs_its_records(messages_of_stack: MessagesOf) -> None:
    policy = "cloudflare-dnssec-off"
    assert messages_of_stack(policy) == []
    assert messages_of_stack(policy, setting("ssl"), resource(DNSSEC, {"zoneId": "z"})) == []
    assert messages_of_stack(policy, setting("ssl")) == [
        "the zone is without DNSSEC; add a cloudflare.ZoneDnssec"
    ]
    assert messages_of_stack(policy, resource(DNSSEC, {"status": "disabled"})) == [
        "status is 'disabled'; set it to 'active'"
    ]


def test_every_zone_is_signed(messages_of_stack: MessagesOf) -> None:
    policy, unsigned = "cloudflare-dnssec-off", "the zone is without DNSSEC; add a cloudflare.ZoneDnssec"
    assert messages_of_stack(policy, ZONE) == [unsigned]
    assert messages_of_stack(policy, ZONE, resource(DNSSEC, {"zoneId": "z"})) == []
    depending = resource(DNSSEC, {"zoneId": UNKNOWN}, property_dependencies={"zoneId": (ZONE.urn,)})
    assert messages_of_stack(policy, ZONE, depending) == []
    assert messages_of_stack(policy, ZONE, setting("ssl", "other"), depending) == [unsigned]
    assert messages_of_stack(policy, ZONE, resource(DNSSEC, {"zoneId": UNKNOWN})) == ["unknown: zoneId"]
    assert messages_of_stack(policy, setting("ssl", UNKNOWN), resource(DNSSEC, {"zoneId": "z"})) == [
        "unknown: zoneId"
    ]
    states = (
        resource(DNSSEC, {"zoneId": "a", "status": UNKNOWN}, "a"),
        resource(DNSSEC, {"status": "disabled"}),
    )
    assert messages_of_stack(policy, *states) == [
        "status is 'disabled'; set it to 'active'",
        "unknown: status",
    ]
