"""Tests of AWS on the scaled clock: statuses, waits of the provider, limits and new roles."""

import json
import threading
from collections.abc import Generator
from dataclasses import replace

import pytest
import urllib3

from sandbox.errors import ProviderError
from sandbox.providers.aws.target import AwsTarget
from sandbox.providers.target import NotReadyError, Resource
from sandbox.wire.clock import PATH, Clock
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account

SCALE = 200.0
"""At this scale a cluster takes 4.5 s, so that a slow machine still sees it being created."""


def set_scale(account: AwsAccount, scale: float) -> None:
    """Set the clock of the account's API."""
    assert urllib3.request("PUT", account.url + PATH, json={"scale": scale}).status == 204


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        set_scale(account, SCALE)
        yield account


@pytest.fixture
def clock(account: AwsAccount) -> Clock:
    """Return a new clock that the provider uses."""
    clock = Clock(SCALE)
    account.target = AwsTarget(account.url, clock)
    return clock


def test_the_provider_waits_until_a_cluster_is_active(account: AwsAccount, clock: Clock) -> None:
    live = account.create("cluster")
    assert (live.outputs["status"], "endpoint" in live.outputs) == ("ACTIVE", True)
    waits = {wait.name: wait for wait in clock.waits}
    # AWS's time begins with the request, the wait with the response.
    assert waits["cluster"].needed == 15 * 60
    assert 5 * 60 <= waits["cluster"].seconds < waits["cluster"].limit == 30 * 60


def test_a_cluster_is_creating_at_first(account: AwsAccount, clock: Clock) -> None:
    account.create("cluster")
    inputs = account.resource("cluster").known
    client = account.client("eks")
    created = client.create_cluster(
        name="second",
        roleArn=inputs["roleArn"],
        resourcesVpcConfig={"subnetIds": inputs["vpcConfig"]["subnetIds"]},
    )["cluster"]
    read = client.describe_cluster(name="second")["cluster"]
    assert [(cluster["status"], "endpoint" in cluster) for cluster in (created, read)] == [
        ("CREATING", False)
    ] * 2
    set_scale(account, 0)
    assert client.describe_cluster(name="second")["cluster"]["status"] == "ACTIVE"
    set_scale(account, SCALE)


def test_a_wait_beyond_the_limit_fails_and_the_state_has_the_resource(
    account: AwsAccount, clock: Clock
) -> None:
    account.create("eip", "a", "internet")
    # At this scale, a poll falls between the limit of 10 s and AWS's 125 s on a busy machine, too.
    set_scale(account, 100)
    account.target = AwsTarget(account.url, Clock(100))
    with pytest.raises(NotReadyError) as caught:
        account.target.create(replace(account.resource("nat"), timeout=10.0))
    set_scale(account, SCALE)
    assert str(caught.value).splitlines()[:2] == [
        "nat (aws:ec2/natGateway:NatGateway) is not ready: pending after 0m10s",
        "  limit:  0m10s (custom_timeouts, or the provider's default)",
    ]
    assert 'CustomTimeouts(create="4m")' in str(caught.value)
    assert caught.value.live.id.startswith("nat-")


def test_requests_that_name_a_new_role_are_repeated(account: AwsAccount) -> None:
    set_scale(account, 1)
    account.target = AwsTarget(account.url, Clock(5))
    role = account.target.create(role_named(account, "new-role"))
    statement = {"Effect": "Allow", "Principal": {"AWS": role.outputs["arn"]}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    trusting = role_named(account, "trusting", assumeRolePolicy=trust)
    with pytest.raises(ProviderError, match="Invalid principal in policy"):
        AwsTarget(account.url).create(trusting)
    # Without the clock, every service knows the role.
    timer = threading.Timer(0.3, set_scale, (account, 0))
    timer.start()
    assert account.target.create(trusting).id == "trusting"
    timer.join()


def role_named(account: AwsAccount, name: str, **inputs: str) -> Resource:
    """Return a role with another name and changed inputs."""
    resource = account.resource("role")
    return replace(resource, id="", inputs={**resource.inputs, "name": name, **inputs})
