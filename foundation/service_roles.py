"""Roles that AWS services and the pods of a stack assume.

No stack declares them; stacks refer to them with `Naming.role_arn`. Therefore, a stack's deploy role needs no
permission to create a role or to change a policy. The roles exist before the stack and outlive it, as EKS
requires: the control plane's role must have its policies before the cluster is created and while it is
deleted.

Policies name resources by the names that the stack gives them. KMS keys have generated IDs, so a policy
names a key by its alias (KMS developer guide: "Use aliases to control access to KMS keys"; an alias takes up
to five minutes to take effect). The keys' policies leave access to IAM (`key_policy`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_aws as aws

from components.common import connections
from components.common.iam_documents import Condition, Statement, allow, document
from components.common.naming import Naming
from foundation.permissions.scope import Scope

CONTROL_PLANE_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""Managed policies of the control plane's role (EKS, Auto Mode cluster role)."""

NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""Managed policies of the nodes' role, for joining the cluster and pulling images (EKS, Auto Mode node
role)."""

BACKUP_OBJECTS = ("dumps/*", "latest.dump")
"""Object keys that the backup job reads and writes, and that the restore job reads."""


@dataclass(frozen=True, kw_only=True)
class ServiceRole:
    """A role that an AWS service assumes, either for its own work or on behalf of a pod."""

    name: str
    """Name in IAM, such as pipe-prod-node."""
    description: str
    trust: Statement
    managed_policies: Sequence[str] = ()
    """Names of AWS managed policies, with their path: service-role/AmazonRDSEnhancedMonitoringRole."""
    statements: Sequence[Statement] = ()
    """Statements of the role's inline policy; a role without statements has no inline policy."""

    @property
    def service(self) -> str:
        """The service that assumes the role, such as eks.amazonaws.com."""
        return cast(dict[str, str], self.trust["Principal"])["Service"]


@dataclass(frozen=True, kw_only=True)
class ServiceRolesArgs:
    """Arguments of ServiceRoles."""

    scope: Scope
    """The environment whose stack uses the roles."""


