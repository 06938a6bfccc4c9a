import pytest

from policies.model.cloudflare.expressions import is_limited, matches_everything, spared_hosts
from tests.support.rows import each_row

LIMITED = (
    "ip.src eq 203.0.113.1",
    "(ip.src in {203.0.113.1 198.51.100.0/24})",
    "ip.src in $office",
    "ip.src.asnum in {64496 64497}",
    'http.host == "dev.shop.dev"',
    'http.request.uri.path in {"/a" "/b"} and not ip.src in $bad',
    'starts_with(http.request.uri.path, "/api/") and (ssl or http.host ne "a.dev")',
    '(http.request.uri.path matches "^/api/")',
    'starts_with(http.request.full_uri, "https://a.dev/api")',
    'http.request.full_uri eq "https://a.dev/"',
    '(http.request.uri.path eq "/a" and ssl) || cf.client.bot',
    'http.request.uri.path eq "/a\\" or true or \\""',
    "cf.tls_client_auth.cert_verified",
    'http.host eq "a.dev" xor http.request.uri.path eq "/a" ^^ cf.client.bot',
    'not ssl and http.host eq "a.dev"',
    'http.host in {"a.dev"} and any(http.request.headers["x"][*] eq "r[")',
    'http.host=="a.dev"&&!(ssl or http.user_agent strict wildcard "*")',
    'http.host eq "a.dev" and len(http.request.uri.path) gt 5 and ip.src ne 2001:db8::1',
    '((ssl or http.request.method eq "GET") and (ip.src eq 192.0.2.1 or http.host in {"a.dev"}))',
)
UNLIMITED = (
    "",
    "true",
    '(http.host ne "")',
    'http.host eq "\\x61.dev"',
    'http.host in {"a.dev" "\\142.dev"}',
    "len(http.request.uri.path) gt 0",
    'http.request.uri.path contains "/"',
    'starts_with(http.request.uri.path, "/")',
    'starts_with(http.request.uri.path, "\\x2f")',
    'http.request.uri.path matches "^/.*"',
    'starts_with(http.request.full_uri, "h")',
    'starts_with(http.request.full_uri, "https:/")',
    'starts_with(http.request.full_uri, "https://")',
    'starts_with(raw.http.request.full_uri, "https://")',
    'http.request.full_uri matches "^https"',
    'http.request.uri.path matches "^/a*"',
    'http.request.uri.path matches "^/a|^/"',
    "ip.src in {0.0.0.0/0}",
    "ip.src in {0.0.0.0/2} or ip.src in {128.0.0.0/2}",
    "ip.src in {1.0.0.0..223.255.255.255}",
    "ip.src.asnum in {1..4294967295}",
    'http.request.uri.path eq "/a" or true',
    '(http.request.uri.path eq "/a" or true) and (true or ssl)',
    'not http.request.uri.path eq "/a"',
    '!(http.request.uri.path eq "/a")',
    'http.request.uri.path eq "/a" xor true',
    'http.host eq "a.dev" and http.request.uri.path eq "/a" xor not http.host eq "b.a.dev"',
    'http.host eq "a.dev" and ssl ^^ ssl',
    # Cloudflare's parser needs no space between tokens.
    'http.request.uri.path eq "/a" and ssl orssl',
    'http.request.uri.path eq "/a" and len(http.host) gt 0or ssl',
    'http.request.uri.path eq "/a" and http.host eq 2f:61or ssl',
    'http.request.uri.path eq "/a" and ip.src eq ::1or ssl',
    'http.request.uri.path eq "/a" and starts_with(http.host, "a")orssl',
    "notcf.client.bot",
    # Its texts end elsewhere: raw strings, and regular expressions with `[`.
    'ip.src eq 192.0.2.1 and http.request.uri.path eqr"\\" or ssl or http.request.uri.path eq "/"',
    'ip.src eq 192.0.2.1 and http.request.uri.path eq r#"\\" or ssl or http.request.uri.path eq "/"#',
    'http.request.uri.path eq "/a" and http.request.uri.path matches "["] " or ssl or http.host eq "x"',
    'http.request.uri.path eq "/a" and http.host ~ "["] " or ssl or http.host eq "x"',
    'http.request.uri.path eq "/a" and any(http.request.headers["x"][*] ~ "["]) ") or ssl or ssl',
    'http.request.uri.path eq "/a" and http.host eq "',
    'http.request.uri.path eq "/a" and strict "b"',
    "cf.client.bot and any(ssl]",
    "cf.client.bot and",
    "cf.client.bot ssl",
    "cf.client.bot and # or ssl",
    "not cf.client.bot",
    "cf.client.bot eq false",
    'http.request.uri.path eq r"\\" or true or http.request.uri.path eq "',
    'http.user_agent eq "curl"',
    'ip.src eq 192.0.2.1 and http.request.uri.path eq r"\\" or true or http.request.uri.path eq "/"',
    "(" * 21 + "ip.src eq 192.0.2.1" + ")" * 21,
    "(" * 2000 + ")" * 2000,
    "ip.src eq 192.0.2.1) or (true",
    "(ip.src eq 192.0.2.1) or (true)",
    "ip.src in {",
    'http.request.uri.path eq "/a" and ' * 200 + "ssl",
)


@each_row("expression", LIMITED)
def test_an_expression_that_names_its_requests_is_limited(expression: str) -> None:
    assert is_limited(expression)


@each_row("expression", UNLIMITED)
def test_an_expression_that_may_match_every_request_is_not_limited(expression: str) -> None:
    assert not is_limited(expression)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        (None, True),
        ("true", True),
        ("(true)", True),
        ('(starts_with(http.request.uri.path, "/"))', True),
        ("(ip.src eq 192.0.2.1)", False),
        ('starts_with(http.request.uri.path, "/ ")', False),
        ('starts_with(http.request.uri.path, " /")', False),
        ("tr ue", False),
        ("(true", False),
        ("not true", False),
        ("true or ssl", False),
        ('starts_with ( http.request.uri.path,"/" )', True),
    ],
)
def test_only_expressions_of_a_known_form_match_everything(expression: str | None, result: bool) -> None:
    assert matches_everything(expression) is result


@pytest.mark.parametrize(
    ("expression", "hosts"),
    [
        ('http.host in {"A.dev" "b.a.dev"}', {"a.dev", "b.a.dev"}),
        ('http.host eq "a.dev" or http.host eq "b.a.dev"', {"a.dev", "b.a.dev"}),
        ('http.host eq "a.dev" and http.request.uri.path eq "/b"', set[str]()),
        ('http.host eq "a.dev" or http.request.uri.path eq "/b"', {"a.dev"}),
        ('http.host eq "a.dev" and not http.request.uri.path eq "/b"', {"a.dev"}),
        ('http.host eq "a.dev" and ip.src eq 192.0.2.1', set[str]()),
        ('starts_with(http.request.full_uri, "https://a.dev/")', {"a.dev"}),
        ('starts_with(http.request.full_uri, "https://a.dev")', {"a.dev*"}),
        ('starts_with(http.request.full_uri, "https://a.dev:8443")', {"a.dev"}),
        ('starts_with(http.request.full_uri, "https://a.dev/b")', set[str]()),
        ("ip.src eq 192.0.2.1", set[str]()),
        ("true", set[str]()),
        ("(", set[str]()),
    ],
)
def test_the_hosts_that_an_expression_spares_are_those_without_another_limit(
    expression: str, hosts: set[str]
) -> None:
    assert spared_hosts(expression) == hosts
