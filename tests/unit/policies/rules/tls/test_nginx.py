import base64
from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, secret

NGINX = "tls-nginx-old-version"


MISSING = "tls-nginx-version-missing"


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
def test_tls_1_2_and_1_3_pass(messages_of: MessagesOf, text: str) -> None:
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == []


def test_an_old_version_is_named_with_line_and_remedy(messages_of: MessagesOf) -> None:
    text = SERVER.replace("TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == [
        "data[\"nginx.conf\"] (line 6): ssl_protocols is 'TLSv1.1 TLSv1.2'; set it to TLSv1.2 TLSv1.3"
    ]


def config(name: str = "proxy", **files: object) -> Resource:
    data = {key.replace("__", "."): text for key, text in files.items()}
    return resource(CONFIG_MAP, {"metadata": {"name": name}, "data": data}, name)


def missing(line: int, server: str = "without name", key: str = "nginx.conf") -> str:
    return (
        f'data["{key}"] (line {line}, server {server}): ssl_protocols is not set; set it to TLSv1.2 TLSv1.3'
    )


UNNAMED = SERVER.replace("    ssl_protocols TLSv1.2 TLSv1.3;\n", "")


def test_a_server_without_the_directive_takes_nginx_s_default(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(MISSING, config(nginx__conf=SERVER)) == []
    assert (
        messages_of_stack(MISSING, config(nginx__conf=HTTP.replace("ssl_protocols TLSv1.2 TLSv1.3;", "")))
        == []
    )
    assert messages_of_stack(MISSING, config(nginx__conf=UNNAMED)) == [missing(2, "pipe.dev")]
    switched = "server { listen 443; ssl on; }"
    assert messages_of_stack(MISSING, config(nginx__conf=switched)) == [missing(1)]
    assert messages_of_stack(MISSING, config(nginx__conf="server { listen 8081; }")) == []
    assert messages_of_stack(MISSING, config(nginx__conf="server { listen 443 quic; }")) == []
    listed = {"items": [config_map(nginx__conf=SERVER), config_map(nginx__conf=UNNAMED)]}
    assert messages_of_stack(MISSING, resource("kubernetes:core/v1:ConfigMapList", listed)) == [
        f"items[1].{missing(2, 'pipe.dev')}"
    ]


def pod(*names: str, name: str = "it") -> Resource:
    volumes = [{"name": f"v{at}", "configMap": {"name": config_name}} for at, config_name in enumerate(names)]
    container = {"volumeMounts": [{"name": f"v{at}"} for at in range(len(names))]}
    return resource("kubernetes:core/v1:Pod", {"spec": {"containers": [container], "volumes": volumes}}, name)


SITE = "server { listen 443 ssl; }"


def test_the_versions_may_be_in_a_config_map_mounted_beside(messages_of_stack: MessagesOf) -> None:
    site, http = config("site", nginx__conf=SITE), config("http", main="http { ssl_protocols TLSv1.3; }")
    assert messages_of_stack(MISSING, site, http, pod("site", "http")) == []
    assert (
        messages_of_stack(
            MISSING, site, config("http", tls__conf="ssl_protocols TLSv1.3;"), pod("site", "http")
        )
        == []
    )
    assert messages_of_stack(MISSING, site, http) == [missing(1)]
    assert messages_of_stack(MISSING, site, http, pod("site"), pod("http", name="other")) == [missing(1)]
    assert messages_of_stack(MISSING, site, http, pod("site", "http"), pod("site", name="other")) == [
        missing(1)
    ]
    inner = config("http", main="http { server { ssl_protocols TLSv1.3; } }")
    assert messages_of_stack(MISSING, site, inner, pod("site", "http")) == [missing(1)]


def test_versions_that_may_be_beside_are_counted(messages_of_stack: MessagesOf) -> None:
    site, http = config("site", nginx__conf=SITE), config("http", http__conf=UNKNOWN)
    assert messages_of_stack(MISSING, site, http, pod("site", "http")) == ['unknown: data["http.conf"]']
    assert messages_of_stack(MISSING, site, http, pod(UNKNOWN)) == ["unknown: spec.volumes[0].configMap.name"]
    assert messages_of_stack(MISSING, config("site", nginx__conf=SITE, tls__conf=UNKNOWN)) == [
        'unknown: data["tls.conf"]'
    ]


def test_a_server_without_tls_needs_none(messages_of: MessagesOf) -> None:
    assert (
        messages_of(
            NGINX, CONFIG_MAP, config_map(nginx__conf="server { listen 8081; location / { return 200; } }")
        )
        == []
    )


def test_of_several_servers_the_weak_one_is_named(messages_of: MessagesOf) -> None:
    weak = SERVER.replace("TLSv1.2 TLSv1.3", "SSLv3").replace("pipe.dev", "old.pipe.dev")
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=SERVER + weak)) == [
        "data[\"nginx.conf\"] (line 13): ssl_protocols is 'SSLv3'; set it to TLSv1.2 TLSv1.3"
    ]