class ServiceRoles(pulumi.ComponentResource):
    """The roles of one environment's stack."""

    def __init__(self, name: str, args: ServiceRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:identity:ServiceRoles", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for role in environment_roles(args.scope):
            declare_role(role, args.scope.naming, child)
        self.register_outputs({})


def declare_role(
    role: ServiceRole, naming: Naming, opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Declare a role with its policies; return the role, and the policies on which its users depend."""
    name = role.name.removeprefix(f"{naming.service}-")
    declared = aws.iam.Role(
        name,
        name=role.name,
        description=role.description,
        assume_role_policy=document(role.trust),
        tags={**naming.aws(), "Name": role.name},
        opts=opts,
    )
    policies: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=declared.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in role.managed_policies
    ]
    if role.statements:
        policies.append(
            aws.iam.RolePolicy(
                name, name=role.name, role=declared.name, policy=document(*role.statements), opts=opts
            )
        )
    return declared, policies


def environment_roles(scope: Scope) -> Iterator[ServiceRole]:
    """Yield the roles that the environment's stack passes to AWS services or assigns to its pods."""
    naming = scope.naming
    cluster = scope.named("eks", "cluster/{}")
    yield ServiceRole(
        name=naming.name("cluster"),
        description=f"Control plane of the cluster {naming.name()}",
        # Auto Mode tags its sessions (EKS, Auto Mode cluster role). EKS user guide, "Cross-service confused
        # deputy prevention": a cluster role may name its cluster.
        trust=service_trust(
            "eks.amazonaws.com", naming.account, cluster, ("sts:AssumeRole", "sts:TagSession")
        ),
        managed_policies=CONTROL_PLANE_POLICIES,
        statements=_tag_nodes(naming.name()),
    )
    yield ServiceRole(
        name=naming.name("node"),
        description=f"Nodes of the cluster {naming.name()}",
        # A role can be passed only to EC2 in its own account, and EC2 documents no condition for this trust
        # policy.
        trust=service_trust("ec2.amazonaws.com"),
        managed_policies=NODE_POLICIES,
    )
    yield ServiceRole(
        name=naming.name("db-monitoring"),
        description="RDS sends the operating system's metrics",
        # RDS user guide: Enhanced Monitoring, "Protecting against the confused deputy problem".
        trust=service_trust("monitoring.rds.amazonaws.com", naming.account, _databases(scope)),
        managed_policies=("service-role/AmazonRDSEnhancedMonitoringRole",),
    )
    yield _runner(scope)
    yield from _pod_roles(scope)
    main, *copies = scope.buckets
    for copy in copies:
        yield replication_role(
            naming.name("backup-replication"),
            Replication(
                naming=naming,
                copy_region=scope.copy_region,
                bucket=main,
                alias=naming.name("backups"),
                copy=copy,
                copy_alias=naming.name("backups", "replica"),
            ),
        )


def _tag_nodes(cluster: str) -> list[Statement]:
    """Return statements that allow Auto Mode to add our tags to the resources that it creates for a cluster.

    The managed policies allow only EKS's own tags. The statements are those of the EKS user guide (Auto Mode,
    identity and access, "Custom AWS tags for EKS Auto resources"), without Shield, for one cluster.
    """

    def tagged(**more: str) -> Condition:
        condition: dict[str, dict[str, object]] = {
            "StringEquals": {"aws:RequestTag/eks:eks-cluster-name": cluster}
        }
        if more:
            condition["StringLike"] = {
                f"aws:RequestTag/eks:kubernetes-{key.replace('_', '-')}-name": value
                for key, value in more.items()
            }
        return condition

    return [
        allow(
            "Compute",
            ["ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"],
            ["*"],
            tagged(node_class="*", node_pool="*"),
        ),
        allow(
            "Storage",
            ["ec2:CreateSnapshot", "ec2:CreateVolume"],
            ["arn:aws:ec2:*:*:snapshot/*", "arn:aws:ec2:*:*:volume/*"],
            tagged(),
        ),
        allow("Networking", ["ec2:CreateNetworkInterface"], ["*"], tagged(cni_node="*")),
        allow(
            "LoadBalancer",
            [
                "ec2:CreateSecurityGroup",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:CreateRule",
                "elasticloadbalancing:CreateTargetGroup",
            ],
            ["*"],
            tagged(),
        ),
    ]


def _runner(scope: Scope) -> ServiceRole:
    """Return the role with which the GitHub runner writes logs, joins the VPC and connects to GitHub.

    EC2 assigns the IDs of the subnets and of the security group, so the policy names them by the tag `Name`
    that the stack gives them. The condition ec2:Subnet, which CodeBuild's guide uses, needs the IDs.
    """
    naming, project = scope.naming, scope.naming.name("runner")
    group = f"log-group:/aws/codebuild/{project}"
    interfaces = scope.named("ec2", "network-interface/*")
    return ServiceRole(
        name=project,
        description="The GitHub runner: its logs, its network interfaces, its connection to GitHub",
        # CodeBuild user guide: cross-service confused deputy prevention.
        trust=service_trust(
            "codebuild.amazonaws.com",
            naming.account,
            scope.named("codebuild", f"project/{project}"),
        ),
        statements=[
            allow(
                "WriteEvents",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                scope.named("logs", group, f"{group}:*"),
            ),
            allow(
                "ReachGitHub",
                ["codeconnections:GetConnection", "codeconnections:GetConnectionToken"],
                [scope.connection_arn],
            ),
            allow(
                "LookAround",
                [
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                ["*"],  # Describe actions of EC2 do not support resource-level permissions.
            ),
            allow("MakeInterface", ["ec2:CreateNetworkInterface"], interfaces),
            allow(
                "PlaceInterface",
                ["ec2:CreateNetworkInterface"],
                scope.named("ec2", "security-group/*", "subnet/*"),
                {"StringLike": {"aws:ResourceTag/Name": [project, naming.name("private-*")]}},
            ),
            # EC2 refuses to delete an interface that is in use.
            allow("RemoveInterface", ["ec2:DeleteNetworkInterface"], interfaces),
            allow(
                "HandInterfaceToCodeBuild",
                ["ec2:CreateNetworkInterfacePermission"],
                interfaces,
                {"StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"}},
            ),
        ],
    )


def _pod_roles(scope: Scope) -> Iterator[ServiceRole]:
    """Yield a role per service account; the API's role has no policy, since the API calls no AWS service."""
    naming, bucket = scope.naming, f"arn:aws:s3:::{scope.buckets[0]}"
    keys = scope.named("kms", "key/*")
    dumps = [f"{bucket}/{key}" for key in BACKUP_OBJECTS]
    through_s3 = key_condition(naming.name("backups"), "s3", naming.region)
    master_password = [
        # RDS names the secret itself and tags it with the instance's ARN (RDS user guide: password
        # management with Secrets Manager).
        allow(
            "ReadMasterPassword",
            ["secretsmanager:GetSecretValue"],
            scope.named("secretsmanager", "secret:rds!db-*"),
            {"StringEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": _databases(scope)}},
        ),
        allow(
            "UseKeyThroughSecretsManager",
            ["kms:Decrypt"],
            keys,
            key_condition(naming.name("db"), "secretsmanager", naming.region),
        ),
    ]
    yield _pod_role(scope, "api", connections.API)
    yield _pod_role(scope, "database-roles", connections.DATABASE_ROLES, master_password)
    yield _pod_role(
        scope,
        "backup",
        connections.BACKUP,
        [
            allow("ReadAndWriteDumps", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], dumps),
            allow("UseKeyThroughS3", ["kms:Decrypt", "kms:GenerateDataKey"], keys, through_s3),
        ],
    )
    yield _pod_role(
        scope,
        "restore",
        connections.RESTORE,
        [
            allow("ReadDumps", ["s3:GetObject"], dumps),
            allow("FindDumps", ["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": BACKUP_OBJECTS[0]}}),
            allow("UseKeyThroughS3", ["kms:Decrypt"], keys, through_s3),
            *master_password,
        ],
    )


