"""Who may talk to whom: the security groups of the load balancer and the database, and their rules."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.naming import Labels
from components.settings.security_groups import SecurityGroups as FirewallSettings


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """What a Firewall needs to know."""

    settings: FirewallSettings
    labels: Labels
    vpc_id: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    """The group that EKS made; in Auto Mode it is the pods' too."""
    traffic_port: int
    """Where the TLS proxy's pods listen."""
    health_port: int
    """Where they say how they are; plain HTTP, for the load balancer only."""
    database_port: int = 5432


class Firewall(pulumi.ComponentResource):
    """Internet → load balancer → proxy's pods, and pods → database; nothing else is opened.

    A load balancer with a group of ours gets no rules from the controller, so the way to the pods is
    opened here, on the cluster's group.
    """

    load_balancer_security_group_id: pulumi.Output[str]
    database_security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:network:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels, cluster = args.labels, args.cluster_security_group_id

        load_balancer = aws.ec2.SecurityGroup(
            f"{name}-load-balancer",
            name=labels.name("load-balancer"),
            description="The load balancer in front of the TLS proxy",
            vpc_id=args.vpc_id,
            tags=labels.aws("load-balancer"),
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
                tags=labels.aws("https"),
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
                tags=labels.aws(f"{purpose}-to-pods"),
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
                tags=labels.aws(f"{purpose}-from-load-balancer"),
                opts=child,
            )

        # No way out: the provider takes away the one that AWS puts into a new group.
        database = aws.ec2.SecurityGroup(
            f"{name}-database",
            name=labels.name("database"),
            description="The PostgreSQL database",
            vpc_id=args.vpc_id,
            tags=labels.aws("database"),
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
            tags=labels.aws("database-from-pods"),
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
