"""Tests of the roles that AWS services and pods assume: their trust policies and permissions."""

import json
from dataclasses import replace
from typing import Any

from components.common import connections
from components.common.naming import Naming
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles
from foundation.service_roles.replication import Replication, replication_role
from foundation.service_roles.role import ServiceRole
from tests.support.components.iam import verdict
from tests.support.rows import each_row

ACCOUNT, REGION = "777788889999", "ap-northeast-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/c47e9d03-2b5a-4f86-8e1d-7a90b3c6f245"
SCOPE = Scope(
    naming=Naming(environment="prod", team="platform", account=ACCOUNT, region=REGION),
    copy_region="ap-northeast-3",
    buckets=["pipe-backup", "pipe-backup-replica"],
    namespace="pipe",
    connection_arn=CONNECTION,
)


def roles_of(scope: Scope) -> dict[str, ServiceRole]:
    return {role.name.removeprefix("pipe-prod-"): role for role in environment_roles(scope)}


ROLES = roles_of(SCOPE)

CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/pipe-prod"
OTHER_CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/pipe-dev"

TRUSTED = {
    "cluster": ("eks", CLUSTER),
    "db-monitoring": ("monitoring.rds", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:pipe-prod-db"),
    "runner": ("codebuild", f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/pipe-prod-runner"),
}
"""Service, and the resource for which it acts, by role."""


def trust_verdict(role: str, source: str, account: str = ACCOUNT, **tags: str) -> str:
    """Return IAM's verdict on a service that assumes a role for a resource."""
    document = json.dumps({"Statement": [{**ROLES[role].trust, "Resource": "*"}]})
    context = {"aws:SourceArn": source, "aws:SourceAccount": account}
    context |= {f"aws:RequestTag/kubernetes-{tag.replace('_', '-')}": value for tag, value in tags.items()}
    return verdict([document], "sts:AssumeRole", "*", context)


@each_row(("role", "service", "source"), [(role, *rest) for role, rest in TRUSTED.items()])
def test_a_service_assumes_its_role_for_one_resource_of_the_environment(
    role: str, service: str, source: str
) -> None:
    assert ROLES[role].trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert trust_verdict(role, source) == "allow"
    assert trust_verdict(role, source, account="111122223333") == "nothing"
    assert trust_verdict(role, source.replace(ACCOUNT, "111122223333")) == "nothing"
    if "prod" in source:
        assert trust_verdict(role, source.replace("prod", "dev")) == "nothing"


PODS = {
    "api": connections.API,
    "database-roles": connections.DATABASE_ROLES,
    "backup": connections.BACKUP,
    "restore": connections.RESTORE,
}


@each_row(("role", "pods"), PODS.items())
def test_only_pods_of_one_service_account_in_one_cluster_assume_a_role(
    role: str, pods: connections.Pods
) -> None:
    assert ROLES[role].trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert ROLES[role].trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    mine = {"namespace": "pipe", "service_account": pods.app}
    assert trust_verdict(role, CLUSTER, **mine) == "allow"
    assert trust_verdict(role, OTHER_CLUSTER, **mine) == "nothing"
    assert trust_verdict(role, CLUSTER, **mine | {"namespace": "default"}) == "nothing"
    assert trust_verdict(role, CLUSTER, **mine | {"service_account": "pipe-proxy"}) == "nothing"


@each_row(("role", "service"), [("node", "ec2"), ("backup-replication", "s3")])
def test_services_that_send_no_source_are_trusted_by_name(role: str, service: str) -> None:
    assert ROLES[role].trust == {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": ["sts:AssumeRole"],
    }


def test_only_the_cluster_its_nodes_and_the_databases_metrics_have_managed_policies() -> None:
    """Compare with the policies that EKS documents for Auto Mode, and RDS for Enhanced Monitoring."""
    assert {name: set(role.managed_policies) for name, role in ROLES.items() if role.managed_policies} == {
        "cluster": {
            "AmazonEKSBlockStoragePolicy",
            "AmazonEKSClusterPolicy",
            "AmazonEKSComputePolicy",
            "AmazonEKSLoadBalancingPolicy",
            "AmazonEKSNetworkingPolicy",
        },
        "node": {"AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodeMinimalPolicy"},
        "db-monitoring": {"service-role/AmazonRDSEnhancedMonitoringRole"},
    }
    assert not ROLES["api"].statements


def test_a_stack_without_a_copy_has_no_role_for_it() -> None:
    assert set(ROLES) - set(roles_of(replace(SCOPE, buckets=["pipe-backup"]))) == {"backup-replication"}


DUMP = "arn:aws:s3:::pipe-backup/dumps/20240301T170000Z.dump"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
COPY_KEY = f"arn:aws:kms:ap-northeast-3:{ACCOUNT}:key/2"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-1-AbCdEf"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"


def through(service: str, alias: str, region: str = REGION) -> dict[str, str]:
    """Return the context of a request to KMS for a key with an alias, by a service."""
    return {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:ResourceAliases": f"alias/{alias}"}


BACKUPS, REPLICA = "pipe-prod-backups", "pipe-prod-backups-replica"
DATABASE_TAG = "aws:ResourceTag/aws:rds:primaryDBInstanceArn"
OF_PROD = {DATABASE_TAG: f"arn:aws:rds:{REGION}:{ACCOUNT}:db:pipe-prod-db"}
OF_DEV = {DATABASE_TAG: f"arn:aws:rds:{REGION}:{ACCOUNT}:db:pipe-dev-db"}
FOR_CODEBUILD = {"ec2:AuthorizedService": "codebuild.amazonaws.com"}

NODE_TAGS = {
    f"aws:RequestTag/eks:{key}": value
    for key, value in {
        "eks-cluster-name": "pipe-prod",
        "kubernetes-node-class-name": "workloads",
        "kubernetes-node-pool-name": "workloads",
        "kubernetes-cni-node-name": "i-1",
    }.items()
}
"""Tags of EKS with which Auto Mode creates an instance or its network interface for a node of prod."""
OF_ANOTHER_CLUSTER = {**NODE_TAGS, "aws:RequestTag/eks:eks-cluster-name": "pipe-dev"}

REQUESTS: list[tuple[str, str, str, dict[str, str], str]] = [
    ("backup", "s3:PutObject", DUMP, {}, "allow"),
    ("backup", "s3:DeleteObject", DUMP, {}, "nothing"),
    ("backup", "s3:PutObject", "arn:aws:s3:::pipe-backup-dev/dumps/x", {}, "nothing"),
    ("backup", "kms:GenerateDataKey", KEY, through("s3", BACKUPS), "allow"),
    ("backup", "kms:GenerateDataKey", KEY, through("s3", "pipe-state-bucket"), "nothing"),
    ("backup", "kms:GenerateDataKey", KEY, through("rds", BACKUPS), "nothing"),
    ("backup", "kms:Decrypt", KEY, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}, "nothing"),
    ("backup", "secretsmanager:GetSecretValue", SECRET, OF_PROD, "nothing"),
    ("restore", "s3:GetObject", DUMP, {}, "allow"),
    ("restore", "s3:PutObject", DUMP, {}, "nothing"),
    ("restore", "s3:ListBucket", "arn:aws:s3:::pipe-backup", {"s3:prefix": "dumps/*"}, "allow"),
    ("restore", "s3:ListBucket", "arn:aws:s3:::pipe-backup", {}, "nothing"),
    ("restore", "kms:GenerateDataKey", KEY, through("s3", BACKUPS), "nothing"),
    ("restore", "secretsmanager:GetSecretValue", SECRET, OF_PROD, "allow"),
    ("database-roles", "secretsmanager:GetSecretValue", SECRET, OF_PROD, "allow"),
    ("database-roles", "secretsmanager:GetSecretValue", SECRET, OF_DEV, "nothing"),
    (
        "database-roles",
        "secretsmanager:GetSecretValue",
        SECRET.replace("rds!db", "other"),
        OF_PROD,
        "nothing",
    ),
    ("database-roles", "kms:Decrypt", KEY, through("secretsmanager", "pipe-prod-db"), "allow"),
    ("database-roles", "kms:Decrypt", KEY, through("secretsmanager", "pipe-state"), "nothing"),
    ("database-roles", "s3:GetObject", DUMP, {}, "nothing"),
    ("cluster", "ec2:RunInstances", f"{EC2}:instance/*", NODE_TAGS, "allow"),
    ("cluster", "ec2:RunInstances", f"{EC2}:instance/*", OF_ANOTHER_CLUSTER, "nothing"),
    ("cluster", "ec2:RunInstances", f"{EC2}:instance/*", {}, "nothing"),
    ("cluster", "ec2:CreateVolume", f"{EC2}:volume/*", NODE_TAGS, "allow"),
    ("cluster", "ec2:CreateVolume", f"{EC2}:volume/*", OF_ANOTHER_CLUSTER, "nothing"),
    ("cluster", "ec2:CreateNetworkInterface", f"{EC2}:network-interface/*", NODE_TAGS, "allow"),
    ("cluster", "ec2:CreateNetworkInterface", f"{EC2}:network-interface/*", {}, "nothing"),
    ("cluster", "elasticloadbalancing:CreateLoadBalancer", "*", NODE_TAGS, "allow"),
    ("cluster", "elasticloadbalancing:CreateLoadBalancer", "*", OF_ANOTHER_CLUSTER, "nothing"),
    ("backup-replication", "s3:GetObjectVersionForReplication", DUMP, {}, "allow"),
    ("backup-replication", "s3:ReplicateObject", "arn:aws:s3:::pipe-backup-replica/x", {}, "allow"),
    ("backup-replication", "s3:ReplicateObject", DUMP, {}, "nothing"),
    ("backup-replication", "s3:ReplicateDelete", "arn:aws:s3:::pipe-backup-replica/x", {}, "nothing"),
    ("backup-replication", "kms:Decrypt", KEY, through("s3", BACKUPS), "allow"),
    ("backup-replication", "kms:Encrypt", COPY_KEY, through("s3", REPLICA, "ap-northeast-3"), "allow"),
    ("backup-replication", "kms:Decrypt", COPY_KEY, through("s3", REPLICA, "ap-northeast-3"), "nothing"),
    ("runner", "logs:PutLogEvents", f"{LOGS}:/aws/codebuild/pipe-prod-runner:log-stream:x", {}, "allow"),
    ("runner", "codeconnections:GetConnectionToken", CONNECTION, {}, "allow"),
    ("runner", "codeconnections:GetConnectionToken", CONNECTION.replace("c47e", "0000"), {}, "nothing"),
    ("runner", "ec2:CreateNetworkInterface", f"{EC2}:network-interface/*", {}, "allow"),
    (
        "runner",
        "ec2:CreateNetworkInterface",
        f"{EC2}:subnet/subnet-1",
        {"aws:ResourceTag/Name": "pipe-prod-private-2"},
        "allow",
    ),
    (
        "runner",
        "ec2:CreateNetworkInterface",
        f"{EC2}:subnet/subnet-1",
        {"aws:ResourceTag/Name": "pipe-prod-database-2"},
        "nothing",
    ),
    ("runner", "ec2:CreateNetworkInterface", f"{EC2}:security-group/sg-1", {}, "nothing"),
    ("runner", "ec2:CreateNetworkInterfacePermission", f"{EC2}:network-interface/1", FOR_CODEBUILD, "allow"),
    ("runner", "ec2:CreateNetworkInterfacePermission", f"{EC2}:network-interface/1", {}, "nothing"),
    ("runner", "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/pipe-prod-deploy", {}, "nothing"),
]


@each_row(("role", "action", "resource", "context", "expected"), REQUESTS)
def test_a_role_may_do_what_its_service_needs_and_nothing_else(
    role: str, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    document = json.dumps({"Statement": list(ROLES[role].statements)})
    assert verdict([document], action, resource, context) == expected


def test_replicating_the_state_uses_the_states_own_keys() -> None:
    role = replication_role(
        "pipe-state-replication",
        Replication(
            naming=SCOPE.naming,
            copy_region="ap-northeast-3",
            bucket=f"pipe-state-{ACCOUNT}",
            alias="pipe-state-bucket",
            copy=f"pipe-state-{ACCOUNT}-copy",
            copy_alias="pipe-state-copy",
        ),
    )
    aliases: list[Any] = [
        condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"]
        for statement in json.loads(json.dumps(list(role.statements)))
        if (condition := statement.get("Condition"))
    ]
    assert aliases == ["alias/pipe-state-bucket", "alias/pipe-state-copy"]
