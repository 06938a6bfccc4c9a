import json
from typing import Any

import pytest

from tests.policies.conftest import UNKNOWN, Said, changed, resource, urn

EKS = "aws:eks/cluster:Cluster"
LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
CLUSTER: dict[str, Any] = {
    "version": "1.34",
    "enabledClusterLogTypes": LOGS,
    "vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
    "encryptionConfig": {"provider": {"keyArn": "arn:x"}, "resources": ["secrets"]},
    "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
}
PUBLIC = "set it to the networks of the operators, or set vpcConfig.endpointPublicAccess to false"

RDS = "aws:rds/instance:Instance"
DATABASE: dict[str, Any] = {
    "storageEncrypted": True,
    "publiclyAccessible": False,
    "backupRetentionPeriod": 7,
    "multiAz": True,
    "deletionProtection": True,
    "skipFinalSnapshot": False,
    "enabledCloudwatchLogsExports": ["postgresql"],
    "parameterGroupName": "pipe",
}

KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
IAM_POLICY = "aws:iam/policy:Policy"
ECR = "aws:ecr/repository:Repository"
REPOSITORY: dict[str, Any] = {
    "name": "pipe/api",
    "imageTagMutability": "IMMUTABLE",
    "imageScanningConfiguration": {"scanOnPush": True},
    "encryptionConfigurations": [{"encryptionType": "KMS"}],
}
SUBNET = "aws:ec2/subnet:Subnet"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

