from typing import Any

import pytest

from tests.policies.conftest import UNKNOWN, Said, secret

NGINX = "tls-nginx-old-version"


CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


SERVER = """
server {
    listen 8443 ssl http2;
    server_name pipe.dev;
    ssl_certificate /tls/tls.crt;
    ssl_protocols TLSv1.2 TLSv1.3;
}
"""


HTTP = f"events {{}}\nhttp {{\n  ssl_protocols TLSv1.3;\n{SERVER}}}\n"


def config_map(**files: str) -> dict[str, Any]:
    return {"data": {name.replace("__", "."): text for name, text in files.items()}}


def line(number: int, server: str = "") -> str:
    return f"(line {number}" + (f", server {server})" if server else ")")


@pytest.mark.parametrize("text", [SERVER, HTTP, HTTP.replace("    ssl_protocols TLSv1.2 TLSv1.3;\n", "")])
def test_tls_1_2_and_1_3_pass(said: Said, text: str) -> None:
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == []


def test_an_old_version_is_named_with_line_and_remedy(said: Said) -> None:
    text = SERVER.replace("TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == [
        "data[\"nginx.conf\"] (line 6): ssl_protocols is 'TLSv1.1 TLSv1.2'; set it to TLSv1.2 TLSv1.3"
    ]


def test_a_server_without_the_directive_takes_nginx_s_default(said: Said) -> None:
    text = SERVER.replace("    ssl_protocols TLSv1.2 TLSv1.3;\n", "")
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == [
        'data["nginx.conf"] (line 2, server pipe.dev): ssl_protocols is not set; set it to TLSv1.2 TLSv1.3'
    ]
    switched = "server { listen 443; ssl on; }"
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=switched)) == [
        'data["nginx.conf"] (line 1, server without name): ssl_protocols is not set; set it to '
        "TLSv1.2 TLSv1.3"
    ]


def test_a_server_without_tls_needs_none(said: Said) -> None:
    assert (
        said(NGINX, CONFIG_MAP, config_map(nginx__conf="server { listen 8081; location / { return 200; } }"))
        == []
    )


def test_of_several_servers_the_weak_one_is_named(said: Said) -> None:
    weak = SERVER.replace("TLSv1.2 TLSv1.3", "SSLv3").replace("pipe.dev", "old.pipe.dev")
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=SERVER + weak)) == [
        "data[\"nginx.conf\"] (line 13): ssl_protocols is 'SSLv3'; set it to TLSv1.2 TLSv1.3"
    ]


def test_the_http_level_counts_for_its_servers(said: Said) -> None:
    weak = HTTP.replace("ssl_protocols TLSv1.3;", "ssl_protocols TLSv1;")
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=weak)) == [
        "data[\"nginx.conf\"] (line 3): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"
    ]


def test_an_include_is_followed_into_the_same_config_map(said: Said) -> None:
    main = "http { include /etc/nginx/conf.d/tls.conf; server { listen 443 ssl; } }"
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=main, tls__conf="ssl_protocols TLSv1.2;")) == []
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=main, tls__conf="ssl_protocols TLSv1.1;")) == [
        "data[\"tls.conf\"] (line 1): ssl_protocols is 'TLSv1.1'; set it to TLSv1.2 TLSv1.3"
    ]
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=main)) == [
        'data["nginx.conf"] (line 1, server without name): ssl_protocols is not set; set it to '
        "TLSv1.2 TLSv1.3"
    ]


def test_an_include_with_a_pattern_and_a_circle_is_followed_once(said: Said) -> None:
    main = "http { include conf.d/*.conf; }"
    circle = "include conf.d/a.conf;\nserver { listen 443 ssl; }"
    assert said(NGINX, CONFIG_MAP, config_map(main=main, a__conf=circle)) == [
        'data["a.conf"] (line 2, server without name): ssl_protocols is not set; set it to TLSv1.2 TLSv1.3'
    ]


def test_fragments_of_one_folder_share_the_http_level(said: Said) -> None:
    parts = config_map(ssl__conf="ssl_protocols TLSv1.3;", site__conf="server { listen 443 ssl; }")
    assert said(NGINX, CONFIG_MAP, parts) == []


@pytest.mark.parametrize("directive", ["proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols"])
def test_tls_to_the_upstream_counts_too(said: Said, directive: str) -> None:
    text = f"server {{ listen 80; location / {{ {directive} TLSv1 TLSv1.2; }} }}"
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == [
        f"data[\"nginx.conf\"] (line 1): {directive} is 'TLSv1 TLSv1.2'; set it to TLSv1.2 TLSv1.3"
    ]


def test_a_file_that_no_parser_understands_is_no_pass(said: Said) -> None:
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf="server { listen 443 ssl;")) == [
        'data["nginx.conf"] is no nginx configuration (unexpected end of file, expecting "}"); '
        "correct it, so that it can be checked"
    ]


def test_other_entries_are_left_alone(said: Said) -> None:
    assert said(NGINX, CONFIG_MAP, config_map(settings__json='{"server": "{"}', note="ssl is fine")) == []


def test_an_unknown_configuration_is_counted(said: Said) -> None:
    assert said(NGINX, CONFIG_MAP, config_map(nginx__conf=UNKNOWN)) == ['unknown: data["nginx.conf"]']
    assert said(NGINX, CONFIG_MAP, {"data": UNKNOWN}) == ["unknown: data"]


def test_a_secret_configuration_is_not_quoted(said: Said) -> None:
    hidden: dict[str, Any] = {"data": {"nginx.conf": secret("ssl_protocols hunter2;")}}
    assert said(NGINX, CONFIG_MAP, hidden) == [
        'data["nginx.conf"] (line 1): ssl_protocols is [secret]; set it to TLSv1.2 TLSv1.3'
    ]


def test_a_list_of_config_maps_is_judged(said: Said) -> None:
    items = {
        "items": [
            config_map(nginx__conf=SERVER),
            config_map(nginx__conf=SERVER.replace("TLSv1.2", "TLSv1.1")),
        ]
    }
    assert said(NGINX, "kubernetes:core/v1:ConfigMapList", items) == [
        "items[1].data[\"nginx.conf\"] (line 6): ssl_protocols is 'TLSv1.1 TLSv1.3'; set it to "
        "TLSv1.2 TLSv1.3"
    ]


def test_the_ingress_controller_s_own_entry(said: Said) -> None:
    assert said(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": "TLSv1.2 TLSv1.3"}}) == []
    assert said(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": "TLSv1 TLSv1.2"}}) == [
        "data.ssl-protocols is 'TLSv1 TLSv1.2'; set it to 'TLSv1.2 TLSv1.3'"
    ]
    assert said(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": ""}}) == [
        "data.ssl-protocols is ''; set it to 'TLSv1.2 TLSv1.3'"
    ]


def test_files_that_include_each_other_are_judged(said: Said) -> None:
    entries = config_map(a__conf="include b.conf;", b__conf="include a.conf;\nssl_protocols TLSv1;")
    entries["data"]["a.conf"] += "\nserver { listen 443; }"
    found = said(NGINX, CONFIG_MAP, entries)
    assert found == ["data[\"b.conf\"] (line 2): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"]


def test_a_pattern_that_matches_the_file_itself_hides_nothing(said: Said) -> None:
    entries = config_map(nginx__conf="include *.conf;\nssl_protocols TLSv1;", x__conf="server { listen 80; }")
    assert said(NGINX, CONFIG_MAP, entries) == [
        "data[\"nginx.conf\"] (line 2): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"
    ]