def _pod_role(
    scope: Scope, name: str, pods: connections.Pods, statements: Sequence[Statement] = ()
) -> ServiceRole:
    """Return a role for the pods of one service account, in one namespace of one cluster."""
    naming = scope.naming
    trust = service_trust(
        "pods.eks.amazonaws.com",
        naming.account,
        scope.named("eks", "cluster/{}"),
        # EKS tags its sessions with the pod's cluster, namespace and service account.
        ("sts:AssumeRole", "sts:TagSession"),
        {
            "aws:RequestTag/kubernetes-namespace": scope.namespace,
            "aws:RequestTag/kubernetes-service-account": pods.app,
        },
    )
    return ServiceRole(
        name=naming.name(name),
        description=f"Pods of the service account {pods.app}",
        trust=trust,
        statements=statements,
    )


@dataclass(frozen=True, kw_only=True)
class Replication:
    """A bucket, its copy in a second region, and the aliases of their keys."""

    naming: Naming
    copy_region: str
    bucket: str
    alias: str
    """Alias of the bucket's KMS key, without `alias/`."""
    copy: str
    copy_alias: str


def replication_role(name: str, replication: Replication) -> ServiceRole:
    """Return the role that S3 assumes to replicate encrypted, locked objects (S3, live replication).

    Its trust policy has no condition, since S3's guide documents none for replication.
    """
    naming, copy_region = replication.naming, replication.copy_region
    bucket, copy = f"arn:aws:s3:::{replication.bucket}", f"arn:aws:s3:::{replication.copy}"
    return ServiceRole(
        name=name,
        description=f"Copies {replication.bucket} to {copy_region}",
        trust=service_trust("s3.amazonaws.com"),
        statements=[
            allow("ReadRules", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [bucket]),
            allow(
                "ReadVersions",
                [
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionTagging",
                    "s3:GetObjectRetention",
                    "s3:GetObjectLegalHold",
                ],
                [f"{bucket}/*"],
            ),
            allow("WriteCopies", ["s3:ReplicateObject", "s3:ReplicateTags"], [f"{copy}/*"]),
            allow(
                "Decrypt",
                ["kms:Decrypt"],
                [f"arn:aws:kms:{naming.region}:{naming.account}:key/*"],
                key_condition(replication.alias, "s3", naming.region),
            ),
            allow(
                "Encrypt",
                ["kms:Encrypt", "kms:GenerateDataKey"],
                [f"arn:aws:kms:{copy_region}:{naming.account}:key/*"],
                key_condition(replication.copy_alias, "s3", copy_region),
            ),
        ],
    )


def service_trust(
    service: str,
    account: str | None = None,
    source_arns: Sequence[str] = (),
    actions: Sequence[str] = ("sts:AssumeRole",),
    request_tags: dict[str, str] | None = None,
) -> Statement:
    """Return a trust policy statement for an AWS service that acts on behalf of these resources.

    The conditions prevent the confused deputy problem. `account` is None for a service that sends neither a
    source account nor a source ARN. Without `source_arns`, the service may act for each resource of the
    account.
    """
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    if account is None:
        return statement
    condition: dict[str, dict[str, object]] = {
        "StringEquals": {"aws:SourceAccount": account, **(request_tags or {})}
    }
    if source_arns:
        condition["ArnLike"] = {"aws:SourceArn": list(source_arns)}
    return {**statement, "Condition": condition}


def key_condition(alias: str, service: str, region: str) -> Condition:
    """Return the condition that the KMS key has an alias and that the request comes through a service.

    The operator ForAnyValue is necessary, since a key may have several aliases (KMS developer
    guide: kms:ResourceAliases).
    """
    return {
        "StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"},
    }


def _databases(scope: Scope) -> list[str]:
    return scope.named("rds", "db:{}-db")
