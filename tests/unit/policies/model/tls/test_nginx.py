"""Tests of nginx configurations: the parser's limits, includes, and servers."""

import base64

import pytest

from policies.model.kubernetes.pods import Object
from policies.model.property_marks import from_plain
from policies.model.property_values import UnreadableValueError, Value
from policies.model.tls import nginx
from policies.model.tls.nginx import Files, protocol_list
from policies.model.tls.nginx_parser import DEEPEST, LUA, TOO_DEEP, NotNginxError, parse, walk
from tests.support.policies.pytest_fixtures import UNKNOWN
from tests.support.rows import each_row


def files(**data: str) -> Files:
    """Return the files of a ConfigMap; `_` in a name stands for a dot."""
    return configured({"data": {name.replace("_", "."): text for name, text in data.items()}})


def configured(config_map: object) -> Files:
    return Files(Object("ConfigMap", Value(from_plain(config_map))))


def nested(levels: int) -> str:
    return "server {" * levels + "}" * levels


def test_fragments_of_a_configuration_are_parsed() -> None:
    [directive] = parse("ssl_protocols TLSv1.2;")
    assert (directive.name, directive.args, directive.line) == ("ssl_protocols", ("TLSv1.2",), 1)
    assert [item.name for item in parse("listen 443;\nunknown;\nserver_name;\n")] == [
        "listen",
        "unknown",
        "server_name",
    ]
    assert parse("location é { }")[0].args == ("é",)


def test_only_the_spaces_of_nginx_separate_words() -> None:
    [directive] = parse("# comment\r ssl_protocols TLSv1.3;\n\tssl_protocols\r\n TLSv1;")
    assert (directive.args, directive.line) == (("TLSv1",), 2)
    for space in ("\x0b", "\x85", "\xa0", "\u3000"):
        assert [item.args for item in parse(f"ssl_protocols a{space}b;")] == [(f"a{space}b",)]


def test_blocks_can_be_nested_up_to_the_limit() -> None:
    assert len([*walk(parse(nested(DEEPEST)))]) == DEEPEST
    with pytest.raises(NotNginxError, match=TOO_DEEP):
        parse(nested(DEEPEST + 1))


def test_words_end_where_those_of_nginx_end() -> None:
    for text, names in (
        ("default_type a${;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type ${a${{{b;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type a}b;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type a}; ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type a#b;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type a\"b;ssl_protocols 'TLSv1';", ["default_type", "ssl_protocols"]),
        ("default_type 'a\\'b;';\"ssl_protocols\" TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type 'a')b;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ("default_type a\\;b;ssl_protocols TLSv1;", ["default_type", "ssl_protocols"]),
        ('default_type "a;{\n#";ssl_protocols TLSv1;', ["default_type", "ssl_protocols"]),
        ("location a${b{ssl_protocols TLSv1;}", ["location", "ssl_protocols"]),
        ("location a{{ssl_protocols TLSv1;}}", None),
    ):
        if names:
            assert [item.name for item in walk(parse(text))] == names
        else:
            with pytest.raises(NotNginxError):
                parse(text)
    assert parse(r"""return 200 "a\"\n\x" \t\\ '';""")[0].args == ("200", 'a"\n\\x', "\t\\", "")


def test_texts_that_nginx_refuses_are_refused() -> None:
    unfinished = 'unexpected end of file, expecting ";" or "}"'
    for text, reason in (
        ("listen 1;\nssl_protocols TLSv1", unfinished),
        ("listen 1;\nssl_protocols TLSv1\n", unfinished),
        ("server { listen 1;", 'unexpected end of file, expecting "}"'),
        ("listen 1; }", 'unexpected "}"'),
        ("server { listen 1 }", 'unexpected "}"'),
        ("listen 1;;", 'unexpected ";"'),
        ("{ listen 1; }", 'unexpected "{"'),
        ('listen 1;\nlisten "1"a;', "invalid or unfinished word in line 2"),
        ('listen "1};', "invalid or unfinished word in line 1"),
        ("listen 1\\", "invalid or unfinished word in line 1"),
        ("content_by_lua_block { ngx.say('}') }", LUA),
        ("set_by_lua_block $a { }", LUA),
    ):
        with pytest.raises(NotNginxError) as refusal:
            parse(text)
        assert str(refusal.value) == reason


def test_the_files_of_binary_data_are_read() -> None:
    data = {
        "binaryData": {
            "a.conf": base64.b64encode(b"server { listen 1; }").decode(),
            "image": base64.b64encode(b"\xff\xfe").decode(),
        },
        "data": {
            "README.md": "server { is a block",
            "notes": "server # a",
            "broken.conf": "server {",
            "later.conf": UNKNOWN,
        },
    }
    read = configured(data)
    assert [*read.parsed] == ["a.conf"]
    unread = ['data["README.md"]', 'data["broken.conf"]', 'data["later.conf"]']
    assert [verdict.path for verdict in read.unread] == unread


def test_a_comment_before_its_brace_does_not_hide_a_server() -> None:
    read = files(a="server # a\n#\n{ listen 1 ssl; }", b="server # a\n{ content_by_lua_block { } }")
    assert [server.tls_ports for server in read.servers()] == [{1}]
    assert [verdict.path for verdict in read.unread] == ["data.b"]


def test_includes_lead_to_the_files_with_their_names() -> None:
    read = files(
        nginx_conf="http { include conf.d/*.conf; include other; include; }",
        a_conf="server { listen 443 ssl; }",
        b_conf="server { listen 8443 ssl; include a?conf; }",
        notes="server { listen 1 ssl; }",
    )
    assert read.matches("/etc/nginx/conf.d/*.conf") == ["a.conf", "b.conf", "nginx.conf"]
    assert read.matches("?.conf") == ["a.conf", "b.conf"]
    assert read.matches("/etc/a.conf") == ["a.conf"]
    assert read.matches("c.conf") == []
    assert read.included == {
        "nginx.conf": {"a.conf", "b.conf"},
        "a.conf": set(),
        "b.conf": {"a.conf"},
        "notes": set(),
    }
    assert [name for name, _ in read.roots()] == ["nginx.conf", "notes"]


def test_files_that_include_each_other_are_all_read_once() -> None:
    read = files(b="server { listen 1 ssl; } include a;", a="server { listen 2 ssl; } include b;")
    assert [name for name, _ in read.roots()] == ["a", "b"]
    assert [server.tls_ports for server in read.servers()] == [{2}, {1}]


def test_includes_that_lead_to_too_many_directives_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"a": "server { include b; include b; }", "b": "ssl_certificate x; ssl_certificate y;"}
    # One directive at the top, and six in its block: two includes, and twice two directives.
    for most, is_refused in ((7, False), (6, True)):
        monkeypatch.setattr(nginx, "MOST_STEPS", most)
        read = files(**text)
        if not is_refused:
            assert len([*read.servers()]) == 1
            continue
        with pytest.raises(UnreadableValueError) as refusal:
            list(read.servers())
        assert (refusal.value.path, refusal.value.reason, refusal.value.remedy) == (
            "data",
            "nginx configuration whose includes exceed 6 directives",
            "include each file in one place, so that it can be checked",
        )


