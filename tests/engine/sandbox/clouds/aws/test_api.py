"""Tests of requests that the local AWS API refuses, as AWS does, although moto would accept them."""

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from eks_versions import STANDARD_SUPPORT
from sandbox.errors import ProviderError
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import AWS_RESOURCES


@pytest.fixture(scope="module")
def everything() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create(*AWS_RESOURCES)
        yield account


def refused(call: Callable[..., Any], **params: Any) -> str:
    """Return the error code of a refused call."""
    with pytest.raises(ClientError) as error:
        call(**params)
    return str(cast(Any, error.value.response)["Error"]["Code"])


def test_a_symmetric_key_costs_no_rsa_key(everything: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(**_named: Any) -> None:
        raise AssertionError("an RSA key was generated")

    kms = everything.client("kms")
    monkeypatch.setattr("moto.kms.utils.rsa.generate_private_key", generate)
    assert kms.create_key()["KeyMetadata"]["KeySpec"] == "SYMMETRIC_DEFAULT"
    monkeypatch.undo()
    asymmetric = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert kms.get_public_key(KeyId=asymmetric)["PublicKey"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vpc", "DependencyViolation"),
        ("a", "DependencyViolation"),
        ("internet", "DependencyViolation"),
        ("table", "DependencyViolation"),
        ("eip", "InvalidIPAddress.InUse"),
        ("pods", "DependencyViolation"),
        ("role", "DeleteConflict"),
        ("subnets", "InvalidDBSubnetGroupStateFault"),
        ("parameters", "InvalidDBParameterGroupState"),
    ],
)
def test_a_resource_in_use_is_not_deleted(everything: AwsAccount, name: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        everything.delete(name)
    assert everything.read(name)


def test_a_duplicate_is_refused(everything: AwsAccount) -> None:
    ec2, live = everything.client("ec2"), everything.live
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "x"}],
    }
    params = {"GroupId": live["balancer"].id, "IpPermissions": [rule]}
    assert refused(ec2.authorize_security_group_ingress, **params) == "InvalidPermission.Duplicate"
    again = {"RouteTableId": live["vpc"].outputs["mainRouteTableId"], "SubnetId": live["a"].id}
    assert refused(ec2.associate_route_table, **again) == "Resource.AlreadyAssociated"
    pod = {"clusterName": "pipe-dev", "namespace": "pipe", "serviceAccount": "pipe-api"}
    role = live["role"].outputs["arn"]
    assert (
        refused(everything.client("eks").create_pod_identity_association, **pod, roleArn=role)
        == "ResourceInUseException"
    )


def test_a_reference_to_a_missing_resource_is_refused(everything: AwsAccount) -> None:
    ec2, live = everything.client("ec2"), everything.live
    table, vpc = live["table"].id, live["vpc"].id
    no_key = "arn:aws:kms:ap-northeast-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    no_role = "arn:aws:iam::123456789012:role/none"
    zone = {"VpcId": vpc, "CidrBlock": "10.0.9.0/24", "AvailabilityZone": "us-east-1a"}
    flows = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
    }
    where = {"LogDestination": live["logs"].outputs["arn"], "DeliverLogsPermissionArn": no_role}
    images = {"encryptionType": "KMS", "kmsKey": no_key}
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": no_key}}]
    assert refused(ec2.create_subnet, **zone) == "InvalidParameterValue"
    assert (
        refused(ec2.create_security_group, GroupName="x", Description="x", VpcId="vpc-0")
        == "InvalidVpcID.NotFound"
    )
    nat = {"RouteTableId": table, "DestinationCidrBlock": "10.9.0.0/16", "NatGatewayId": "nat-0"}
    assert refused(ec2.create_route, **nat) == "InvalidNatGatewayID.NotFound"
    assert refused(ec2.create_flow_logs, **flows, **where) == "InvalidParameter"
    logs, s3, iam = (everything.client(name) for name in ("logs", "s3", "iam"))
    assert refused(logs.create_log_group, logGroupName="/x", kmsKeyId=no_key) == "InvalidParameterException"
    create_repository = everything.client("ecr").create_repository
    assert refused(create_repository, repositoryName="x/y", encryptionConfiguration=images) == "KmsException"
    put = {"Bucket": "pipe-b", "ServerSideEncryptionConfiguration": {"Rules": rules}}
    assert refused(s3.put_bucket_encryption, **put) == "KMS.NotFoundException"
    policy = "arn:aws:iam::aws:policy/AmazonEKSNoSuchPolicy"
    assert refused(iam.attach_role_policy, RoleName="pipe-role", PolicyArn=policy) == "NoSuchEntity"
    pod = {"clusterName": "pipe-dev", "namespace": "x", "serviceAccount": "y", "roleArn": no_role}
    assert (
        refused(everything.client("eks").create_pod_identity_association, **pod)
        == "InvalidParameterException"
    )


