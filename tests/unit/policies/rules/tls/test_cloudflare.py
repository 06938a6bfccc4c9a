from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import MessagesOf

ZONE = "tls-cloudflare-zone-old-version"


SETTING = "cloudflare:index/zoneSetting:ZoneSetting"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_zone_from_tls_1_2_on(messages_of: MessagesOf, version: str) -> None:
    assert messages_of(ZONE, SETTING, {"settingId": "min_tls_version", "value": version}) == []


def test_a_zone_with_tls_1_1_is_named_with_its_remedy(messages_of: MessagesOf) -> None:
    assert messages_of(ZONE, SETTING, {"settingId": "min_tls_version", "value": "1.1"}) == [
        "value is '1.1'; set it to '1.2' or '1.3'"
    ]
    assert messages_of(ZONE, SETTING, {"settingId": "ssl", "value": "strict"}) == []


def test_the_older_form_of_zone_settings_counts_too(messages_of: MessagesOf) -> None:
    kind = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
    assert messages_of(ZONE, kind, {"settings": {"minTlsVersion": "1.2"}}) == []
    assert messages_of(ZONE, kind, {"settings": {}}) == [
        "settings.minTlsVersion is not set; set it to '1.2' or '1.3'"
    ]


HOST = "tls-cloudflare-hostname-old-version"


@pytest.mark.parametrize(
    ("kind", "props", "expected"),
    [
        ("hostnameTlsSetting:HostnameTlsSetting", {"settingId": "min_tls_version", "value": "1.2"}, []),
        (
            "hostnameTlsSetting:HostnameTlsSetting",
            {"settingId": "min_tls_version", "value": "1.0"},
            ["value is '1.0'; set it to '1.2' or '1.3'"],
        ),
        ("hostnameTlsSetting:HostnameTlsSetting", {"settingId": "http2", "value": "on"}, []),
        ("customHostname:CustomHostname", {"ssl": {"settings": {"minTlsVersion": "1.3"}}}, []),
        ("customHostname:CustomHostname", {"ssl": {}}, []),
        (
            "customHostname:CustomHostname",
            {"ssl": {"settings": {"minTlsVersion": "1.1"}}},
            ["ssl.settings.minTlsVersion is '1.1'; set it to '1.2' or '1.3'"],
        ),
        ("r2CustomDomain:R2CustomDomain", {"minTls": "1.2"}, []),
        ("r2CustomDomain:R2CustomDomain", {}, ["minTls is not set; set it to '1.2' or '1.3'"]),
    ],
)
def test_a_host_with_settings_of_its_own(
    messages_of: MessagesOf, kind: str, props: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of(HOST, f"cloudflare:index/{kind}", props) == expected