# A rule, a type, a valid resource, one change, and the whole of what is said about it.
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "eks-logs-missing",
        EKS,
        CLUSTER,
        {"enabledClusterLogTypes": LOGS[:4]},
        [f"enabledClusterLogTypes is {LOGS[:4]}; set it to {LOGS}"],
    ),
    (
        "eks-logs-missing",
        EKS,
        CLUSTER,
        {"enabledClusterLogTypes": None},
        [f"enabledClusterLogTypes is not set; set it to {LOGS}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig__endpointPublicAccess": None},
        [f"vpcConfig.publicAccessCidrs is not set; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": []}},
        [f"vpcConfig.publicAccessCidrs is []; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24", "0.0.0.0/0"]}},
        [f"vpcConfig.publicAccessCidrs[1] is '0.0.0.0/0'; {PUBLIC}"],
    ),
    (
        "eks-endpoint-open-to-world",
        EKS,
        CLUSTER,
        {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]}},
        [],
    ),
    (
        "eks-endpoint-not-private",
        EKS,
        CLUSTER,
        {"vpcConfig__endpointPrivateAccess": None},
        ["vpcConfig.endpointPrivateAccess is not set; set it to true"],
    ),
    (
        "eks-secrets-unencrypted",
        EKS,
        CLUSTER,
        {"encryptionConfig": None},
        [
            "encryptionConfig.resources is not set; "
            "set it to ['secrets'], with a key in encryptionConfig.provider.keyArn"
        ],
    ),
    (
        "eks-version-unsupported",
        EKS,
        CLUSTER,
        {"version": "1.28"},
        ["version is '1.28'; set it to 1.33 or 1.34 or 1.35"],
    ),
    (
        "eks-access-by-config-map",
        EKS,
        CLUSTER,
        {"accessConfig": None},
        [
            "accessConfig.authenticationMode is not set; set it to 'API'",
            "accessConfig.bootstrapClusterCreatorAdminPermissions is not set; set it to false",
        ],
    ),
    (
        "eks-access-by-config-map",
        EKS,
        CLUSTER,
        {"accessConfig__authenticationMode": "API_AND_CONFIG_MAP"},
        ["accessConfig.authenticationMode is 'API_AND_CONFIG_MAP'; set it to 'API'"],
    ),
    (
        "eks-nodes-open-to-ssh",
        "aws:eks/nodeGroup:NodeGroup",
        {"remoteAccess": {"ec2SshKey": "k", "sourceSecurityGroupIds": ["sg-1"]}},
        {"remoteAccess__sourceSecurityGroupIds": None},
        [
            "remoteAccess.sourceSecurityGroupIds is not set; "
            "set it to the groups that may use SSH, or remove remoteAccess"
        ],
    ),
    ("eks-nodes-open-to-ssh", "aws:eks/nodeGroup:NodeGroup", {}, {}, []),
    (
        "rds-storage-unencrypted",
        RDS,
        DATABASE,
        {"storageEncrypted": None},
        ["storageEncrypted is not set; set it to true"],
    ),
    (
        "rds-storage-unencrypted",
        "aws:rds/cluster:Cluster",
        DATABASE,
        {"storageEncrypted": False},
        ["storageEncrypted is False; set it to true"],
    ),
    (
        "rds-publicly-accessible",
        RDS,
        DATABASE,
        {"publiclyAccessible": True},
        ["publiclyAccessible is True; set it to false"],
    ),
    (
        "rds-publicly-accessible",
        "aws:rds/clusterInstance:ClusterInstance",
        {},
        {"publiclyAccessible": True},
        ["publiclyAccessible is True; set it to false"],
    ),
    (
        "rds-backup-missing",
        RDS,
        DATABASE,
        {"backupRetentionPeriod": 6},
        ["backupRetentionPeriod is 6; set it to 7 or more"],
    ),
    (
        "rds-backup-missing",
        RDS,
        DATABASE,
        {"backupRetentionPeriod": None},
        ["backupRetentionPeriod is not set; set it to 7 or more"],
    ),
    ("rds-single-zone", RDS, DATABASE, {"multiAz": False}, ["multiAz is False; set it to true"]),
    (
        "rds-deletion-unprotected",
        RDS,
        DATABASE,
        {"deletionProtection": False},
        ["deletionProtection is False; set it to true"],
    ),
    (
        "rds-final-snapshot-skipped",
        RDS,
        DATABASE,
        {"skipFinalSnapshot": True},
        ["skipFinalSnapshot is True; set it to false, with a finalSnapshotIdentifier"],
    ),
    (
        "rds-logs-not-exported",
        RDS,
        DATABASE,
        {"enabledCloudwatchLogsExports": []},
        [
            "enabledCloudwatchLogsExports is []; "
            "set it to the logs of the engine, such as ['postgresql', 'upgrade']"
        ],
    ),
    (
        "rds-default-parameters",
        RDS,
        DATABASE,
        {"parameterGroupName": "default.postgres17"},
        ["parameterGroupName is 'default.postgres17'; set it to a parameter group that forces TLS"],
    ),
    (
        "rds-default-parameters",
        RDS,
        DATABASE,
        {"parameterGroupName": None},
        ["parameterGroupName is not set; set it to a parameter group that forces TLS"],
    ),
    (
        "kms-key-not-rotated",
        KEY,
        {"enableKeyRotation": True},
        {"enableKeyRotation": None},
        ["enableKeyRotation is not set; set it to true"],
    ),
    ("kms-key-not-rotated", KEY, {"customerMasterKeySpec": "RSA_4096"}, {}, []),
    ("kms-key-not-rotated", KEY, {"keyUsage": "SIGN_VERIFY"}, {}, []),
    (
        "iam-administrator-attached",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        [
            "policyArn is 'arn:aws:iam::aws:policy/AdministratorAccess'; "
            "set it to a policy that names what is needed"
        ],
    ),
    (
        "iam-administrator-attached",
        ROLE,
        {"managedPolicyArns": []},
        {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        [
            "managedPolicyArns[0] is 'arn:aws:iam::aws:policy/AdministratorAccess'; "
            "set it to a policy that names what is needed"
        ],
    ),
    (
        "ecr-tags-mutable",
        ECR,
        REPOSITORY,
        {"imageTagMutability": None},
        ["imageTagMutability is not set; set it to 'IMMUTABLE'"],
    ),
    ("ecr-tags-mutable", ECR, REPOSITORY, {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, []),
    (
        "ecr-not-scanned",
        ECR,
        REPOSITORY,
        {"imageScanningConfiguration": None},
        ["imageScanningConfiguration.scanOnPush is not set; set it to true"],
    ),
    (
        "ecr-not-encrypted-by-kms",
        ECR,
        REPOSITORY,
        {"encryptionConfigurations": [{"encryptionType": "AES256"}]},
        ["encryptionConfigurations is [{'encryptionType': 'AES256'}]; set it to [{encryptionType: 'KMS'}]"],
    ),
    (
        "vpc-subnet-public-addresses",
        SUBNET,
        {"mapPublicIpOnLaunch": False},
        {"mapPublicIpOnLaunch": True},
        ["mapPublicIpOnLaunch is True; set it to false"],
    ),
    (
        "vpc-default-group-open",
        DEFAULT_GROUP,
        {"ingress": [], "egress": []},
        {"egress": [{"protocol": "-1"}]},
        ["egress is [{'protocol': '-1'}]; remove it"],
    ),
]


@pytest.mark.parametrize(("policy", "kind", "valid", "change", "expected"), CASES)
def test_one_change_is_named(
    said: Said, policy: str, kind: str, valid: dict[str, Any], change: dict[str, Any], expected: list[str]
) -> None:
    assert said(policy, kind, valid) == []
    assert said(policy, kind, changed(valid, **change)) == expected


@pytest.mark.parametrize(
    ("policy", "kind", "path"),
    [
        ("eks-logs-missing", EKS, "enabledClusterLogTypes"),
        ("eks-endpoint-not-private", EKS, "vpcConfig"),
        ("rds-storage-unencrypted", RDS, "storageEncrypted"),
        ("rds-default-parameters", RDS, "parameterGroupName"),
        ("kms-key-not-rotated", KEY, "enableKeyRotation"),
        ("kms-key-any-principal", KEY, "policy"),
        ("iam-wildcard-action", IAM_POLICY, "policy"),
        ("iam-wildcard-resource", IAM_POLICY, "policy"),
        ("iam-trust-without-condition", ROLE, "assumeRolePolicy"),
        ("ecr-tags-mutable", ECR, "imageTagMutability"),
        ("vpc-subnet-public-addresses", SUBNET, "mapPublicIpOnLaunch"),
    ],
)
def test_an_unknown_value_is_counted(said: Said, policy: str, kind: str, path: str) -> None:
    assert said(policy, kind, {path: UNKNOWN}) == [f"unknown: {path}"]


@pytest.mark.parametrize(
    "policy",
    ["rds-storage-unencrypted", "rds-backup-missing", "rds-single-zone", "rds-final-snapshot-skipped"],
)
def test_a_read_replica_follows_its_source(said: Said, policy: str) -> None:
    replica = {"replicateSourceDb": "pipe", "skipFinalSnapshot": True}
    assert said(policy, RDS, {"skipFinalSnapshot": True}) != []
    assert said(policy, RDS, replica) == []


def test_the_days_of_backups_are_configured(said: Said) -> None:
    assert said("rds-backup-missing", RDS, DATABASE, days=14.0) == [
        "backupRetentionPeriod is 7; set it to 14 or more"
    ]


def document(**changes: Any) -> str:
    base = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::pipe/*"]}
    return json.dumps({"Statement": [{**base, **changes}]})


KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"


@pytest.mark.parametrize("kind", [KEY, KEY_POLICY])
@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, None),
        ({"Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": "1"}}}, None),
        ({"Principal": "*", "Effect": "Deny"}, None),
        ({"Principal": "*"}, "'*'"),
        ({"Principal": {"AWS": "*"}, "Condition": {"Bool": {"a:b": "true"}}}, "{'AWS': '*'}"),
    ],
)
def test_who_may_use_a_key(said: Said, kind: str, changes: dict[str, Any], shown: str | None) -> None:
    found = said("kms-key-any-principal", kind, {"policy": document(Action="kms:*", **changes)})
    where = "policy.Statement[0].Principal"
    assert found == ([f"{where} is {shown}; name the account or roles that use the key"] if shown else [])


@pytest.mark.parametrize("name", ["Policy", "RolePolicy", "UserPolicy", "GroupPolicy"])
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (["s3:GetObject", "s3:Get*"], []),
        (["*"], ["policy.Statement[0].Action[0] is '*'; set it to the actions that are needed"]),
        ("s3:*", ["policy.Statement[0].Action is 's3:*'; set it to the actions that are needed"]),
        (
            ["s3:GetObject", "iam:*"],
            ["policy.Statement[0].Action[1] is 'iam:*'; set it to the actions that are needed"],
        ),
    ],
)
def test_actions_are_named(said: Said, name: str, action: object, expected: list[str]) -> None:
    kind = f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    assert said("iam-wildcard-action", kind, {"policy": document(Action=action)}) == expected
    assert said("iam-wildcard-action", kind, {"policy": document(Action=action, Effect="Deny")}) == []


def test_an_inverted_action_allows_too_much(said: Said) -> None:
    inverted = json.dumps({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}})
    assert said("iam-wildcard-action", IAM_POLICY, {"policy": inverted}) == [
        "policy.Statement.NotAction is 'iam:*'; name the allowed actions in Action"
    ]


def test_the_inline_policies_of_a_role_count(said: Said) -> None:
    role = {"inlinePolicies": [{"name": "a", "policy": document(Action="*")}]}
    assert said("iam-wildcard-action", ROLE, role) == [
        "inlinePolicies[0].policy.Statement[0].Action is '*'; set it to the actions that are needed"
    ]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, None),
        ({"Action": ["ec2:DescribeInstances", "s3:ListAllMyBuckets"], "Resource": "*"}, None),
        ({"Action": "s3:PutObject", "Resource": "*", "Condition": {"Bool": {"a:b": "true"}}}, None),
        ({"Action": ["s3:ListBucket", "s3:PutObject"], "Resource": ["*"]}, "s3:PutObject"),
        ({"Action": "kms:Decrypt", "Resource": "*"}, "kms:Decrypt"),
    ],
)
def test_resources_are_named(said: Said, changes: dict[str, Any], named: str | None) -> None:
    found = said("iam-wildcard-resource", IAM_POLICY, {"policy": document(**changes)})
    assert [text.partition("; ")[2] for text in found] == (
        [f"set it to the resources of {named}, or add a condition"] if named else []
    )


def test_which_actions_know_no_resource_is_configured(said: Said) -> None:
    policy = {"policy": document(Action="kms:Decrypt", Resource="*")}
    assert said("iam-wildcard-resource", IAM_POLICY, policy, unrestrictable=["KMS:*"]) == []


def test_permissions_do_not_belong_to_users(said: Said) -> None:
    kind = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    assert said("iam-policy-on-user", kind, {"user": "a"}) == [
        "user is 'a'; attach the policy to a role or a group"
    ]


GITHUB = {
    "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},
    "Action": "sts:AssumeRoleWithWebIdentity",
}
SUB = "token.actions.githubusercontent.com:sub"
AUD = "token.actions.githubusercontent.com:aud"


@pytest.mark.parametrize(
    ("changes", "remedies"),
    [
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, []),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, []),
        ({"Principal": "*", "Effect": "Deny"}, []),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}, []),
        ({"Principal": "*"}, ["name the principals, or add a condition"]),
        ({**GITHUB, "Condition": {"StringEquals": {SUB: "repo:a/b:environment:prod", AUD: "sts"}}}, []),
        (GITHUB, ["set it to a condition on the claim sub", "set it to a condition on the claim aud"]),
        ({**GITHUB, "Condition": {"StringEquals": {AUD: "sts"}}}, ["set it to a condition on the claim sub"]),
        (
            {**GITHUB, "Condition": {"StringLike": {SUB: "repo:*", AUD: "s"}}},
            ["set it to a condition that names the sub, not every one"],
        ),
        (
            {**GITHUB, "Condition": {"StringLike": {SUB: ["repo:a/b:*", "*"], AUD: "s"}}},
            ["set it to a condition that names the sub, not every one"],
        ),
    ],
)
def test_whom_a_role_trusts(said: Said, changes: dict[str, Any], remedies: list[str]) -> None:
    base = {"Effect": "Allow", "Action": "sts:AssumeRole", **changes}
    trust = {"assumeRolePolicy": json.dumps({"Statement": [base]})}
    found = said("iam-trust-without-condition", ROLE, trust)
    assert [text.rpartition("; ")[2] for text in found] == remedies
    assert all(text.startswith("assumeRolePolicy.Statement[0].") for text in found)


def test_a_repository_is_not_open_to_everybody(said: Said) -> None:
    kind, policy = "aws:ecr/repositoryPolicy:RepositoryPolicy", "ecr-policy-any-principal"
    assert said(policy, kind, {"policy": document(Principal={"AWS": "arn:aws:iam::1:root"})}) == []
    assert said(policy, kind, {"policy": document(Principal="*")}) == [
        "policy.Statement[0].Principal is '*'; name the accounts that pull the images"
    ]


def test_a_repository_forgets_images(said_of_stack: Said) -> None:
    policy, repository = "ecr-lifecycle-missing", resource(ECR, REPOSITORY)
    kind = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    assert said_of_stack(policy, repository) == [
        "the repository is without a lifecycle policy; add an aws.ecr.LifecyclePolicy"
    ]
    by_name = resource(kind, {"repository": "pipe/api"})
    by_dependency = resource(kind, {"repository": UNKNOWN}, property_dependencies={"repository": (urn(ECR),)})
    assert said_of_stack(policy, repository, by_name) == []
    assert said_of_stack(policy, repository, by_dependency) == []


VPC = "aws:ec2/vpc:Vpc"


@pytest.mark.parametrize(
    ("policy", "kind", "expected"),
    [
        (
            "vpc-flow-logs-missing",
            "aws:ec2/flowLog:FlowLog",
            "the VPC is without flow logs; add an aws.ec2.FlowLog",
        ),
        (
            "vpc-default-group-unmanaged",
            DEFAULT_GROUP,
            "the VPC is without a closed default security group; add an aws.ec2.DefaultSecurityGroup",
        ),
    ],
)
def test_what_every_vpc_has(said_of_stack: Said, policy: str, kind: str, expected: str) -> None:
    network = resource(VPC, {"id": "vpc-1"})
    assert said_of_stack(policy, network) == [expected]
    assert said_of_stack(policy, network, resource(kind, {"vpcId": "vpc-2"})) == [expected]
    assert said_of_stack(policy, network, resource(kind, {"vpcId": "vpc-1"})) == []
    unknown = resource(VPC, {"id": UNKNOWN})
    depends = resource(kind, {"vpcId": UNKNOWN}, property_dependencies={"vpcId": (urn(VPC),)})
    assert said_of_stack(policy, unknown, depends) == []