def test_the_http_level_counts_for_its_servers(messages_of: MessagesOf) -> None:
    weak = HTTP.replace("ssl_protocols TLSv1.3;", "ssl_protocols TLSv1;")
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=weak)) == [
        "data[\"nginx.conf\"] (line 3): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"
    ]


def test_an_include_is_followed_into_the_same_config_map(
    messages_of: MessagesOf, messages_of_stack: MessagesOf
) -> None:
    main = "http { include /etc/nginx/conf.d/tls.conf; server { listen 443 ssl; } }"
    assert messages_of_stack(MISSING, config(nginx__conf=main, tls__conf="ssl_protocols TLSv1.2;")) == []
    assert messages_of(
        NGINX, CONFIG_MAP, config_map(nginx__conf=main, tls__conf="ssl_protocols TLSv1.1;")
    ) == ["data[\"tls.conf\"] (line 1): ssl_protocols is 'TLSv1.1'; set it to TLSv1.2 TLSv1.3"]
    assert messages_of_stack(MISSING, config(nginx__conf=main)) == [missing(1)]


def test_an_include_with_a_pattern_and_a_circle_is_followed_once(messages_of_stack: MessagesOf) -> None:
    main = "http { include conf.d/*.conf; }"
    circle = "include conf.d/a.conf;\nserver { listen 443 ssl; }"
    assert messages_of_stack(MISSING, config(main=main, a__conf=circle)) == [missing(2, key="a.conf")]


def test_fragments_of_one_folder_share_the_http_level(messages_of_stack: MessagesOf) -> None:
    parts = config(ssl__conf="ssl_protocols TLSv1.3;", site__conf="server { listen 443 ssl; }")
    assert messages_of_stack(MISSING, parts) == []


@pytest.mark.parametrize("directive", ["proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols"])
def test_tls_to_the_upstream_counts_too(messages_of: MessagesOf, directive: str) -> None:
    text = f"server {{ listen 80; location / {{ {directive} TLSv1 TLSv1.2; }} }}"
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=text)) == [
        f"data[\"nginx.conf\"] (line 1): {directive} is 'TLSv1 TLSv1.2'; set it to TLSv1.2 TLSv1.3"
    ]


def test_a_file_that_no_parser_understands_is_no_pass(messages_of: MessagesOf) -> None:
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf="server { listen 443 ssl;")) == [
        'data["nginx.conf"] is no nginx configuration (unexpected end of file, expecting "}"); '
        "correct it, so that it can be checked"
    ]


def test_other_entries_are_left_alone(messages_of: MessagesOf) -> None:
    assert (
        messages_of(NGINX, CONFIG_MAP, config_map(settings__json='{"server": "{"}', note="ssl is fine")) == []
    )


def test_prose_about_nginx_is_no_configuration(messages_of: MessagesOf) -> None:
    prose = "The http { block must set ssl_protocols to TLSv1.2; don't forget"
    assert (
        messages_of(NGINX, CONFIG_MAP, {"data": {"README.md": prose, "README": prose, "notes.txt": prose}})
        == []
    )
    assert messages_of(NGINX, CONFIG_MAP, {"data": {"proxy": prose}}) == [
        'data.proxy is no nginx configuration (unexpected end of file, expecting "}"); '
        "correct it, so that it can be checked"
    ]


def test_a_file_that_only_speaks_to_an_upstream_is_read(messages_of: MessagesOf) -> None:
    assert messages_of(NGINX, CONFIG_MAP, config_map(a__conf="grpc_ssl_protocols TLSv1;")) == [
        "data[\"a.conf\"] (line 1): grpc_ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"
    ]


