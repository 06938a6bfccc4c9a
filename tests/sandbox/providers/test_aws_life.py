"""AWS's resource types through their life, each test in an empty account."""

from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.providers.target import Refused, Resource
from sandbox.providers.values import Secret
from tests.sandbox.providers.aws_things import PASSWORD, WORLD
from tests.sandbox.providers.aws_world import World, world
from tests.sandbox.targets.served import Client

STAY = ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:s3/bucketVersioning:BucketVersioning")
"""What a deletion leaves as it is in AWS too: the group is its VPC's, and a locked bucket stays versioned."""


@pytest.fixture
def account() -> Generator[World]:
    with world() as made:
        yield made


def test_each_type_is_changed_in_place_and_deleted() -> None:
    with world() as made:
        made.up(*WORLD)
        for name, (_, _, changed) in WORLD.items():
            made.change(name, **changed)
            assert made.differences(name, made.resource(name, **changed)) == [], name
        for name in reversed(WORLD):
            made.delete(name)
            if WORLD[name][0] not in (
                "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
                "aws:s3/bucketVersioning:BucketVersioning",
            ):
                assert made.read(name) is None, name
            made.delete(name)  # again: what is gone is deleted already
        snapshots = made.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert [one["DBSnapshotIdentifier"] for one in snapshots] == ["pipe-db-final"]


def test_a_thing_that_is_gone_reads_as_gone_and_cannot_be_changed(account: World) -> None:
    account.up("eip")
    account.client("ec2").release_address(AllocationId=account.live["eip"].id)
    assert account.read("eip") is None
    with pytest.raises(Refused, match="is not there any more; a refresh takes it out of the state"):
        account.change("eip")


def test_a_secret_value_is_in_no_message(account: World, capfd: pytest.CaptureFixture[str]) -> None:
    account.up("parameters", "subnets", "pods", "key", "role")
    for password in ("short", f"has a space and {PASSWORD}", PASSWORD * 8):
        wanted = account.resource("database", password=Secret(password))
        with pytest.raises(Refused) as refused:
            account.target.create(wanted)
        assert password not in str(refused.value) and "Password" in str(refused.value)
    account.up("database")
    assert PASSWORD not in "".join(capfd.readouterr())


def test_an_api_that_fails_for_a_while_is_asked_again(account: World) -> None:
    api = Client(account.url)
    for switches in (
        {"kind": "throttle", "requests": 2, "retry_after": 1},
        {"kind": "error", "requests": 2},
        {"kind": "reset", "requests": 1},
    ):
        api.fail(**switches)
        assert (
            account.target.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, {})["accountId"]
            == "123456789012"
        )


def test_zones_are_the_regions_own(account: World) -> None:
    asked = {"state": "available", "filters": [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]}
    token, config = "aws:index/getAvailabilityZones:getAvailabilityZones", {"region": "ap-northeast-1"}
    found = account.target.invoke(token, asked, config)
    assert found["names"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    left = account.target.invoke(token, {**asked, "excludeZoneIds": [found["zoneIds"][0]]}, config)
    assert left["names"] == found["names"][1:] and left["region"] == "ap-northeast-1"


def test_a_type_without_a_row_is_refused(account: World) -> None:
    with pytest.raises(
        Refused, match=r"has no aws:sqs/queue:Queue: add a row to sandbox/providers/aws_calls.toml"
    ):
        account.target.create(Resource("urn::q", "aws:sqs/queue:Queue", {"name": "q"}))


def test_an_input_that_no_call_can_carry_is_refused_and_not_ignored(account: World) -> None:
    account.up("vpc")
    with pytest.raises(Refused, match="mapCustomerOwnedIpOnLaunch: the API left it as it was"):
        account.target.create(account.resource("c", mapCustomerOwnedIpOnLaunch=True))


def test_what_is_in_a_cluster_goes_with_it(account: World) -> None:
    account.up("pod", "access", "metrics")
    account.delete("cluster")
    assert all(account.read(name) is None for name in ("pod", "entry", "access", "metrics"))
    group = account.live["cluster"].outputs["vpcConfig"]["clusterSecurityGroupId"]
    with pytest.raises(ClientError, match="InvalidGroup"):
        account.client("ec2").describe_security_groups(GroupIds=[group])


def test_a_new_password_reaches_the_api_although_none_is_ever_read(account: World) -> None:
    account.up("database")
    calls: list[str] = []

    def seen(params: Any, **_: Any) -> None:
        calls.append(str(params))

    account.client("rds").meta.events.register("before-parameter-build", seen)
    account.change("database")
    assert not any("MasterUserPassword" in sent for sent in calls)
    account.change("database", password=Secret("another-password"))
    assert sum("another-password" in sent for sent in calls) == 1


def test_what_is_taken_out_of_the_program_is_taken_away(account: World) -> None:
    account.up("logs", "role")
    logs = account.change("logs", retentionInDays=None, kmsKeyId=None)
    role = account.change("role", permissionsBoundary=None, tags=None)
    assert not {"retentionInDays", "kmsKeyId"} & logs.outputs.keys()
    assert "permissionsBoundary" not in role.outputs and role.outputs["tagsAll"] == {"team": "platform"}