def test_a_bucket_that_s3_refuses_is_refused(everything: AwsAccount) -> None:
    s3 = everything.client("s3")
    place = {"CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-1"}}
    for name in ("Pipe_backup", "-pipe", "192.168.0.1"):
        assert refused(s3.create_bucket, Bucket=name, **place) in ("InvalidBucketName", "NoSuchBucket")
    other = AWS_RESOURCES["tls"][1]["policy"].replace("pipe-b/", "pipe-other/")
    assert refused(s3.put_bucket_policy, Bucket="pipe-b", Policy=other) == "MalformedPolicy"
    off = {"Status": "Suspended"}
    assert (
        refused(s3.put_bucket_versioning, Bucket="pipe-b", VersioningConfiguration=off)
        == "InvalidBucketState"
    )
    lock = {"ObjectLockEnabled": "Enabled"}
    params = {"Bucket": "pipe-replica", "ObjectLockConfiguration": lock}
    assert refused(s3.put_object_lock_configuration, **params) == "InvalidBucketState"
    kept = {"Bucket": "pipe-kept"}
    s3.create_bucket(**kept, **place)
    s3.put_object(**kept, Key="latest.dump", Body=b"x")
    assert refused(s3.delete_bucket, **kept) == "BucketNotEmpty"
    s3.delete_object(**kept, Key="latest.dump")
    s3.delete_bucket(**kept)


def test_a_bucket_that_refuses_plain_http_accepts_objects_in_the_sandbox(everything: AwsAccount) -> None:
    # The sandbox has no TLS, so every request counts as a request over TLS.
    s3, bucket = everything.client("s3"), {"Bucket": "pipe-conditions"}
    s3.create_bucket(**bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    arn, key = "arn:aws:s3:::pipe-conditions", {"Key": "latest.dump"}
    plain = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    narrow = plain | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}

    def policy(*statements: dict[str, Any]) -> None:
        s3.put_bucket_policy(**bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    policy(narrow)
    s3.put_object(**bucket, **key, Body=b"x")
    assert s3.get_object(**bucket, **key)["Body"].read() == b"x"
    policy(narrow, plain | {"Resource": f"{arn}/*", "Action": "s3:GetObject"})
    assert refused(s3.get_object, **bucket, **key) == "403"


def test_a_key_that_awaits_its_deletion_cannot_be_used(everything: AwsAccount) -> None:
    kms = everything.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refused(kms.enable_key_rotation, KeyId=key) == "KMSInvalidStateException"
    assert refused(kms.schedule_key_deletion, KeyId=key) == "KMSInvalidStateException"
    assert refused(kms.create_alias, AliasName="alias/x", TargetKeyId=key) == "KMSInvalidStateException"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"identifier": "1db"}, "InvalidParameterValue"),
        ({"monitoringInterval": 7}, "InvalidParameterValue"),
        ({"performanceInsightsRetentionPeriod": 8}, "InvalidParameterValue"),
        ({"backupRetentionPeriod": 36}, "InvalidParameterValue"),
        ({"maxAllocatedStorage": 10}, "InvalidParameterCombination"),
        ({"allocatedStorage": 10}, "InvalidParameterValue"),
        ({"engineVersion": "16.4"}, "InvalidParameterCombination"),
        ({"vpcSecurityGroupIds": ["sg-"]}, "InvalidParameterValue"),
        ({"kmsKeyId": "arn:aws:kms:ap-northeast-1:123456789012:key/none"}, "KMSKeyNotAccessibleFault"),
        ({"maintenanceWindow": "sat:19:30-sat:20:30"}, "InvalidParameterValue"),
        ({"dbSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault"),
        ({"parameterGroupName": "none"}, "DBParameterGroupNotFound"),
    ],
)
def test_a_database_that_rds_refuses_is_refused(
    everything: AwsAccount, changed: dict[str, Any], message: str
) -> None:
    resource = everything.resource("database", **{"identifier": "other", **changed})
    with pytest.raises(ProviderError, match=message):
        everything.target.create(resource)


