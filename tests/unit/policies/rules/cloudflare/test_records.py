"""Tests of the rules on records."""

import pytest

from tests.support.policies.pytest_fixtures import resource, urn, verdicts

LOAD_BALANCER = urn("aws:lb/loadBalancer:LoadBalancer", "lb")


@pytest.mark.parametrize(
    ("content", "count"), [("lb.example.com", 1), ("_y.acm-validations.aws", 0), ("lb.dkim.amazonses.com", 0)]
)
def test_the_target_of_a_service_is_not_of_the_stack(content: str, count: int) -> None:
    record = {"type": "CNAME", "name": "_x.pipe.dev", "content": content}
    dependencies = {"content": (LOAD_BALANCER,)}
    rule, kind = "cloudflare-record-not-proxied", "cloudflare:index/dnsRecord:DnsRecord"
    of_stack = resource(kind, record, property_dependencies=dependencies)
    assert len(verdicts(rule, of_stack, {})) == count
    assert not verdicts(rule, resource(kind, record), {})
