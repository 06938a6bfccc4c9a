import pytest

from policies.model.cloudflare.expressions import is_limited, matches_everything
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
    '((ssl or http.request.method eq "GET") and (ip.src eq 192.0.2.1 or http.host in {"a.dev"}))',
)
UNLIMITED = (
    "",
    "true",
    '(http.host ne "")',
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
    ],
)
def test_only_expressions_of_a_known_form_match_everything(expression: str | None, result: bool) -> None:
    assert matches_everything(expression) is result
