"""The security groups of the load balancer and the database, and their rules."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.naming import Naming
from components.settings.models.security_groups import SecurityGroups as SecurityGroupsSettings


@dataclass(frozen=True, kw_only=True)
class SecurityGroupsArgs:
    """Arguments of SecurityGroups."""

    settings: SecurityGroupsSettings
    naming: Naming
    vpc_id: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    """The group that EKS creates; in Auto Mode it is also the pods' group."""
    traffic_port: int
    """Port on which the TLS proxy's pods listen."""
    health_port: int
    """Port of their health checks; plain HTTP, for the load balancer only."""
    database_port: int = 5432


class SecurityGroups(pulumi.ComponentResource):
    """The allowed connections: internet to load balancer to proxy pods, and pods to database.

    The controller adds no rules for a load balancer that brings its own group, so the rules that admit it to
    the pods are declared here, on the cluster's group.
    """

    load_balancer_security_group_id: pulumi.Output[str]
    database_security_group_id: pulumi.Output[str]

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
        for cidr in args.settings.ingress_cidrs:
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-https-from-{cidr.replace('/', '-')}",
                security_group_id=load_balancer.id,
                description=f"HTTPS from {cidr}",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                tags=naming.aws("https"),
                opts=child,
            )
        for purpose, port in (("traffic", args.traffic_port), ("health", args.health_port)):
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-{purpose}-to-pods",
                security_group_id=load_balancer.id,
                description=f"Load balancer to the TLS proxy: {purpose}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=cluster,
                tags=naming.aws(f"{purpose}-to-pods"),
                opts=child,
            )
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-{purpose}-from-load-balancer",
                security_group_id=cluster,
                description=f"TLS proxy from the load balancer: {purpose}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=load_balancer.id,
                tags=naming.aws(f"{purpose}-from-load-balancer"),
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
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-database-from-pods",
            security_group_id=database.id,
            description="PostgreSQL from the pods",
            ip_protocol="tcp",
            from_port=args.database_port,
            to_port=args.database_port,
            referenced_security_group_id=cluster,
            tags=naming.aws("database-from-pods"),
            opts=child,
        )

        self.load_balancer_security_group_id = load_balancer.id
        self.database_security_group_id = database.id
        self.register_outputs(
            {
                "load_balancer_security_group_id": self.load_balancer_security_group_id,
                "database_security_group_id": self.database_security_group_id,
            }
        )
