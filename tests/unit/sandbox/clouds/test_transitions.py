"""Tests of resources that are not ready yet."""

import pytest

from sandbox.clouds.aws import transitions
from sandbox.clouds.aws.transitions import CREATIONS, Transitions
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.durations import DURATIONS
from sandbox.wire.values import Json

REGION = "ap-northeast-1"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list whose item is the monotonic time in seconds."""
    time = [100.0]
    monkeypatch.setattr(transitions.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def on_clock(now: list[float]) -> Transitions:
    """Return transitions on a clock 1:60."""
    on_clock = Transitions()
    on_clock.set_scale(60)
    return on_clock


def database(on_clock: Transitions) -> Json:
    """Return the database as DescribeDBInstances shows it."""
    ready = {"DbiResourceId": "db-1", "DBInstanceStatus": "available", "Endpoint": {"Port": 5432}}
    shown = on_clock.apply("rds:DescribeDBInstances", REGION, {"DBInstances": [ready]})
    return shown["DBInstances"][0]


def create_database(on_clock: Transitions) -> None:
    on_clock.apply("rds:CreateDBInstance", REGION, {"DBInstance": {"DbiResourceId": "db-1"}})


def test_a_database_is_available_after_its_time_on_the_clock(on_clock: Transitions, now: list[float]) -> None:
    create_database(on_clock)
    now[0] += 20 * 60 / 60 - 0.1
    assert database(on_clock) == {"DbiResourceId": "db-1", "DBInstanceStatus": "creating"}
    now[0] += 0.2
    assert database(on_clock)["DBInstanceStatus"] == "available"


def test_without_the_clock_everything_is_ready(on_clock: Transitions) -> None:
    create_database(on_clock)
    on_clock.set_scale(0)
    assert not on_clock.concerns("rds:DescribeDBInstances")
    on_clock.set_scale(60)
    assert database(on_clock)["DBInstanceStatus"] == "available"


def test_a_new_key_is_not_found_at_first(on_clock: Transitions, now: list[float]) -> None:
    key = {"KeyMetadata": {"KeyId": "k-1"}}
    assert on_clock.apply("kms:CreateKey", REGION, key) == key
    with pytest.raises(ErrorResponse, match="Key 'k-1' does not exist"):
        on_clock.apply("kms:DescribeKey", REGION, key)
    now[0] += 1
    assert on_clock.apply("kms:DescribeKey", REGION, key) == key


def test_a_gateway_endpoint_is_available_at_once(on_clock: Transitions) -> None:
    for kind, state in (("Gateway", "available"), ("Interface", "pending")):
        endpoint = {"VpcEndpointId": f"vpce-{kind}", "VpcEndpointType": kind, "State": "available"}
        created = on_clock.apply("ec2:CreateVpcEndpoint", REGION, {"VpcEndpoint": endpoint})
        assert created["VpcEndpoint"]["State"] == state


def test_a_new_role_is_known_to_services_after_its_time(on_clock: Transitions, now: list[float]) -> None:
    arn = "arn:aws:iam::123456789012:role/new"
    on_clock.apply("iam:CreateRole", REGION, {"Role": {"Arn": arn}})
    assert on_clock.new_roles() == {arn}
    now[0] += 1
    assert on_clock.new_roles() == frozenset()


def test_every_creation_has_a_time() -> None:
    assert [creation.create for creation in CREATIONS if creation.create not in DURATIONS] == []
