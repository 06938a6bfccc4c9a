"""The lifecycle of AWS resource types; each test has an empty account."""

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.errors import ProviderError
from sandbox.providers.target import Resource
from sandbox.wire.bucket_contents import delete_versions
from sandbox.wire.values import Secret
from tests.support.sandbox.clouds.local_api import Client
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import AWS_RESOURCES, PASSWORD

SURVIVORS = (
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:guardduty/detectorFeature:DetectorFeature",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
)
"""Types whose resources still exist in AWS after their deletion.

The default security group belongs to its VPC, a locked bucket stays versioned, and a bucket without its own
encryption setting has the default of S3. A protection plan belongs to its detector, and the encryption of
volumes is a switch.
"""
LOG_BUCKET = "taking"
"""Name of the bucket to which S3 has delivered access logs, so that it refuses its deletion."""


@pytest.fixture
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        yield account


def growing_changes(changed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an empty change, and then changes with one more changed input each.

    A removed input (None) is yielded together with the next input, which replaces it.
    """
    yield {}
    for number, value in enumerate(changed.values(), 1):
        if value is not None:
            yield dict([*changed.items()][:number])


def test_each_type_is_changed_in_place_and_deleted() -> None:
    """Change one input after another, since the call for an input must not reset another input."""
    with empty_account() as account:
        account.create(*AWS_RESOURCES)
        for name, (_, _, changed) in AWS_RESOURCES.items():
            for changes in growing_changes(changed):
                account.update(name, **changes)
                assert account.differences(name, account.resource(name, **changes)) == [], (name, [*changes])
        for name in reversed(AWS_RESOURCES):
            if name == LOG_BUCKET:
                with pytest.raises(ProviderError, match="not empty"):
                    account.delete(name)
                assert delete_versions(account.client("s3"), "pipe-b-logs") > 0
            account.delete(name)
            if AWS_RESOURCES[name][0] not in SURVIVORS:
                assert account.read(name) is None, name
            account.delete(name)  # A second deletion is not an error.
        snapshots = account.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        assert [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots] == ["pipe-db-final"]


def test_a_deleted_resource_is_read_as_missing_and_cannot_be_changed(account: AwsAccount) -> None:
    account.create("eip")
    account.client("ec2").release_address(AllocationId=account.live["eip"].id)
    assert account.read("eip") is None
    with pytest.raises(ProviderError, match="does not exist any more; a refresh removes it from the state"):
        account.update("eip")


def test_no_message_has_a_secret_value(account: AwsAccount, capfd: pytest.CaptureFixture[str]) -> None:
    account.create("parameters", "subnets", "pods", "key", "role")
    for password in ("short", f"has a space and {PASSWORD}", PASSWORD * 8):
        database = account.resource("database", password=Secret(password))
        with pytest.raises(ProviderError) as refused:
            account.target.create(database)
        assert password not in str(refused.value) and "Password" in str(refused.value)
    account.create("database")
    assert PASSWORD not in "".join(capfd.readouterr())


def test_a_look_up_is_repeated_after_a_temporary_failure(account: AwsAccount) -> None:
    api = Client(account.url)
    for switches in (
        {"kind": "throttle", "requests": 2, "retry_after": 1},
        {"kind": "error", "requests": 2},
        {"kind": "reset", "requests": 1},
    ):
        api.fail(**switches)
        identity = account.target.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, {})
        assert identity["accountId"] == "123456789012"


def test_the_zones_are_those_of_the_region(account: AwsAccount) -> None:
    arguments = {
        "state": "available",
        "filters": [{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
    }
    token, config = "aws:index/getAvailabilityZones:getAvailabilityZones", {"region": "ap-northeast-1"}
    zones = account.target.invoke(token, arguments, config)
    assert zones["names"] == ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]
    excluded = {"excludeZoneIds": [zones["zoneIds"][0]]}
    others = account.target.invoke(token, arguments | excluded, config)
    assert others["names"] == zones["names"][1:] and others["region"] == "ap-northeast-1"


def test_a_type_without_calls_is_refused(account: AwsAccount) -> None:
    with pytest.raises(
        ProviderError,
        match=r"has no aws:sqs/queue:Queue: add its calls to a module in sandbox/providers/aws",
    ):
        account.target.create(Resource("urn::q", "aws:sqs/queue:Queue", {"name": "q"}))


def test_an_input_without_a_call_that_sets_it_is_refused(account: AwsAccount) -> None:
    account.create("vpc")
    with pytest.raises(ProviderError, match="mapCustomerOwnedIpOnLaunch: the API did not change it"):
        account.target.create(account.resource("c", mapCustomerOwnedIpOnLaunch=True))


def test_a_cluster_is_deleted_with_its_parts(account: AwsAccount) -> None:
    account.create("pod", "access", "metrics")
    account.delete("cluster")
    assert all(account.read(name) is None for name in ("pod", "entry", "access", "metrics"))
    group = account.live["cluster"].outputs["vpcConfig"]["clusterSecurityGroupId"]
    with pytest.raises(ClientError, match="InvalidGroup"):
        account.client("ec2").describe_security_groups(GroupIds=[group])


def test_the_role_of_nodes_is_deleted_although_eks_leaves_its_profile(account: AwsAccount) -> None:
    account.create("cluster")
    account.delete("cluster")
    iam = account.client("iam")
    with pytest.raises(ClientError, match="must remove roles from instance profile first"):
        iam.delete_role(RoleName="pipe-role")
    account.delete("role")
    assert account.read("role") is None
    [profile] = iam.list_instance_profiles()["InstanceProfiles"]
    assert profile["InstanceProfileName"].startswith("eks-pipe-dev-") and profile["Roles"] == []


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


def test_only_a_new_password_is_sent_to_the_api(account: AwsAccount) -> None:
    account.create("database")
    calls: list[str] = []

    def record(params: Any, **_: Any) -> None:
        calls.append(str(params))

    account.client("rds").meta.events.register("before-parameter-build", record)
    account.update("database")
    assert not any("MasterUserPassword" in call for call in calls)
    account.update("database", password=Secret("another-password"))
    assert sum("another-password" in call for call in calls) == 1


def test_rds_makes_rotates_and_deletes_the_master_password(account: AwsAccount) -> None:
    account.create("database")
    managed = {"password": None, "manageMasterUserPassword": True, "masterUserSecretKmsKeyId": "<key.arn>"}
    live = account.update("database", **managed)
    [secret] = live.outputs["masterUserSecrets"]
    key = account.live["key"].outputs["arn"]
    assert (secret["secretStatus"], secret["kmsKeyId"]) == ("active", key)
    assert "password" not in live.outputs
    secrets_manager = account.client("secretsmanager")
    description = secrets_manager.describe_secret(SecretId=secret["secretArn"])
    assert description["Name"].startswith("rds!db-") and description["OwningService"] == "rds"
    tags = {tag["Key"]: tag["Value"] for tag in description["Tags"]}
    assert tags["aws:rds:primaryDBInstanceArn"] == live.outputs["arn"]
    before, again = (master_secret(secrets_manager, secret["secretArn"]) for _ in range(2))
    assert before == again
    assert before["username"] == "pipe_admin" and len(before["password"]) == 28
    identifier = live.outputs["identifier"]
    account.client("rds").modify_db_instance(
        DBInstanceIdentifier=identifier, RotateMasterUserPassword=True, ApplyImmediately=True
    )
    after = master_secret(secrets_manager, secret["secretArn"])
    assert after["username"] == "pipe_admin" and after["password"] != before["password"]
    before_update = replace(live, inputs=account.resource("database", **managed).inputs)
    live = account.target.update(account.resource("database"), before_update)
    assert not live.outputs.get("masterUserSecrets")
    assert secrets_manager.list_secrets()["SecretList"] == []


def master_secret(secrets_manager: Any, arn: str) -> dict[str, str]:
    return json.loads(secrets_manager.get_secret_value(SecretId=arn)["SecretString"])


def test_an_endpoint_of_a_cluster_opens_and_closes_in_place(account: AwsAccount) -> None:
    account.create("cluster")
    subnets = account.live["cluster"].outputs["vpcConfig"]["subnetIds"]
    closed = {"subnetIds": subnets, "endpointPrivateAccess": True, "endpointPublicAccess": False}
    cidrs = {"publicAccessCidrs": ["8.8.8.0/24"]}
    for config in ({**closed, "endpointPublicAccess": True, **cidrs}, closed):
        live = account.update("cluster", vpcConfig=config).outputs["vpcConfig"]
        assert live["endpointPublicAccess"] is config["endpointPublicAccess"]


def test_a_cluster_moves_to_other_subnets_and_groups_in_place(account: AwsAccount) -> None:
    account.create("cluster", "balancer")
    vpc = dict(account.resource("cluster").inputs["vpcConfig"])
    more = replace(account.resource("a", cidrBlock="10.0.9.0/24", availabilityZone="ap-northeast-1a"), id="")
    subnets = [account.target.create(more).id, vpc["subnetIds"][1]]
    groups = [account.live["balancer"].id]
    live = account.update("cluster", vpcConfig={**vpc, "subnetIds": subnets, "securityGroupIds": groups})
    assert live.outputs["vpcConfig"]["subnetIds"] == subnets
    assert live.outputs["vpcConfig"]["securityGroupIds"] == groups
    with pytest.raises(
        ProviderError, match="at least two different AZs, and subnets and security groups must belong"
    ):
        account.update("cluster", vpcConfig={**vpc, "subnetIds": subnets[:1]})


def test_a_cluster_gets_an_encryption_only_once(account: AwsAccount) -> None:
    account.create("role", "a", "c", "key")
    plain = replace(account.resource("cluster", encryptionConfig=None), id="")
    account.live["cluster"] = account.target.create(plain)
    live = account.target.update(account.resource("cluster"), account.live["cluster"])
    assert live.inputs["encryptionConfig"]["provider"]["keyArn"] == account.live["key"].outputs["arn"]
    eks, config = account.client("eks"), {"provider": {"keyArn": "other"}, "resources": ["secrets"]}
    with pytest.raises(ClientError, match="has an encryption config already; it cannot be changed or"):
        eks.associate_encryption_config(clusterName="pipe-dev", encryptionConfig=[config])


def test_an_update_of_a_cluster_is_described_by_its_id(account: AwsAccount) -> None:
    account.create("cluster")
    eks = account.client("eks")
    update_id = eks.update_cluster_config(name="pipe-dev", deletionProtection=True)["update"]["id"]
    update = eks.describe_update(name="pipe-dev", updateId=update_id)["update"]
    assert (update["id"], update["status"]) == (update_id, "Successful")


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
    resource_id = account.live["database"].id
    live = account.update("database", identifier="pipe-other", port=5433, multiAz=True)
    assert (live.id, live.outputs["identifier"], live.outputs["port"]) == (resource_id, "pipe-other", 5433)
    assert live.outputs["multiAz"] is True
    databases = account.client("rds").describe_db_instances()["DBInstances"]
    assert [database["DBInstanceIdentifier"] for database in databases] == ["pipe-other"]


def test_a_removed_parameter_has_the_default_of_the_database_engine(account: AwsAccount) -> None:
    account.create("parameters")
    both: list[Any] = AWS_RESOURCES["parameters"][1]["parameters"]
    for parameters in (both[:1], both, list[Any]()):
        live = account.update("parameters", parameters=parameters)
        assert live.outputs.get("parameters", []) == parameters
    account.update("parameters")
    assert account.update("parameters", parameters=None).outputs["parameters"] == []


def test_a_change_of_a_role_keeps_the_other_input_of_the_same_call(account: AwsAccount) -> None:
    account.create("role")
    live = account.update("role", description="Other")
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("Other", 7200)
    live = account.update("role", maxSessionDuration=10800)
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("All of them", 10800)
    account.update("role")
    live = account.update("role", maxSessionDuration=3600)
    assert (live.outputs["description"], live.outputs["maxSessionDuration"]) == ("All of them", 3600)


def test_removing_the_log_types_of_a_cluster_ends_its_logs(account: AwsAccount) -> None:
    account.create("cluster")
    assert not account.update("cluster", enabledClusterLogTypes=None).outputs.get("enabledClusterLogTypes")


def test_a_removed_part_of_an_input_is_removed(account: AwsAccount) -> None:
    account.create("bucket", "lifecycle", "cluster", "balancer")
    [dumps, cleanup] = AWS_RESOURCES["lifecycle"][1]["rules"]
    without_transitions = {name: item for name, item in dumps.items() if name != "transitions"}
    live = account.update("lifecycle", rules=[without_transitions, cleanup])
    assert not live.outputs["rules"][0].get("transitions")
    vpc = dict(account.resource("cluster").inputs["vpcConfig"])
    before = account.update("cluster", vpcConfig={**vpc, "securityGroupIds": [account.live["balancer"].id]})
    live = account.target.update(account.resource("cluster"), before)
    assert live.outputs["vpcConfig"]["securityGroupIds"] == []


def test_a_removed_input_is_removed(account: AwsAccount) -> None:
    account.create("logs", "role")
    logs = account.update("logs", retentionInDays=None, kmsKeyId=None)
    role = account.update("role", permissionsBoundary=None, tags=None)
    assert not {"retentionInDays", "kmsKeyId"} & logs.outputs.keys()
    assert "permissionsBoundary" not in role.outputs and role.outputs["tagsAll"] == {"team": "platform"}


def test_a_database_may_be_changed_in_the_next_maintenance_window(account: AwsAccount) -> None:
    account.create("database")
    live = account.update("database", instanceClass="db.t4g.large", multiAz=True, applyImmediately=False)
    assert (live.outputs["instanceClass"], live.outputs["multiAz"]) == ("db.t4g.medium", False)
    changed = account.resource("database", instanceClass="db.t4g.large", multiAz=True)
    assert len(account.differences("database", changed)) == 2
    live = account.update("database", instanceClass="db.t4g.large", multiAz=True, applyImmediately=True)
    assert (live.outputs["instanceClass"], live.outputs["multiAz"]) == ("db.t4g.large", True)
