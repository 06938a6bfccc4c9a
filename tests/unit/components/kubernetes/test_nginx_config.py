"""Tests of the rendered nginx configuration, which is read by a parser.

tests/drills/service/test_tls.py runs the same configuration: unknown names, probes, forged headers, the body
limit and the access log are tested there.
"""

import json
import re
from typing import Any, cast

import crossplane
import pytest

from components.kubernetes.nginx_config import CLOUDFLARE, render
from components.settings.models.proxy import Proxy
from tests.support.components.fixtures import Topic

Directive = dict[str, Any]

STACKS = ("dev", "stg", "prod")


class Config:
    """Parsed nginx.conf."""

    def __init__(self, text: str, folder: Any) -> None:
        path = folder / "nginx.conf"
        path.write_text(text)
        parsed = cast(dict[str, Any], crossplane.parse(str(path)))  # pyright: ignore[reportUnknownMemberType]
        assert parsed["status"] == "ok", parsed["errors"]
        self.main: list[Directive] = parsed["config"][0]["parsed"]
        self.http = block(self.main, "http")
        self.servers = [directive["block"] for directive in self.http if directive["directive"] == "server"]
        *_, self.site = self.servers
        self.location = block(self.site, "location")


def block(directives: list[Directive], name: str) -> list[Directive]:
    [match] = [directive["block"] for directive in directives if directive["directive"] == name]
    return match


def args(directives: list[Directive], name: str) -> list[str]:
    """Return the arguments of all directives with a name, as written."""
    return [" ".join(directive["args"]) for directive in directives if directive["directive"] == name]


@pytest.fixture
def parse(topic: Topic, tmp_path: Any) -> Any:
    def run(stack: str = "prod", **changes: Any) -> Config:
        settings: Proxy = topic(Proxy, "proxy", stack, **changes)
        text = render(
            settings, server_name="pipe.dev", upstream="pipe-api.pipe:3000", upstream_health="/livez"
        )
        return Config(text, tmp_path)

    return run


@pytest.mark.parametrize("stack", STACKS)
def test_the_site_listens_as_in_the_deployment_guide(parse: Any, stack: str) -> None:
    site = parse(stack).site
    assert args(site, "listen") == ["8443 ssl http2"]
    assert args(site, "server_name") == ["pipe.dev"]
    assert args(site, "ssl_certificate") == ["/etc/pipe/tls/tls.crt"]
    assert args(site, "ssl_certificate_key") == ["/etc/pipe/tls/tls.key"]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(("oldest", "versions"), [("1.2", "TLSv1.2 TLSv1.3"), ("1.3", "TLSv1.3")])
def test_tls_versions_apply_to_all_servers(parse: Any, stack: str, oldest: str, versions: str) -> None:
    config = parse(stack, minTls=oldest)
    assert args(config.http, "ssl_protocols") == [versions]
    for server in config.servers:
        assert args(server, "ssl_protocols") == []


def test_every_cipher_has_forward_secrecy_and_authenticated_encryption(parse: Any) -> None:
    [ciphers] = args(parse().http, "ssl_ciphers")
    for cipher in ciphers.split(":"):
        assert cipher.startswith("ECDHE-")
        assert "GCM" in cipher or "POLY1305" in cipher


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [(31536000, ["Strict-Transport-Security max-age=31536000 always"]), (0, [])],
)
def test_hsts_lasts_for_the_seconds_of_the_stack_file(parse: Any, seconds: int, headers: list[str]) -> None:
    added = args(parse(hstsSeconds=seconds).site, "add_header")
    assert added
    assert [header for header in added if header.startswith("Strict-Transport-Security")] == headers


def test_the_visitors_address_is_accepted_only_from_cloudflare(parse: Any) -> None:
    http = parse().http
    assert args(http, "real_ip_header") == ["CF-Connecting-IP"]
    assert args(http, "set_real_ip_from") == list(CLOUDFLARE)


def test_requests_go_to_the_apis_service_over_persistent_connections(parse: Any) -> None:
    config = parse()
    upstream = block(config.http, "upstream")
    assert args(upstream, "server") == ["pipe-api.pipe:3000"]
    assert args(upstream, "keepalive") == ["32"]
    assert args(config.location, "proxy_pass") == ["http://api"]
    assert args(config.location, "proxy_http_version") == ["1.1"]


def test_files_are_written_only_below_tmp(parse: Any) -> None:
    config = parse()
    paths = [
        directive["args"][0]
        for directive in [*config.main, *config.http]
        if directive["directive"].endswith(("_temp_path", "pid"))
    ]
    assert len(paths) == 6
    assert all(path.startswith("/tmp/") for path in paths)
    assert args(config.main, "error_log") == ["stderr warn"]
    assert args(config.http, "access_log") == ["/dev/stdout json"]


def test_the_access_log_uses_no_attribute_that_datadog_reserves(parse: Any) -> None:
    [form] = args(parse().http, "log_format")
    line = json.loads(re.sub(r":\$\w+", ":0", form.removeprefix("json escape=json ")))
    assert line["http"].keys() >= {"status_code", "method", "url_details"}
    # These attributes set the severity, host, service and source of a JSON log (Datadog, Log Pipelines).
    assert not line.keys() & {"status", "severity", "level", "host", "hostname", "service", "ddsource"}


def test_a_status_that_is_no_json_number_is_logged_as_zero(parse: Any) -> None:
    config = parse()
    [mapping] = [directive for directive in config.http if directive["args"][-1:] == ["$status_code"]]
    assert mapping["args"] == ["$status", "$status_code"]
    values = {value["directive"]: value["args"][0] for value in mapping["block"]}
    assert values == {"default": "$status", "~^0": "0"}
    [form] = args(config.http, "log_format")
    assert '"status_code":$status_code,' in form