def test_a_later_minor_version_of_rds_is_no_difference(everything: AwsAccount) -> None:
    extended = "open-source-rds-extended-support"
    resource = everything.resource(
        "database",
        identifier="major",
        engineVersion="17",
        engineLifecycleSupport=f"{extended}-disabled",
        finalSnapshotIdentifier="major-final",
    )
    live = everything.target.create(resource)
    resource = replace(resource, id=live.id)
    assert live.outputs["engineVersion"] == "17"
    assert live.outputs["engineVersionActual"].startswith("17.")
    assert live.outputs["engineLifecycleSupport"] == f"{extended}-disabled"

    # In a maintenance window, RDS upgrades the database to a later minor version.
    everything.client("rds").modify_db_instance(
        DBInstanceIdentifier="major", EngineVersion="17.99", ApplyImmediately=True
    )
    later = everything.target.read(resource, live.outputs)
    assert later is not None
    assert (later.outputs["engineVersion"], later.outputs["engineVersionActual"]) == ("17", "17.99")
    assert everything.target.update(resource, later).outputs["engineVersionActual"] == "17.99"
    everything.target.delete(resource)


def test_a_database_is_not_deleted_without_a_snapshot_or_while_protected(everything: AwsAccount) -> None:
    rds = everything.client("rds")
    assert refused(rds.delete_db_instance, DBInstanceIdentifier="pipe-db") == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", DeletionProtection=True)
    with pytest.raises(ProviderError, match="Cannot delete protected DB Instance"):
        everything.delete("database")
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", DeletionProtection=False)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": "1.29"}, "unsupported Kubernetes version: 1.29"),
        ({"version": "1.99"}, "unsupported Kubernetes version: 1.99"),
        ({"roleArn": "arn:aws:iam::123456789012:role/none"}, "The role with arn .*none.* does not exist"),
        ({"storageConfig": None}, "all either fully enabled or fully disabled"),
        ({"bootstrapSelfManagedAddons": None}, "bootstrapSelfManagedAddons must be false"),
        ({"vpcConfig": {"subnetIds": ["<a.id>"]}}, "at least two different AZs"),
        ({"vpcConfig": {"subnetIds": ["subnet-0", "<a.id>"]}}, "InvalidSubnetID.NotFound"),
        (
            {"vpcConfig": {"subnetIds": ["<a.id>", "<c.id>"], "endpointPublicAccess": False}},
            "cannot both be false",
        ),
        (
            {"encryptionConfig": {"provider": {"keyArn": "none"}, "resources": ["secrets"]}},
            "keyArn in encryptionConfig is invalid",
        ),
    ],
)
def test_a_cluster_that_eks_refuses_is_refused(
    everything: AwsAccount, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProviderError, match=message):
        everything.target.create(everything.resource("cluster", **{"name": "other", **changed}))


@pytest.mark.parametrize("version", STANDARD_SUPPORT)
def test_a_cluster_may_have_any_version_that_a_stack_file_allows(
    everything: AwsAccount, version: str
) -> None:
    named = everything.resource("cluster", name=f"of-{version.replace('.', '-')}", version=version)
    live = everything.target.create(named)
    assert live.outputs["version"] == version
    everything.target.delete(replace(named, id=live.id))


def test_a_subnet_of_a_new_zone_is_refused_for_a_cluster(everything: AwsAccount) -> None:
    ec2, eks = everything.client("ec2"), everything.client("eks")
    subnets = everything.live["cluster"].outputs["vpcConfig"]["subnetIds"]
    there = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    region = ec2.describe_availability_zones()["AvailabilityZones"]
    zone = min({item["ZoneName"] for item in region} - {item["AvailabilityZone"] for item in there})
    third = ec2.create_subnet(VpcId=there[0]["VpcId"], CidrBlock="10.0.200.0/24", AvailabilityZone=zone)[
        "Subnet"
    ]["SubnetId"]
    more = {"subnetIds": [*subnets, third]}
    with pytest.raises(ClientError, match="the exact set of AZs"):
        eks.update_cluster_config(name="pipe-dev", resourcesVpcConfig=more)
    ec2.delete_subnet(SubnetId=third)


def test_a_change_of_a_cluster_that_eks_refuses_is_refused(everything: AwsAccount) -> None:
    eks = everything.client("eks")
    more = {"upgradePolicy": {"supportType": "EXTENDED"}, "deletionProtection": True}
    assert refused(eks.update_cluster_config, name="pipe-dev", **more) == "InvalidParameterException"
    same = {"upgradePolicy": {"supportType": "STANDARD"}}
    assert refused(eks.update_cluster_config, name="pipe-dev", **same) == "InvalidParameterException"
    assert refused(eks.update_cluster_version, name="pipe-dev", version="1.33") == "InvalidParameterException"
    back = {"accessConfig": {"authenticationMode": "CONFIG_MAP"}}
    assert refused(eks.update_cluster_config, name="pipe-dev", **back) == "InvalidParameterException"
    eks.update_cluster_config(name="pipe-dev", deletionProtection=True)
    assert refused(eks.delete_cluster, name="pipe-dev") == "InvalidRequestException"
    eks.update_cluster_config(name="pipe-dev", deletionProtection=False)


