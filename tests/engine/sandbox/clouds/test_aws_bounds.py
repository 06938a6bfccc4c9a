"""Tests of AWS's limits that neither its service models nor moto enforce, with AWS's messages."""

import json
from collections.abc import Generator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import (
    ADMINISTRATION,
    LOGS_ACCESS,
    READ_POLICY,
    document,
    documents,
    trust,
)

UP = (
    "vpc",
    "a",
    "balancer",
    "in",
    "role",
    "reader",
    "inline",
    "policy",
    "key",
    "bucket",
    "replica",
    "versioned",
    "versioned-replica",
    "block",
    "cluster",
    "database",
    "endpoint",
)


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create(*UP)
        yield account


def send(account: AwsAccount, service: str, call: str, **params: Any) -> None:
    """Send a call, in whose parameters `~key.id~` stands for an output of a resource."""
    outputs = {name: {**live.outputs, "id": live.id} for name, live in account.live.items()}
    params = json.loads(
        "".join(
            part if index % 2 == 0 else str(outputs[part.split(".")[0]][part.split(".")[1]])
            for index, part in enumerate(json.dumps(params).split("~"))
        )
    )
    getattr(account.client(service), call)(**params)


def refusal_of(account: AwsAccount, service: str, call: str, **params: Any) -> str:
    """Return the code and the message of a refused call."""
    with pytest.raises(ClientError) as refusal:
        send(account, service, call, **params)
    error = cast(Any, refusal.value.response)["Error"]
    return f"{error['Code']}: {error['Message']}"


NO_DOCUMENT = "is not JSON: Expecting value: line 1 column 1 (char 0)"
TYPO = document(Principal="*", Acton="s3:GetObject", Resource="*")
KNOWN = "Action, Condition, Effect, NotAction, NotPrincipal, NotResource, Principal, Resource, Sid"


@pytest.mark.parametrize(
    ("service", "call", "name", "params", "code"),
    [
        ("s3", "put_bucket_policy", "Policy", {"Bucket": "pipe-b"}, "MalformedPolicy"),
        ("kms", "create_key", "Policy", {}, "MalformedPolicyDocumentException"),
        ("kms", "put_key_policy", "Policy", {"KeyId": "~key.id~"}, "MalformedPolicyDocumentException"),
        ("iam", "create_role", "AssumeRolePolicyDocument", {"RoleName": "x"}, "MalformedPolicyDocument"),
        ("iam", "update_assume_role_policy", "PolicyDocument", {"RoleName": "x"}, "MalformedPolicyDocument"),
        ("iam", "create_policy", "PolicyDocument", {"PolicyName": "x"}, "MalformedPolicyDocument"),
        (
            "iam",
            "put_role_policy",
            "PolicyDocument",
            {"RoleName": "pipe-role", "PolicyName": "x"},
            "MalformedPolicyDocument",
        ),
        (
            "ec2",
            "modify_vpc_endpoint",
            "PolicyDocument",
            {"VpcEndpointId": "~endpoint.id~"},
            "InvalidPolicyDocument",
        ),
    ],
)
def test_every_service_checks_its_policy_documents(
    account: AwsAccount, service: str, call: str, name: str, params: dict[str, Any], code: str
) -> None:
    assert refusal_of(account, service, call, **params, **{name: "nope"}) == f"{code}: {name}: {NO_DOCUMENT}"
    refusal = refusal_of(account, service, call, **params, **{name: TYPO})
    statement = f"{name}.Statement[0]"
    assert refusal.startswith(
        f"{code}: {statement}.Acton: there is no such field; closest: Action, NotAction; "
    )
    assert f"{statement}: an object, has to have exactly one of Action and NotAction" in refusal