def test_includes_that_lead_too_deep_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = {f"f{number}": f"server {{ include f{number + 1}; }}" for number in range(4)} | {
        "f4": "server { }"
    }
    monkeypatch.setattr(nginx, "DEEPEST", 6)
    assert len([*files(**text).servers()]) == 5
    monkeypatch.setattr(nginx, "DEEPEST", 5)
    with pytest.raises(UnreadableValueError) as refusal:
        list(files(**text).servers())
    assert refusal.value.reason == "nginx configuration whose includes exceed 5 levels"


@each_row(
    ("text", "chosen"),
    [
        ("server { listen 443 ssl; }", [False]),
        ("server { listen 443 ssl; ssl_protocols TLSv1.2; }", [True]),
        ("http { ssl_protocols TLSv1.2; server { listen 443 ssl; } }", [True]),
        ("http { server { listen 443 ssl; } }", [False]),
        ("ssl_protocols TLSv1.2; http { server { listen 443 ssl; } }", [True]),
        ("http { server_tokens off; server { listen 1 ssl; } server { listen 2 ssl; } }", [False, False]),
    ],
)
def test_a_server_knows_whether_it_or_an_outer_block_lists_versions(text: str, chosen: list[bool]) -> None:
    assert [server.chosen for server in files(a=text).servers()] == chosen


@each_row(
    ("text", "names"),
    [
        ("ssl_protocols TLSv1.2;", True),
        ("http { ssl_protocols TLSv1.2; }", True),
        ("stream { ssl_protocols TLSv1.2; }", True),
        ("mail { ssl_protocols TLSv1.2; }", True),
        ("server { listen 1 ssl; ssl_protocols TLSv1.2; }", False),
        ("http { server { ssl_protocols TLSv1.2; } }", False),
    ],
)
def test_versions_outside_of_servers_apply_to_other_files(text: str, names: bool) -> None:
    assert files(a=text).names_versions() is names


@each_row(
    ("directives", "ports", "negotiates"),
    [
        ("listen 443 ssl;", {443}, True),
        ("listen [::]:8443 ssl;", {8443}, True),
        ("listen 127.0.0.1:65535 ssl;", {65535}, True),
        ("listen example.com ssl;", {80}, True),
        ("listen 1234567 ssl;", {80}, True),
        ("listen 443 quic;", {443}, False),
        ("listen 443; ssl on;", {443}, True),
        ("listen 443; ssl off;", set(), False),
        ("listen 443; ssl_on on;", set(), False),
        ("listen;", set(), False),
        ("listen 80;", set(), False),
    ],
)
def test_a_server_terminates_tls_on_some_ports(directives: str, ports: set[int], negotiates: bool) -> None:
    [server] = files(a=f"server {{ {directives} }}").servers()
    assert (server.tls_ports, server.negotiates) == (ports, negotiates)


def test_a_list_of_protocols_has_safe_versions_only() -> None:
    assert [*protocol_list(Value("TLSv1.2 TLSv1.3"))] == []
    for text in ("TLSv1.1 TLSv1.2", "", None):
        assert len([*protocol_list(Value(text, "protocols"))]) == 1