def test_an_access_entry_that_eks_refuses_is_refused(everything: AwsAccount) -> None:
    eks, who = everything.client("eks"), everything.live["operators"].outputs["arn"]
    entry = {"clusterName": "pipe-dev", "principalArn": everything.live["reader"].outputs["arn"]}
    assert refused(eks.create_access_entry, **{**entry, "clusterName": "none"}) == "ResourceNotFoundException"
    assert refused(eks.create_access_entry, **{**entry, "principalArn": who}) == "ResourceInUseException"
    session = "arn:aws:sts::123456789012:assumed-role/x/y"
    assert (
        refused(eks.create_access_entry, **{**entry, "principalArn": session}) == "InvalidParameterException"
    )
    groups = {"kubernetesGroups": ["system:masters"]}
    assert refused(eks.create_access_entry, **entry, **groups) == "InvalidParameterException"
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSNoSuchPolicy"
    params = {"clusterName": "pipe-dev", "principalArn": who, "accessScope": {"type": "cluster"}}
    assert refused(eks.associate_access_policy, **params, policyArn=policy) == "ResourceNotFoundException"
    params = {"clusterName": "pipe-dev", "principalArn": who, "accessScope": {"type": "namespace"}}
    policy = policy.replace("NoSuch", "View")
    assert refused(eks.associate_access_policy, **params, policyArn=policy) == "InvalidParameterException"
    assert (
        refused(eks.create_addon, clusterName="pipe-dev", addonName="no-such") == "InvalidParameterException"
    )


def test_a_project_that_codebuild_refuses_is_refused(everything: AwsAccount) -> None:
    build = everything.client("codebuild")
    hook = {"projectName": "pipe-runner"}
    assert refused(build.create_webhook, **hook) == "ResourceAlreadyExistsException"
    resource = everything.resource("runner", name="other", serviceRole="arn:aws:iam::123456789012:role/none")
    with pytest.raises(ProviderError, match="not authorized to perform: sts:AssumeRole"):
        everything.target.create(resource)


@pytest.mark.parametrize(
    ("service", "call", "params", "code"),
    [
        (
            "eks",
            "create_addon",
            {"clusterName": "pipe-dev", "addonName": "coredns", "resolveConflicts": "MAYBE"},
            "InvalidParameterException",
        ),
        ("codebuild", "delete_project", {"name": ""}, "InvalidInputException"),
        ("ec2", "create_vpc", {"CidrBlock": "10.9.0.0/16", "InstanceTenancy": "some"}, "ValidationException"),
        ("ecr", "create_repository", {"repositoryName": "Pipe"}, "ValidationException"),
        ("iam", "get_role", {"RoleName": "x" * 65}, "ValidationException"),
        ("kms", "create_key", {"KeySpec": "NONE"}, "ValidationException"),
        ("logs", "create_log_group", {"logGroupName": "a b"}, "ValidationException"),
        (
            "s3",
            "put_bucket_versioning",
            {"Bucket": "pipe-b", "VersioningConfiguration": {"Status": "Perhaps"}},
            "ValidationException",
        ),
    ],
)
def test_the_server_checks_every_request(
    everything: AwsAccount, service: str, call: str, params: dict[str, Any], code: str
) -> None:
    # A plugin, for example, does not check its requests.
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    plain = cast(Any, boto3).client(
        service,
        "ap-northeast-1",
        endpoint_url=everything.url,
        config=Config(parameter_validation=False),
        **keys,
    )
    assert refused(getattr(plain, call), **params) == code


def test_a_request_with_an_unknown_member_is_refused(everything: AwsAccount) -> None:
    kms = everything.client("kms")
    kms.meta.events.register_first("before-call.kms.CreateKey", _add_unknown)
    assert refused(kms.create_key) == "ValidationException"
    kms.meta.events.unregister("before-call.kms.CreateKey", _add_unknown)


def _add_unknown(params: dict[str, Any], **_: Any) -> None:
    params["body"] = b'{"Sort": "quick"}'


def test_moto_handles_services_that_the_program_does_not_use(everything: AwsAccount) -> None:
    assert everything.client("cloudwatch").describe_alarms()["MetricAlarms"] == []  # signed as `monitoring`


def test_an_unknown_operation_is_refused_without_retries(everything: AwsAccount) -> None:
    assert (
        refused(everything.client("eks").list_insights, clusterName="pipe-dev") == "UnknownOperationException"
    )