def ports(low: int, high: int, **more: Any) -> dict[str, Any]:
    ranges = {"IpRanges": [{"CidrIp": "10.0.0.0/8", **more}]}
    return {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": low, "ToPort": high, **ranges}]}


def tagged(**tag: str) -> dict[str, Any]:
    return {"Resources": ["~vpc.id~"], "Tags": [tag]}


PORTS = "portRange: ports are 0 to 65535, and the first must not exceed the last"
DESCRIPTION = (
    "InvalidParameterValue: Invalid rule description. Descriptions must be less than 256 characters long and"
    " a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
)
BLOCK = "a block without host bits is required."
TAG = (
    "InvalidParameterValue: A tag's key must have at most 128 characters and not begin with aws:,"
    " and its value must have at most 256 characters"
)


@pytest.mark.parametrize(
    ("call", "params", "message"),
    [
        (
            "create_vpc",
            {"CidrBlock": "10.9.0.5/16"},
            f"InvalidParameterValue: Value (10.9.0.5/16) for parameter cidrBlock is invalid: {BLOCK}",
        ),
        ("create_vpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range: The CIDR '10.0.0.0/8' is invalid."),
        (
            "create_subnet",
            {"VpcId": "~vpc.id~", "CidrBlock": "10.0.9.0/29"},
            "InvalidSubnet.Range: The CIDR '10.0.9.0/29' is invalid.",
        ),
        (
            "create_subnet",
            {"VpcId": "~vpc.id~", "CidrBlock": "10.0.0.128/25"},
            "InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet",
        ),
        (
            "create_subnet",
            {"VpcId": "~vpc.id~", "CidrBlock": "10.1.0.0/24"},
            "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid.",
        ),
        (
            "authorize_security_group_ingress",
            ports(9000, 80),
            f"InvalidParameterValue: Invalid value '9000, 80' for {PORTS}",
        ),
        (
            "authorize_security_group_egress",
            ports(70000, 70000),
            f"InvalidParameterValue: Invalid value '70000, 70000' for {PORTS}",
        ),
        ("authorize_security_group_ingress", ports(80, 80, Description="It's"), DESCRIPTION),
        ("authorize_security_group_egress", ports(80, 80, Description="x" * 256), DESCRIPTION),
        (
            "authorize_security_group_ingress",
            ports(80, 80, CidrIp="10.1.2.3/16"),
            "InvalidParameterValue: CIDR block 10.1.2.3/16 is malformed",
        ),
        (
            "modify_security_group_rules",
            {
                "SecurityGroupRules": [
                    {
                        "SecurityGroupRuleId": "~in.id~",
                        "SecurityGroupRule": {
                            "IpProtocol": "tcp",
                            "FromPort": 2,
                            "ToPort": 1,
                            "CidrIpv4": "10.0.0.0/8",
                        },
                    }
                ]
            },
            "InvalidParameterValue: Invalid ports or CIDR block of a rule: ports are 0 to 65535, the first"
            " must not exceed the last, and a block must have no host bits",
        ),
        ("create_tags", tagged(Key="k" * 129, Value="v"), TAG),
        ("create_tags", tagged(Key="k", Value="v" * 257), TAG),
        ("create_tags", tagged(Key="aws:k", Value="v"), TAG),
    ],
)
def test_a_network_that_ec2_refuses_is_refused(
    account: AwsAccount, call: str, params: dict[str, Any], message: str
) -> None:
    group = {"GroupId": "~balancer.id~"} if "security_group" in call else {}
    assert refusal_of(account, "ec2", call, **params, **group) == message


@pytest.mark.parametrize(
    ("service", "call", "params"),
    [
        ("kms", "tag_resource", {"KeyId": "~key.id~", "Tags": [{"TagKey": "aws:k", "TagValue": "v"}]}),
        ("logs", "create_log_group", {"logGroupName": "/x", "tags": {"k": "v", "aws:k": "v"}}),
        ("eks", "tag_resource", {"resourceArn": "~cluster.arn~", "tags": {"aws:k": "v"}}),
        ("codebuild", "update_project", {"name": "x", "tags": [{"key": "aws:k", "value": "v"}]}),
        ("ecr", "create_repository", {"repositoryName": "xy", "tags": [{"Key": "aws:k", "Value": "v"}]}),
    ],
)
def test_an_invalid_tag_is_refused_in_each_services_format(
    account: AwsAccount, service: str, call: str, params: dict[str, Any]
) -> None:
    if service == "codebuild":
        account.create("runner")
        params |= {"name": account.live["runner"].outputs["name"]}
    assert refusal_of(account, service, call, **params) == TAG


NO_LOGS = documents(ADMINISTRATION)
GROUP = "arn:aws:logs:ap-northeast-1:123456789012:log-group:/other"
FOR_IT = {"Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": GROUP}}}
OTHERS = documents(ADMINISTRATION, {**LOGS_ACCESS, **FOR_IT})


