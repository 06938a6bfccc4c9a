from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
PROXIED = "cloudflare-record-not-proxied"


@pytest.mark.parametrize("kind", [RECORD, "cloudflare:index/record:Record"])
@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"type": "CNAME", "name": "pipe.dev", "content": "lb", "proxied": True}, []),
        ({"type": "CNAME", "name": "pipe.dev", "content": "lb"}, ["proxied is not set; set it to true"]),
        (
            {"type": "A", "name": "pipe.dev", "content": "1.2.3.4", "proxied": False},
            ["proxied is False; set it to true"],
        ),
        ({"type": "AAAA", "name": "pipe.dev", "value": "::1"}, ["proxied is not set; set it to true"]),
        ({"type": "TXT", "name": "pipe.dev", "content": "v=spf1"}, []),
        ({"type": "CNAME", "name": "_acme.pipe.dev", "content": "x"}, []),
        ({"type": "CNAME", "name": "www.pipe.dev", "content": "cname.vercel-dns.com"}, []),
        ({"type": "CNAME", "name": "x", "content": UNKNOWN}, ["unknown: content"]),
        ({"type": "CNAME", "name": "x", "content": UNKNOWN, "proxied": True}, []),
    ],
)
def test_a_record_of_an_origin_is_proxied(
    messages_of: MessagesOf, kind: str, props: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of(PROXIED, kind, props) == expected


def test_which_targets_need_no_proxy_is_configured(messages_of: MessagesOf) -> None:
    record = {"type": "CNAME", "name": "x", "content": "lb.example.com"}
    assert messages_of(PROXIED, RECORD, record, unproxied=[r".*\.example\.com"]) == []


@pytest.mark.parametrize(
    ("kind", "name", "wrong"),
    [("CNAME", "*.pipe.dev", True), ("A", "*", True), ("A", "pipe.dev", False), ("TXT", "*.pipe.dev", False)],
)
def test_no_record_is_a_wildcard(messages_of: MessagesOf, kind: str, name: str, wrong: bool) -> None:
    expected = [f"name is '{name}'; set it to the host that is meant"] if wrong else []
    assert messages_of("cloudflare-wildcard-record", RECORD, {"type": kind, "name": name}) == expected


def test_a_record_says_what_it_is_for(messages_of: MessagesOf) -> None:
    policy, record = "cloudflare-record-unexplained", {"type": "A", "name": "x", "comment": "To the API"}
    wanted = "set it to a sentence on what the record is for"
    assert messages_of(policy, RECORD, record) == []
    assert messages_of(policy, RECORD, {}) == [f"comment is not set; {wanted}"]
    assert messages_of(policy, RECORD, {"comment": " "}) == [f"comment is ' '; {wanted}"]
    assert messages_of(policy, RECORD, {"comment": UNKNOWN}) == ["unknown: comment"]
    assert messages_of(policy, RECORD, {**record, "tags": UNKNOWN}) == []
    assert messages_of(policy, RECORD, record, tags=["env"]) == ["tags is not set; add env:…"]
    assert messages_of(policy, RECORD, {**record, "tags": ["env:prod"]}, tags=["env", "team"]) == [
        "tags is ['env:prod']; add team:…"
    ]
