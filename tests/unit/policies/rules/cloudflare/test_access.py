"""Tests of the rules on Access."""

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

PROVIDER = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider"


@pytest.mark.parametrize(("types", "count"), [(["onetimepin", "github"], 1), (["onetimepin", "okta"], 0)])
def test_an_unknown_login_is_open_if_all_that_it_may_be_are(
    messages_of_stack: MessagesOf, types: list[str], count: int
) -> None:
    providers = [resource(PROVIDER, {"type": kind}, kind) for kind in types]
    policy = resource(
        "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
        {"decision": "allow", "includes": [{"loginMethod": {"id": UNKNOWN}}]},
        property_dependencies={"includes": tuple(urn(PROVIDER, kind) for kind in types)},
    )
    assert len(messages_of_stack("cloudflare-access-login-open", policy, *providers)) == count
