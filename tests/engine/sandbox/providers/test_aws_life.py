"""AWS's resource types through their life, each test in an empty account."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.errors import RefusedError
from sandbox.providers.target import Resource
from sandbox.wire.values import Secret
from tests.support.sandbox.clouds.local_api import Client
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import AWS_RESOURCES, PASSWORD

STAY = (
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
)
"""What is there after a deletion in AWS too: the group is its VPC's, a locked bucket stays versioned, and one
without an encryption of its own has S3's."""


@pytest.fixture
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        yield account


def one_after_the_other(changed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Nothing, then one input more at a time; what is taken out goes with that which takes its place."""
    yield {}
    for number, value in enumerate(changed.values(), 1):
        if value is not None:
            yield dict([*changed.items()][:number])


def test_each_type_is_changed_in_place_and_deleted() -> None:
    """Input by input: a call that changes one must not set another back."""
    with empty_account() as account:
        account.create(*AWS_RESOURCES)
        for name, (_, _, changed) in AWS_RESOURCES.items():
            for wanted in one_after_the_other(changed):
                account.update(name, **wanted)
                assert account.differences(name, account.resource(name, **wanted)) == [], (name, [*wanted])
        for name in reversed(AWS_RESOURCES):
            account.delete(name)
            if AWS_RESOURCES[name][0] not in STAY:
                assert account.read(name) is None, name
            account.delete(name)  # again: what is gone is deleted already
        snapshots = account.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert [one["DBSnapshotIdentifier"] for one in snapshots] == ["pipe-db-final"]


def test_a_thing_that_is_gone_reads_as_gone_and_cannot_be_changed(account: AwsAccount) -> None:
    account.create("eip")
    account.client("ec2").release_address(AllocationId=account.live["eip"].id)
    assert account.read("eip") is None
    with pytest.raises(RefusedError, match="does not exist any more; a refresh removes it from the state"):
        account.update("eip")


def test_a_secret_value_is_in_no_message(account: AwsAccount, capfd: pytest.CaptureFixture[str]) -> None:
    account.create("parameters", "subnets", "pods", "key", "role")
    for password in ("short", f"has a space and {PASSWORD}", PASSWORD * 8):
        wanted = account.resource("database", password=Secret(password))
        with pytest.raises(RefusedError) as refused:
            account.target.create(wanted)
        assert password not in str(refused.value) and "Password" in str(refused.value)
    account.create("database")
    assert PASSWORD not in "".join(capfd.readouterr())


def test_an_api_that_fails_for_a_while_is_asked_again(account: AwsAccount) -> None:
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


def test_zones_are_the_regions_own(account: AwsAccount) -> None:
    asked = {"state": "available", "filters": [{"name": "opt-in-status", "values": ["opt-in-not-required"]}]}
    token, config = "aws:index/getAvailabilityZones:getAvailabilityZones", {"region": "ap-northeast-1"}
    found = account.target.invoke(token, asked, config)
    assert found["names"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    left = account.target.invoke(token, {**asked, "excludeZoneIds": [found["zoneIds"][0]]}, config)
    assert left["names"] == found["names"][1:] and left["region"] == "ap-northeast-1"


def test_a_type_without_a_row_is_refused(account: AwsAccount) -> None:
    with pytest.raises(
        RefusedError, match=r"has no aws:sqs/queue:Queue: add a row to sandbox/providers/aws/calls.toml"
    ):
        account.target.create(Resource("urn::q", "aws:sqs/queue:Queue", {"name": "q"}))


def test_an_input_that_no_call_can_carry_is_refused_and_not_ignored(account: AwsAccount) -> None:
    account.create("vpc")
    with pytest.raises(RefusedError, match="mapCustomerOwnedIpOnLaunch: the API did not change it"):
        account.target.create(account.resource("c", mapCustomerOwnedIpOnLaunch=True))


def test_what_is_in_a_cluster_goes_with_it(account: AwsAccount) -> None:
    account.create("pod", "access", "metrics")
    account.delete("cluster")
    assert all(account.read(name) is None for name in ("pod", "entry", "access", "metrics"))
    group = account.live["cluster"].outputs["vpcConfig"]["clusterSecurityGroupId"]
    with pytest.raises(ClientError, match="InvalidGroup"):
        account.client("ec2").describe_security_groups(GroupIds=[group])


def test_the_role_of_nodes_goes_although_eks_leaves_its_profile(account: AwsAccount) -> None:
    account.create("cluster")
    account.delete("cluster")
    iam = account.client("iam")
    with pytest.raises(ClientError, match="must remove roles from instance profile first"):
        iam.delete_role(RoleName="pipe-role")
    account.delete("role")
    assert account.read("role") is None
    [left] = iam.list_instance_profiles()["InstanceProfiles"]
    assert left["InstanceProfileName"].startswith("eks-pipe-dev-") and left["Roles"] == []


def test_a_cluster_without_auto_mode_has_no_profile(account: AwsAccount) -> None:
    off = {"enabled": False}
    account.create("vpc", "a", "c", "role", "key")
    account.target.create(
        account.resource(
            "cluster",
            computeConfig=off,
            storageConfig={"blockStorage": off},
            kubernetesNetworkConfig={"elasticLoadBalancing": off},
        )
    )
    assert account.client("iam").list_instance_profiles()["InstanceProfiles"] == []


def test_a_new_password_reaches_the_api_although_none_is_ever_read(account: AwsAccount) -> None:
    account.create("database")
    calls: list[str] = []

    def seen(params: Any, **_: Any) -> None:
        calls.append(str(params))

    account.client("rds").meta.events.register("before-parameter-build", seen)
    account.update("database")
    assert not any("MasterUserPassword" in sent for sent in calls)
    account.update("database", password=Secret("another-password"))
    assert sum("another-password" in sent for sent in calls) == 1


def test_an_endpoint_of_a_cluster_opens_and_closes_in_place(account: AwsAccount) -> None:
    account.create("cluster")
    subnets = account.live["cluster"].outputs["vpcConfig"]["subnetIds"]
    closed = {"subnetIds": subnets, "endpointPrivateAccess": True, "endpointPublicAccess": False}
    cidrs = {"publicAccessCidrs": ["8.8.8.0/24"]}
    for wanted in ({**closed, "endpointPublicAccess": True, **cidrs}, closed):
        live = account.update("cluster", vpcConfig=wanted).outputs["vpcConfig"]
        assert live["endpointPublicAccess"] is wanted["endpointPublicAccess"]


def test_a_cluster_moves_to_other_subnets_and_groups_in_place(account: AwsAccount) -> None:
    account.create("cluster", "balancer")
    vpc = dict(account.resource("cluster").inputs["vpcConfig"])
    more = replace(account.resource("a", cidrBlock="10.0.9.0/24", availabilityZone="ap-northeast-1a"), id="")
    wanted = [account.target.create(more).id, vpc["subnetIds"][1]]
    groups = [account.live["balancer"].id]
    live = account.update("cluster", vpcConfig={**vpc, "subnetIds": wanted, "securityGroupIds": groups})
    assert live.outputs["vpcConfig"]["subnetIds"] == wanted
    assert live.outputs["vpcConfig"]["securityGroupIds"] == groups
    with pytest.raises(
        RefusedError, match="at least two different AZs, and belong to the VPC of the cluster"
    ):
        account.update("cluster", vpcConfig={**vpc, "subnetIds": wanted[:1]})


def test_a_cluster_is_encrypted_later_but_not_again(account: AwsAccount) -> None:
    account.create("role", "a", "c", "key")
    plain = replace(account.resource("cluster", encryptionConfig=None), id="")
    account.live["cluster"] = account.target.create(plain)
    live = account.target.update(account.resource("cluster"), account.live["cluster"])
    assert live.inputs["encryptionConfig"]["provider"]["keyArn"] == account.live["key"].outputs["arn"]
    eks, config = account.client("eks"), {"provider": {"keyArn": "other"}, "resources": ["secrets"]}
    with pytest.raises(ClientError, match="has an encryption config already; it cannot be changed or taken"):
        eks.associate_encryption_config(clusterName="pipe-dev", encryptionConfig=[config])


def test_an_update_of_a_cluster_can_be_waited_for(account: AwsAccount) -> None:
    account.create("cluster")
    eks = account.client("eks")
    told = eks.update_cluster_config(name="pipe-dev", deletionProtection=True)["update"]
    found = eks.describe_update(name="pipe-dev", updateId=told["id"])["update"]
    assert (found["id"], found["status"]) == (told["id"], "Successful")


def test_a_subnet_gets_another_route_table_in_place(account: AwsAccount) -> None:
    account.create("association")
    other = account.target.create(replace(account.resource("table"), id="")).id
    assert account.update("association", routeTableId=other).outputs["routeTableId"] == other
    account.live["table"] = replace(account.live["table"], id=other)
    assert account.differences("association", account.resource("association")) == []
    account.delete("association")
    assert account.read("association") is None


def test_a_database_gets_another_name_and_port_in_place(account: AwsAccount) -> None:
    account.create("database")
    ident = account.live["database"].id
    live = account.update("database", identifier="pipe-other", port=5433, multiAz=True)
    assert (live.id, live.outputs["identifier"], live.outputs["port"]) == (ident, "pipe-other", 5433)
    assert live.outputs["multiAz"] is True
    names = account.client("rds").describe_db_instances()["DBInstances"]
    assert [each["DBInstanceIdentifier"] for each in names] == ["pipe-other"]


def test_a_parameter_that_is_taken_out_is_the_engines_own_again(account: AwsAccount) -> None:
    account.create("parameters")
    both: list[Any] = AWS_RESOURCES["parameters"][1]["parameters"]
    for wanted in (both[:1], both, list[Any]()):
        live = account.update("parameters", parameters=wanted)
        assert live.outputs.get("parameters", []) == wanted
    account.update("parameters")
    assert account.update("parameters", parameters=None).outputs["parameters"] == []


def test_a_role_keeps_one_of_two_things_that_are_changed_by_one_call(account: AwsAccount) -> None:
    account.create("role")
    live = account.update("role", description="Other")
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("Other", 7200)
    live = account.update("role", maxSessionDuration=10800)
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("All of them", 10800)
    account.update("role")
    live = account.update("role", maxSessionDuration=3600)
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("All of them", 3600)


def test_a_cluster_that_is_to_log_nothing_does_so(account: AwsAccount) -> None:
    account.create("cluster")
    assert not account.update("cluster", enabledClusterLogTypes=None).outputs.get("enabledClusterLogTypes")


def test_a_part_that_is_taken_out_is_taken_away(account: AwsAccount) -> None:
    account.create("bucket", "lifecycle", "cluster", "balancer")
    [dumps, cleanup] = AWS_RESOURCES["lifecycle"][1]["rules"]
    less = {name: item for name, item in dumps.items() if name != "transitions"}
    live = account.update("lifecycle", rules=[less, cleanup])
    assert not live.outputs["rules"][0].get("transitions")
    vpc = dict(account.resource("cluster").inputs["vpcConfig"])
    before = account.update("cluster", vpcConfig={**vpc, "securityGroupIds": [account.live["balancer"].id]})
    live = account.target.update(account.resource("cluster"), before)
    assert live.outputs["vpcConfig"]["securityGroupIds"] == []


def test_what_is_taken_out_of_the_program_is_taken_away(account: AwsAccount) -> None:
    account.create("logs", "role")
    logs = account.update("logs", retentionInDays=None, kmsKeyId=None)
    role = account.update("role", permissionsBoundary=None, tags=None)
    assert not {"retentionInDays", "kmsKeyId"} & logs.outputs.keys()
    assert "permissionsBoundary" not in role.outputs and role.outputs["tagsAll"] == {"team": "platform"}
