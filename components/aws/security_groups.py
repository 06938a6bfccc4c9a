"""The security groups of the load balancer, the database and Secrets Manager's endpoint, and their rules."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.security_group_rules import allow_port
from components.common import connections
from components.common.naming import Naming
from components.settings.models.security_groups import SecurityGroups as SecurityGroupsSettings


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    """Arguments of SecurityGroups."""

    settings: SecurityGroupsSettings
    naming: Naming
    vpc_id: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    """The security group that EKS creates; in Auto Mode, it is also the pods' group."""


class SecurityGroups(pulumi.ComponentResource):
    """Security groups of the load balancer, the database and Secrets Manager's endpoint, with their rules.

    The rules admit clients to the load balancer, the load balancer to the proxy, and pods to the database and
    the endpoint. Since the load balancer has a custom security group, its controller adds no rules to the
    pods' group. The rules that admit it to the pods are therefore declared here, on the cluster's group.
    """

    load_balancer_security_group_id: pulumi.Output[str]
    database_security_group_id: pulumi.Output[str]
    secrets_endpoint_security_group_id: pulumi.Output[str]
    """The group of the endpoint of Secrets Manager."""

    def __init__(
        self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:network:SecurityGroups", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        naming, cluster = args.naming, args.cluster_security_group_id

        load_balancer = aws.ec2.SecurityGroup(
            f"{name}-load-balancer",
            name=naming.name("load-balancer"),
            description="The load balancer in front of the TLS proxy",
            vpc_id=args.vpc_id,
            tags=naming.aws("load-balancer"),
            opts=child,
        )
        [https] = connections.ports_between(connections.CLIENTS, connections.LOAD_BALANCER)
        for cidr in args.settings.ingress_cidrs:
            allow_port(
                aws.vpc.SecurityGroupIngressRule,
                f"{name}-https-from-{cidr.replace('/', '-')}",
                https,
                security_group_id=load_balancer.id,
                description=f"HTTPS from {cidr}",
                peer_cidr=cidr,
                tags=naming.aws("https"),
                opts=child,
            )
        for port in connections.ports_between(connections.LOAD_BALANCER, connections.PROXY):
            allow_port(
                aws.vpc.SecurityGroupEgressRule,
                f"{name}-{port.name}-to-pods",
                port,
                security_group_id=load_balancer.id,
                description=f"Load balancer to the TLS proxy: {port.name}",
                peer_group_id=cluster,
                tags=naming.aws(f"{port.name}-to-pods"),
                opts=child,
            )
            allow_port(
                aws.vpc.SecurityGroupIngressRule,
                f"{name}-{port.name}-from-load-balancer",
                port,
                security_group_id=cluster,
                description=f"TLS proxy from the load balancer: {port.name}",
                peer_group_id=load_balancer.id,
                tags=naming.aws(f"{port.name}-from-load-balancer"),
                opts=child,
            )

        # The group has no egress rule: the provider removes the default one that AWS adds to a new group.
        database = aws.ec2.SecurityGroup(
            f"{name}-database",
            name=naming.name("database"),
            description="The PostgreSQL database",
            vpc_id=args.vpc_id,
            tags=naming.aws("database"),
            opts=child,
        )
        [postgresql] = connections.ports_from_pods(connections.DATABASE)
        allow_port(
            aws.vpc.SecurityGroupIngressRule,
            f"{name}-database-from-pods",
            postgresql,
            security_group_id=database.id,
            description="PostgreSQL from the pods",
            peer_group_id=cluster,
            tags=naming.aws("database-from-pods"),
            opts=child,
        )

        # Like the database's group, this one has no egress rule.
        endpoint = aws.ec2.SecurityGroup(
            f"{name}-secrets-endpoint",
            name=naming.name("secrets-endpoint"),
            description="The endpoint of Secrets Manager",
            vpc_id=args.vpc_id,
            tags=naming.aws("secrets-endpoint"),
            opts=child,
        )
        [https_to_endpoint] = connections.ports_from_pods(connections.SECRETS_ENDPOINT)
        allow_port(
            aws.vpc.SecurityGroupIngressRule,
            f"{name}-secrets-endpoint-from-pods",
            https_to_endpoint,
            security_group_id=endpoint.id,
            description="Secrets Manager from the pods",
            peer_group_id=cluster,
            tags=naming.aws("secrets-endpoint-from-pods"),
            opts=child,
        )

        self.load_balancer_security_group_id = load_balancer.id
        self.database_security_group_id = database.id
        self.secrets_endpoint_security_group_id = endpoint.id
        self.register_outputs(
            {
                "load_balancer_security_group_id": self.load_balancer_security_group_id,
                "database_security_group_id": self.database_security_group_id,
                "secrets_endpoint_security_group_id": self.secrets_endpoint_security_group_id,
            }
        )