@pytest.mark.parametrize("policy", [NO_LOGS, OTHERS])
def test_a_log_group_needs_a_key_that_its_service_may_use(account: AwsAccount, policy: str) -> None:
    kms = account.client("kms")
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    message = (
        "InvalidParameterException: The specified KMS key does not exist or is not allowed to be used with"
        " LogGroup 'arn:aws:logs:ap-northeast-1:123456789012:log-group:/pipe/x': {} is Enabled, and its "
        "policy"
        " has to let logs.ap-northeast-1.amazonaws.com use it for this group"
    )
    params = {"logGroupName": "/pipe/x", "kmsKeyId": key}
    assert refusal_of(account, "logs", "create_log_group", **params) == message.format(key)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=documents(ADMINISTRATION, LOGS_ACCESS))
    account.client("logs").create_log_group(**params)
    account.client("logs").delete_log_group(logGroupName="/pipe/x")


def test_a_key_policy_without_an_administrator_is_refused(account: AwsAccount) -> None:
    lost = document(Principal={"Service": "logs.ap-northeast-1.amazonaws.com"}, Action="kms:*", Resource="*")
    for call, params in (("create_key", {}), ("put_key_policy", {"KeyId": "~key.id~"})):
        assert refusal_of(account, "kms", call, **params, Policy=lost) == (
            "MalformedPolicyDocumentException: The new key policy will not allow you to update the key "
            "policy in"
            " the future."
        )
    account.client("kms").create_key(Policy=lost, BypassPolicyLockoutSafetyCheck=True)
    assert refusal_of(account, "kms", "schedule_key_deletion", KeyId="~key.id~", PendingWindowInDays=3) == (
        "ValidationException: PendingWindowInDays: 3; 7 to 30 are allowed"
    )
    assert refusal_of(account, "kms", "create_alias", AliasName="alias/aws/x", TargetKeyId="~key.id~") == (
        "NotAuthorizedException: The prefix alias/aws/ is reserved: alias/aws/x"
    )


def sized(size: int, **statement: Any) -> str:
    """Return a policy document with about `size` characters, not counting white space."""
    return document(**statement, Condition={"StringEquals": {"aws:RequestTag/x": "x" * size}}) + " " * 9000


@pytest.mark.parametrize(
    ("call", "params", "message"),
    [
        (
            "create_policy",
            {"PolicyName": "x", "PolicyDocument": sized(6144, Action="s3:*", Resource="*")},
            "Cannot exceed quota for PolicySize: 6144",
        ),
        (
            "create_role",
            {
                "RoleName": "x",
                "AssumeRolePolicyDocument": sized(
                    2048, Action="sts:AssumeRole", Principal={"Service": "ec2.amazonaws.com"}
                ),
            },
            "Cannot exceed quota for ACLSizePerRole: 2048",
        ),
        # The limit includes the role's other policy.
        (
            "put_role_policy",
            {
                "RoleName": "pipe-role",
                "PolicyName": "x",
                "PolicyDocument": sized(10_050, Action="s3:*", Resource="*"),
            },
            "Maximum policy size of 10240 bytes exceeded for role pipe-role",
        ),
    ],
)
def test_a_document_that_is_too_long_for_iam_is_refused(
    account: AwsAccount, call: str, params: dict[str, Any], message: str
) -> None:
    assert refusal_of(account, "iam", call, **params) == f"LimitExceeded: {message}"


def test_a_role_without_other_policies_may_have_an_inline_policy_of_the_same_size(
    account: AwsAccount,
) -> None:
    whole = sized(10_050, Action="s3:*", Resource="*").strip()
    account.client("iam").put_role_policy(RoleName="pipe-role", PolicyName="reads", PolicyDocument=whole)
    account.client("iam").put_role_policy(
        RoleName="pipe-role", PolicyName="reads", PolicyDocument=READ_POLICY
    )


def test_a_trust_policy_with_another_action_is_refused(account: AwsAccount) -> None:
    other = document(Principal={"Service": "ec2.amazonaws.com"}, Action=["sts:AssumeRole", "s3:GetObject"])
    assert refusal_of(account, "iam", "create_role", RoleName="x", AssumeRolePolicyDocument=other) == (
        'MalformedPolicyDocument: AssumeRolePolicyDocument.Statement[0].Action[1]: "s3:GetObject", a '
        "string,"
        " is not an action of a trust policy; allowed: sts:*"
    )