def test_binary_data_is_decoded(messages_of: MessagesOf) -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    binary = {"nginx.conf": encoded("ssl_protocols TLSv1;"), "a.conf": UNKNOWN, "b.conf": "no base64!"}
    assert messages_of(NGINX, CONFIG_MAP, {"data": UNKNOWN, "binaryData": binary}) == [
        "binaryData[\"nginx.conf\"] (line 1): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3",
        "unknown: data",
        'unknown: binaryData["a.conf"]',
    ]


def test_an_unknown_configuration_is_counted(messages_of: MessagesOf) -> None:
    assert messages_of(NGINX, CONFIG_MAP, config_map(nginx__conf=UNKNOWN)) == ['unknown: data["nginx.conf"]']
    assert messages_of(NGINX, CONFIG_MAP, {"data": UNKNOWN}) == ["unknown: data"]


def test_a_secret_configuration_is_not_quoted(messages_of: MessagesOf) -> None:
    hidden: dict[str, Any] = {"data": {"nginx.conf": secret("ssl_protocols hunter2;")}}
    assert messages_of(NGINX, CONFIG_MAP, hidden) == [
        'data["nginx.conf"]: ssl_protocols is [secret]; set it to TLSv1.2 TLSv1.3'
    ]


def test_nothing_is_told_of_what_a_secret_configuration_says(
    messages_of: MessagesOf, messages_of_stack: MessagesOf
) -> None:
    hidden = secret("server { listen 443 ssl; server_name hunter2.internal; }")
    assert messages_of_stack(MISSING, config(nginx__conf=hidden)) == [
        'data["nginx.conf"]: ssl_protocols is not set; set it to TLSv1.2 TLSv1.3'
    ]
    broken: dict[str, Any] = {"data": {"nginx.conf": secret("server { hunter2 { }")}}
    assert messages_of(NGINX, CONFIG_MAP, broken) == [
        'data["nginx.conf"] is no nginx configuration; correct it, so that it can be checked'
    ]
    named: dict[str, Any] = {"data": secret({"hunter2.conf": "ssl_protocols TLSv1;"})}
    assert messages_of(NGINX, CONFIG_MAP, named) == [
        "data: ssl_protocols is [secret]; set it to TLSv1.2 TLSv1.3"
    ]


def test_a_list_of_config_maps_is_judged(messages_of: MessagesOf) -> None:
    items = {
        "items": [
            config_map(nginx__conf=SERVER),
            config_map(nginx__conf=SERVER.replace("TLSv1.2", "TLSv1.1")),
        ]
    }
    assert messages_of(NGINX, "kubernetes:core/v1:ConfigMapList", items) == [
        "items[1].data[\"nginx.conf\"] (line 6): ssl_protocols is 'TLSv1.1 TLSv1.3'; set it to "
        "TLSv1.2 TLSv1.3"
    ]


def test_the_ingress_controller_s_own_entry(messages_of: MessagesOf) -> None:
    assert messages_of(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": "TLSv1.2 TLSv1.3"}}) == []
    assert messages_of(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": "TLSv1 TLSv1.2"}}) == [
        "data.ssl-protocols is 'TLSv1 TLSv1.2'; set it to 'TLSv1.2 TLSv1.3'"
    ]
    assert messages_of(NGINX, CONFIG_MAP, {"data": {"ssl-protocols": ""}}) == [
        "data.ssl-protocols is ''; set it to 'TLSv1.2 TLSv1.3'"
    ]


def test_files_that_include_each_other_are_judged(messages_of: MessagesOf) -> None:
    entries = config_map(a__conf="include b.conf;", b__conf="include a.conf;\nssl_protocols TLSv1;")
    entries["data"]["a.conf"] += "\nserver { listen 443; }"
    messages = messages_of(NGINX, CONFIG_MAP, entries)
    assert messages == ["data[\"b.conf\"] (line 2): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"]


def test_a_pattern_that_matches_the_file_itself_hides_nothing(messages_of: MessagesOf) -> None:
    entries = config_map(nginx__conf="include *.conf;\nssl_protocols TLSv1;", x__conf="server { listen 80; }")
    assert messages_of(NGINX, CONFIG_MAP, entries) == [
        "data[\"nginx.conf\"] (line 2): ssl_protocols is 'TLSv1'; set it to TLSv1.2 TLSv1.3"
    ]
