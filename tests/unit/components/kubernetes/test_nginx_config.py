"""The rendered configuration, read by a real nginx parser."""

import json
import re
from typing import Any, cast

import crossplane
import pytest

from components.kubernetes.nginx_config import CLOUDFLARE, render
from components.settings.models.proxy import Proxy
from tests.support.components.workloads import Topic

Directive = dict[str, Any]

STACKS = ("dev", "stg", "prod")


class Config:
    """A parsed nginx.conf."""

    def __init__(self, text: str, folder: Any) -> None:
        path = folder / "nginx.conf"
        path.write_text(text)
        parsed = cast(dict[str, Any], crossplane.parse(str(path)))  # pyright: ignore[reportUnknownMemberType]
        assert parsed["status"] == "ok", parsed["errors"]
        self.main: list[Directive] = parsed["config"][0]["parsed"]
        self.http = block(self.main, "http")
        self.servers = [each["block"] for each in self.http if each["directive"] == "server"]
        self.health, self.unknown, self.site = self.servers
        self.location = block(self.site, "location")


def block(directives: list[Directive], name: str) -> list[Directive]:
    [found] = [each["block"] for each in directives if each["directive"] == name]
    return found


def args(directives: list[Directive], name: str) -> list[str]:
    """The arguments of each directive of a name, as written."""
    return [" ".join(each["args"]) for each in directives if each["directive"] == name]


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
def test_the_site_listens_as_the_deployment_guide_has_it(parse: Any, stack: str) -> None:
    site = parse(stack).site
    assert args(site, "listen") == ["8443 ssl http2"]
    assert args(site, "server_name") == ["pipe.dev"]
    assert args(site, "ssl_certificate") == ["/etc/pipe/tls/tls.crt"]
    assert args(site, "ssl_certificate_key") == ["/etc/pipe/tls/tls.key"]


@pytest.mark.parametrize("stack", STACKS)
def test_tls_is_1_2_or_1_3_for_all_servers(parse: Any, stack: str) -> None:
    config = parse(stack)
    assert args(config.http, "ssl_protocols") == ["TLSv1.2 TLSv1.3"]
    for server in config.servers:
        assert args(server, "ssl_protocols") == []


def test_tls_1_3_alone_on_demand(parse: Any) -> None:
    assert args(parse(minTls="1.3").http, "ssl_protocols") == ["TLSv1.3"]


def test_every_cipher_has_forward_secrecy_and_authenticates_what_it_encrypts(parse: Any) -> None:
    [ciphers] = args(parse().http, "ssl_ciphers")
    for cipher in ciphers.split(":"):
        assert cipher.startswith("ECDHE-")
        assert "GCM" in cipher or "POLY1305" in cipher


def test_an_unknown_name_gets_no_handshake_and_another_host_no_answer(parse: Any) -> None:
    unknown = parse().unknown
    assert args(unknown, "listen") == ["8443 ssl http2 default_server"]
    assert args(unknown, "ssl_reject_handshake") == ["on"]
    assert args(unknown, "return") == ["421"]


def test_health_is_plain_http_on_a_port_of_its_own(parse: Any) -> None:
    health = parse().health
    assert args(health, "listen") == ["8081"]
    answers = {" ".join(each["args"]): args(each["block"], "return") for each in health if "block" in each}
    assert answers == {"= /healthz": [r"200 ok\n"], "= /startupz": [], "/": ["404"]}


def test_hsts_is_what_the_stack_file_says(parse: Any) -> None:
    header = "Strict-Transport-Security max-age=31536000 always"
    assert header in args(parse(hstsSeconds=31536000).site, "add_header")


def test_no_hsts_at_zero(parse: Any) -> None:
    headers = args(parse(hstsSeconds=0).site, "add_header")
    assert headers
    assert not [header for header in headers if header.startswith("Strict-Transport-Security")]


def test_a_visitors_claims_about_itself_do_not_reach_the_api(parse: Any) -> None:
    sent = {
        each["args"][0]: each["args"][1]
        for each in parse().location
        if each["directive"] == "proxy_set_header"
    }
    assert sent == {
        "CF-Connecting-IP": "$remote_addr",
        "Connection": "$connection_header",
        "Forwarded": "",
        "Host": "$host",
        "True-Client-IP": "",
        "Upgrade": "$http_upgrade",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Host": "$host",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "$scheme",
        "X-Real-IP": "$remote_addr",
        "X-Request-Id": "$accepted_request_id",
    }


def test_the_visitors_address_is_believed_from_cloudflare_alone(parse: Any) -> None:
    http = parse().http
    assert args(http, "real_ip_header") == ["CF-Connecting-IP"]
    assert args(http, "set_real_ip_from") == list(CLOUDFLARE)


def test_requests_go_to_the_apis_service_over_kept_connections(parse: Any) -> None:
    config = parse()
    upstream = block(config.http, "upstream")
    assert args(upstream, "server") == ["pipe-api.pipe:3000"]
    assert args(upstream, "keepalive") == ["32"]
    assert args(config.location, "proxy_pass") == ["http://api"]
    assert args(config.location, "proxy_http_version") == ["1.1"]


def test_the_largest_body_is_the_stack_files(parse: Any) -> None:
    assert args(parse(bodyLimit="5m").http, "client_max_body_size") == ["5m"]


def test_nothing_is_written_but_below_tmp(parse: Any) -> None:
    config = parse()
    written = [
        each for each in [*config.main, *config.http] if each["directive"].endswith(("_temp_path", "pid"))
    ]
    assert len(written) == 6
    assert all(each["args"][0].startswith("/tmp/") for each in written)
    assert args(config.main, "error_log") == ["stderr warn"]
    assert args(config.http, "access_log") == ["/dev/stdout json"]


def test_the_access_log_is_json_without_query_strings(parse: Any) -> None:
    [form] = args(parse().http, "log_format")
    assert form.startswith("json escape=json ")
    assert not {"$request_uri", "$args", "$request ", "$query_string", "$http_referer"} & set(form.split('"'))


def test_a_line_of_the_access_log_keeps_datadogs_reserved_attributes_free(parse: Any) -> None:
    [form] = args(parse().http, "log_format")
    line = json.loads(re.sub(r":\$\w+", ":0", form.removeprefix("json escape=json ")))
    assert line["http"].keys() >= {"status_code", "method", "url_details"}
    # A log in JSON sets its own severity, host, service and source by these (Datadog, Log Pipelines).
    assert not line.keys() & {"status", "severity", "level", "host", "hostname", "service", "ddsource"}


def test_a_status_that_json_cannot_have_as_a_number_is_logged_as_zero(parse: Any) -> None:
    config = parse()
    [mapped] = [each for each in config.http if each["args"][-1:] == ["$status_code"]]
    assert mapped["args"] == ["$status", "$status_code"]
    values = {each["directive"]: each["args"][0] for each in mapped["block"]}
    assert values == {"default": "$status", "~^0": "0"}
    [form] = args(config.http, "log_format")
    assert '"status_code":$status_code,' in form


def test_the_version_of_nginx_is_not_told(parse: Any) -> None:
    assert args(parse().http, "server_tokens") == ["off"]