PUBLIC = (
    'AccessDenied: User is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::pipe-b"'
    " because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
)
ALL_OF_IT = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::pipe-b/*"}


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_bucket_that_blocks_public_policies_refuses_one(account: AwsAccount, principal: Any) -> None:
    s3, params = account.client("s3"), {"Principal": principal, **ALL_OF_IT}
    assert (
        refusal_of(account, "s3", "put_bucket_policy", Bucket="pipe-b", Policy=document(**params)) == PUBLIC
    )
    fixed = document(**params, Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    s3.put_bucket_policy(Bucket="pipe-b", Policy=fixed)
    loose = document(**params, Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert refusal_of(account, "s3", "put_bucket_policy", Bucket="pipe-b", Policy=loose) == PUBLIC


def rule(**more: Any) -> dict[str, Any]:
    return {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, **more}


def colder(days: int, storage: str) -> dict[str, Any]:
    return {"Transitions": [{"Days": days, "StorageClass": storage}]}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule()], "InvalidRequest: At least one action needs to be specified in a rule"),
        (
            [rule(Expiration={"Days": 3})] * 2,
            "InvalidArgument: Rule ID must be unique. Found same ID for more than one rule",
        ),
        (
            [rule(**colder(29, "STANDARD_IA"))],
            "InvalidArgument: 'Days' in Transition action must be "
            "greater than "
            "or equal to 30 for storageClass 'STANDARD_IA' and 'ONEZONE_IA'",
        ),
        (
            [rule(**colder(60, "GLACIER"), Expiration={"Days": 60})],
            "InvalidArgument: 'Days' in the Expiration action must be greater than 'Days' in the "
            "Transition action",
        ),
    ],
)
def test_a_lifecycle_that_s3_refuses_is_refused(account: AwsAccount, rules: list[Any], message: str) -> None:
    params = {"Bucket": "pipe-b", "LifecycleConfiguration": {"Rules": rules}}
    assert refusal_of(account, "s3", "put_bucket_lifecycle_configuration", **params) == message


NEW_SCHEMA = (
    "InvalidRequest: Priority and DeleteMarkerReplication must be specified for this version of Cross Region"
    " Replication configuration schema"
)


@pytest.mark.parametrize(
    ("missing", "more", "message"),
    [
        ("Priority", {}, NEW_SCHEMA),
        ("DeleteMarkerReplication", {}, NEW_SCHEMA),
        (
            "",
            {"EncryptionConfiguration": {"ReplicaKmsKeyID": "~key.arn~"}},
            "InvalidRequest: SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present",
        ),
    ],
)
def test_a_replication_that_s3_refuses_is_refused(
    account: AwsAccount, missing: str, more: dict[str, Any], message: str
) -> None:
    target = {"Bucket": "arn:aws:s3:::pipe-replica", **more}
    whole = rule(Priority=1, DeleteMarkerReplication={"Status": "Disabled"}, Destination=target)
    rules = [{name: item for name, item in whole.items() if name != missing}]
    params = {"Bucket": "pipe-b", "ReplicationConfiguration": {"Role": "~role.arn~", "Rules": rules}}
    assert refusal_of(account, "s3", "put_bucket_replication", **params) == message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"BackupRetentionPeriod": 36}, "InvalidParameterValue: identifier, database or user name, port, "),
        ({"MonitoringInterval": 7}, "InvalidParameterValue: identifier, database or user name, port, "),
        ({"DBPortNumber": 80}, "InvalidParameterValue: identifier, database or user name, port, "),
        (
            {"NewDBInstanceIdentifier": "a--b"},
            "InvalidParameterValue: identifier, database or user name, port, ",
        ),
        (
            {"CACertificateIdentifier": "rds-ca-2019"},
            "CertificateNotFound: Certificate not found: rds-ca-2019",
        ),
        (
            {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql", "audit"]}},
            "InvalidParameterCombination: You cannot use the log types 'audit' with engine version "
            "postgres 17.7",
        ),
        (
            {"MasterUserPassword": "1234567"},
            "InvalidParameterValue: The parameter MasterUserPassword is not a ",
        ),
        (
            {"AllocatedStorage": 19},
            "InvalidParameterCombination: The storage of a database cannot be made smaller: it has 20 GiB,"
            " and the request has 19 GiB",
        ),
        (
            {"MaxAllocatedStorage": 19},
            "InvalidParameterCombination: Max storage size must be greater than storage size: 19, 20",
        ),
        (
            {"AllocatedStorage": 40, "MaxAllocatedStorage": 39},
            "InvalidParameterCombination: Max storage size must be greater than storage size: 39, 40",
        ),
        ({"EngineVersion": "17.6"}, "InvalidParameterCombination: Cannot upgrade postgres from 17.7 to 17.6"),
        (
            {"EngineVersion": "16.11"},
            "InvalidParameterCombination: Cannot upgrade postgres from 17.7 to 16.11",
        ),
        (
            {"EngineVersion": "18.1"},
            "InvalidParameterCombination: The AllowMajorVersionUpgrade flag "
            "must be present "
            "when upgrading to a new major version.",
        ),
        (
            {"EngineVersion": "18.1", "AllowMajorVersionUpgrade": True},
            "InvalidParameterCombination: The "
            "parameter "
            "group pipe-db-postgres17 with DBParameterGroupFamily postgres17 cannot be used for "
            "postgres 18.1.",
        ),
    ],
)
def test_a_change_of_a_database_that_rds_refuses_is_refused(
    account: AwsAccount, params: dict[str, Any], message: str
) -> None:
    refusal = refusal_of(account, "rds", "modify_db_instance", DBInstanceIdentifier="pipe-db", **params)
    assert refusal.startswith(message)


NO_KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/none"
NEW_DATABASE = {
    "DBInstanceIdentifier": "other",
    "Engine": "postgres",
    "EngineVersion": "18.3",
    "DBInstanceClass": "db.t4g.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "pipe",
    "MasterUserPassword": "correct-horse",
    "DBSubnetGroupName": "~database.dbSubnetGroupName~",
}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"CACertificateIdentifier": "rds-ca-2019"},
            "CertificateNotFound: Certificate not found: rds-ca-2019",
        ),
        (
            {"EnableCloudwatchLogsExports": ["upgrade", "iam-db-auth-error", "audit", "error"]},
            "InvalidParameterCombination: You cannot use the log types 'audit, error' with engine version "
            "postgres 18.3",
        ),
        (
            {
                "KmsKeyId": "~key.arn~",
                "EnablePerformanceInsights": True,
                "PerformanceInsightsKMSKeyId": NO_KEY,
            },
            f"KMSKeyNotAccessibleFault: The specified KMS key [{NO_KEY}] does not exist, is not enabled or"
            " you do not have permissions to access it.",
        ),
    ],
)
def test_a_database_with_an_unknown_certificate_log_or_key_is_refused(
    account: AwsAccount, params: dict[str, Any], message: str
) -> None:
    assert refusal_of(account, "rds", "create_db_instance", **NEW_DATABASE, **params) == message


def test_a_new_database_leaves_the_backups_of_the_previous_one(account: AwsAccount) -> None:
    rds, name = account.client("rds"), {"DBInstanceIdentifier": "other"}
    group = account.live["database"].outputs["dbSubnetGroupName"]
    for count in (1, 2, 3):  # within a minute
        rds.create_db_instance(**NEW_DATABASE | {"DBSubnetGroupName": group})
        rds.delete_db_instance(**name, SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
        snapshots = rds.describe_db_snapshots(**name, SnapshotType="automated")["DBSnapshots"]
        assert len({snapshot["DBSnapshotIdentifier"] for snapshot in snapshots}) == count


def test_a_database_can_be_upgraded_to_a_later_minor_version(account: AwsAccount) -> None:
    rds = account.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="pipe-db", EngineVersion="17.10", ApplyImmediately=True)
    refusal = refusal_of(
        account, "rds", "modify_db_instance", DBInstanceIdentifier="pipe-db", EngineVersion="17.9"
    )
    assert refusal == "InvalidParameterCombination: Cannot upgrade postgres from 17.10 to 17.9"


@pytest.mark.parametrize(
    ("name", "value", "method", "refusal"),
    [
        (
            "max_conections",
            "100",
            "pending-reboot",
            "InvalidParameterValue: Could not find parameter",
        ),
        ("max_connections", "5", "pending-reboot", "InvalidParameterValue: Invalid parameter value"),
        ("max_connections", "many", "pending-reboot", "InvalidParameterValue: Invalid parameter value"),
        ("rds.force_ssl", "on", "pending-reboot", "InvalidParameterValue: Invalid parameter value"),
        ("rds.accepted_password_auth_method", "md5", "immediate", "InvalidParameterValue: Invalid parameter"),
        ("ssl_min_protocol_version", "TLS1.2", "immediate", "InvalidParameterValue: Invalid parameter value"),
        ("log_lock_waits", "true", "immediate", "InvalidParameterValue: Invalid parameter value"),
        ("log_min_duration_statement", "-2", "immediate", "InvalidParameterValue: Invalid parameter value"),
        (
            "max_connections",
            "100",
            "immediate",
            "InvalidParameterCombination: cannot use immediate",
        ),
    ],
)
def test_an_invalid_postgresql_parameter_is_refused(
    account: AwsAccount, name: str, value: str, method: str, refusal: str
) -> None:
    invalid = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
    valid = {"ParameterName": "log_connections", "ParameterValue": "1", "ApplyMethod": "immediate"}
    params: dict[str, Any] = {"DBParameterGroupName": "pipe-db-postgres17", "Parameters": [valid, invalid]}
    assert refusal_of(account, "rds", "modify_db_parameter_group", **params).startswith(refusal)
    params["Parameters"] = [valid]
    assert account.client("rds").modify_db_parameter_group(**params)


@pytest.mark.parametrize(
    "trusted", [trust("ec2.amazonaws.com", "sts:TagSession"), trust("pods.eks.amazonaws.com")]
)
def test_a_pod_identity_needs_a_role_that_trusts_pods(account: AwsAccount, trusted: str) -> None:
    iam = account.client("iam")
    role = iam.create_role(RoleName="other", AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    params = {"clusterName": "pipe-dev", "namespace": "pipe", "serviceAccount": "x", "roleArn": role}
    assert refusal_of(account, "eks", "create_pod_identity_association", **params) == (
        f"InvalidParameterException: Trust policy of the role provided is invalid: {role} has to allow"
        " pods.eks.amazonaws.com the actions sts:AssumeRole and sts:TagSession"
    )
    iam.delete_role(RoleName="other")


EKS = "InvalidParameterException: "
NO_GROUP = "sg-0123456789abcdef0"
RESERVED = [
    "0.0.0.0/1",
    "10.1.0.96/27",
    "100.64.0.0/16",
    "127.0.0.1/32",
    "169.254.170.23/32",
    "172.31.0.0/16",
    "192.0.0.8/32",
    "192.0.2.0/24",
    "192.88.99.1/32",
    "192.168.1.0/24",
    "198.19.0.0/16",
    "198.51.100.7/32",
    "203.0.113.255/32",
    "224.0.0.0/4",
    "255.255.255.255/32",
]
NEXT_TO_RESERVED = [
    "1.0.0.0/8",
    "9.0.0.0/8",
    "11.0.0.0/8",
    "100.128.0.0/16",
    "126.0.0.0/8",
    "169.255.0.0/16",
    "172.15.0.0/16",
    "172.32.0.0/16",
    "192.0.1.0/24",
    "192.0.3.0/24",
    "192.88.98.0/24",
    "192.169.0.0/16",
    "198.17.0.0/16",
    "198.20.0.0/16",
    "198.51.101.0/24",
    "203.0.112.0/24",
    "203.0.114.0/24",
    "223.255.255.0/24",
    "0.0.0.0/0",
]


def elsewhere(account: AwsAccount) -> str:
    """Return a security group in another VPC."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    return ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]


def test_a_cluster_network_that_eks_refuses_is_refused(account: AwsAccount) -> None:
    subnets = account.live["cluster"].outputs["vpcConfig"]["subnetIds"]
    role = account.live["role"].outputs["arn"]
    other = elsewhere(account)
    changes: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (
            {"publicAccessCidrs": ["10.0.0.1/8", "bogus", "8.8.8.0/24"]},
            {},
            f"{EKS}The following CIDRs are invalid in publicAccessCidrs: 10.0.0.1/8, bogus",
        ),
        (
            {"publicAccessCidrs": ["203.0.113.0/24"]},
            {},
            f"{EKS}The following CIDRs are not allowed in publicAccessCidrs: [203.0.113.0/24]",
        ),
        (
            {"publicAccessCidrs": ["8.8.8.0/24", "0.0.0.0/0", *RESERVED]},
            {},
            f"{EKS}The following CIDRs are not allowed in publicAccessCidrs: [{', '.join(RESERVED)}]",
        ),
        ({"securityGroupIds": [NO_GROUP]}, {}, f"{EKS}The security group ID does not exist: {NO_GROUP}"),
        ({"securityGroupIds": [other]}, {}, f"{EKS}Subnets "),
    ]
    services: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"kubernetesNetworkConfig": {"serviceIpv4Cidr": block}}, f"{EKS}serviceIpv4Cidr {block} is in")
        for block in ("8.8.8.0/24", "10.0.0.0/8", "10.0.0.1/24", "172.32.0.0/16")
    ]
    for network, more, message in [*changes, *services]:
        params = {"name": "x", "roleArn": role, "resourcesVpcConfig": {"subnetIds": subnets, **network}}
        assert refusal_of(account, "eks", "create_cluster", **params, **more).startswith(message)
    for network, _, message in changes:
        params = {"name": "pipe-dev", "resourcesVpcConfig": network}
        assert refusal_of(account, "eks", "update_cluster_config", **params).startswith(message)


def test_the_neighbours_of_reserved_networks_may_reach_a_cluster(account: AwsAccount) -> None:
    network = {"endpointPublicAccess": True, "publicAccessCidrs": NEXT_TO_RESERVED}
    account.client("eks").update_cluster_config(name="pipe-dev", resourcesVpcConfig=network)


def test_a_database_with_groups_of_another_vpc_is_refused(account: AwsAccount) -> None:
    new = {
        "DBInstanceIdentifier": "other",
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.micro",
        "MasterUsername": "pipe",
        "MasterUserPassword": "correct-horse",
        "DBSubnetGroupName": account.live["database"].outputs["dbSubnetGroupName"],
    }
    old = {"DBInstanceIdentifier": "pipe-db"}
    groups, invalid = "InvalidParameterValue: Invalid security group", "InvalidParameterValue: IAM role ARN"
    nobody = {"MonitoringRoleArn": "arn:aws:iam::123456789012:role/nobody", "MonitoringInterval": 60}
    pods = nobody | {"MonitoringRoleArn": account.live["reader"].outputs["arn"]}
    for group in (NO_GROUP, elsewhere(account)):
        params = {"VpcSecurityGroupIds": [group]}
        assert refusal_of(account, "rds", "modify_db_instance", **old, **params).startswith(groups)
        assert refusal_of(
            account, "rds", "create_db_instance", **new, AllocatedStorage=20, **params
        ).startswith(groups)
    for role in (nobody, pods):
        assert refusal_of(account, "rds", "modify_db_instance", **old, **role).startswith(invalid)
        assert refusal_of(
            account, "rds", "create_db_instance", **new, AllocatedStorage=20, **role
        ).startswith(invalid)
    assert refusal_of(account, "rds", "create_db_instance", **new).startswith(
        "InvalidParameterValue: Invalid storage size"
    )


def test_a_nat_gateway_needs_an_internet_gateway_and_a_free_address(account: AwsAccount) -> None:
    ec2, lone = account.client("ec2"), {"AllocationId": "~eip.id~"}
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    inside = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    account.create("internet", "eip")
    assert refusal_of(account, "ec2", "create_nat_gateway", SubnetId=inside, **lone) == (
        f"Gateway.NotAttached: Network {vpc} has no Internet gateway attached"
    )
    ec2.create_nat_gateway(SubnetId=inside, ConnectivityType="private")  # It leads only to other networks.
    nobodys = "eipalloc-0123456789abcdef0"
    refusal = refusal_of(account, "ec2", "create_nat_gateway", SubnetId="~a.id~", AllocationId=nobodys)
    assert refusal.startswith("InvalidAllocationID.NotFound: ")
    account.create("nat")
    again = refusal_of(account, "ec2", "create_nat_gateway", SubnetId="~a.id~", **lone)
    address = account.live["eip"].outputs
    assert again == f"Resource.AlreadyAssociated: Resource {address['publicIp']} is already associated."
    account.delete("nat")
    assert ec2.create_nat_gateway(SubnetId=account.live["a"].id, AllocationId=address["allocationId"])


@pytest.mark.parametrize(
    "trusted",
    [
        trust("ec2.amazonaws.com"),
        document(
            Principal={"Service": "vpc-flow-logs.amazonaws.com"},
            Action="sts:AssumeRole",
            Condition={"StringEquals": {"aws:SourceAccount": "210987654321"}},
        ),
    ],
)
def test_flow_logs_need_a_role_that_trusts_their_service(account: AwsAccount, trusted: str) -> None:
    account.create("logs")
    iam = account.client("iam")
    role = iam.create_role(RoleName="other", AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    params = {
        "ResourceIds": ["~vpc.id~"],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogDestination": "~logs.arn~",
    }
    for arn in (role, f"{role}-nobody"):
        refusal = refusal_of(account, "ec2", "create_flow_logs", **params, DeliverLogsPermissionArn=arn)
        assert refusal == "InvalidParameter: Unable to assume given IAM role"
    iam.delete_role(RoleName="other")


@pytest.mark.parametrize(
    ("service", "call", "params", "message"),
    [
        (
            "ec2",
            "attach_internet_gateway",
            {"VpcId": "~vpc.id~"},
            "InvalidParameterValue: Network ~ already has an internet gateway attached",
        ),
        (
            "ec2",
            "create_vpc_endpoint",
            {"VpcId": "~vpc.id~", "ServiceName": "com.amazonaws.x.s4"},
            "InvalidServiceName: The Vpc Endpoint Service 'com.amazonaws.x.s4' does not exist",
        ),
        (
            "iam",
            "create_open_id_connect_provider",
            {"Url": "http://example.com"},
            "InvalidInput: Invalid Open ID Connect Provider URL: http://example.com",
        ),
        (
            "eks",
            "create_cluster",
            {
                "name": "x",
                "roleArn": "~reader.arn~",
                "resourcesVpcConfig": {"subnetIds": ["~a.id~", "~c.id~"]},
            },
            f"{EKS}Role with arn: ",
        ),
        (
            "codebuild",
            "update_project",
            {"name": "~runner.name~", "serviceRole": "~reader.arn~"},
            "InvalidInputException: CodeBuild is not authorized to perform: sts:AssumeRole on ",
        ),
    ],
)
def test_other_requests_that_aws_refuses_are_refused(
    account: AwsAccount, service: str, call: str, params: dict[str, Any], message: str
) -> None:
    account.create("internet", "c", "runner")
    if call == "attach_internet_gateway":
        ec2 = account.client("ec2")
        params["InternetGatewayId"] = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    refusal = refusal_of(account, service, call, **params)
    assert refusal.startswith(message.replace("~", account.live["vpc"].id))


NOBODY = "arn:aws:iam::123456789012:role/nobody"
IN_ANOTHER_ACCOUNT = "arn:aws:iam::210987654321:role/anybody"
MADE_BY_AWS = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_admin_0a1b"


def decrypting(arn: str) -> str:
    decrypts = {"Principal": {"AWS": [arn]}, "Action": "kms:Decrypt", "Resource": "*"}
    return documents(ADMINISTRATION, decrypts)


def trusting(arn: str) -> str:
    return document(Principal={"AWS": arn}, Action="sts:AssumeRole")


def reading(arn: str) -> str:
    return document(Principal={"AWS": arn}, Action="s3:GetObject", Resource="arn:aws:s3:::pipe-b/*")


PRINCIPALS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "trust": (
        "iam",
        "update_assume_role_policy",
        {"RoleName": "pipe-role", "PolicyDocument": trusting},
        f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{NOBODY}"',
    ),
    "key": (
        "kms",
        "put_key_policy",
        {"KeyId": "~key.id~", "PolicyName": "default", "Policy": decrypting},
        "MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals: "
        f"{NOBODY}",
    ),
    "bucket": (
        "s3",
        "put_bucket_policy",
        {"Bucket": "pipe-b", "Policy": reading},
        f"MalformedPolicy: Invalid principal in policy: {NOBODY}",
    ),
    "entry": (
        "eks",
        "create_access_entry",
        {"clusterName": "~cluster.name~", "principalArn": str},
        f"{EKS}The specified principalArn is invalid: invalid principal: {NOBODY}",
    ),
}


@pytest.mark.parametrize("kind", PRINCIPALS)
def test_a_principal_of_the_account_exists(account: AwsAccount, kind: str) -> None:
    service, call, templates, message = PRINCIPALS[kind]

    def params(arn: str) -> dict[str, Any]:
        return {key: item(arn) if callable(item) else item for key, item in templates.items()}

    assert refusal_of(account, service, call, **params(NOBODY)) == message
    for arn in (IN_ANOTHER_ACCOUNT, MADE_BY_AWS, account.live["reader"].outputs["arn"]):
        send(account, service, call, **params(arn))


def test_a_boundary_of_the_account_exists(account: AwsAccount) -> None:
    boundary = "arn:aws:iam::123456789012:policy/nothing"
    params = {"RoleName": "pipe-role", "PermissionsBoundary": boundary}
    assert refusal_of(account, "iam", "put_role_permissions_boundary", **params) == (
        f"NoSuchEntity: Scope ARN: {boundary} does not exist or is not attachable."
    )
