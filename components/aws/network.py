"""The VPC: public, private and database subnets over three zones; IPv4 only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.log_group import LogGroupArgs, encrypted_log_group
from components.common.iam_documents import allow, document, service_trust
from components.common.naming import Labels
from components.settings.network import Network as NetworkSettings

NO_CONTROL_PLANE = ("use1-az3", "usw1-az2", "cac1-az3")
"""Zones, by id, that EKS does not accept for a cluster's subnets (EKS, VPC and subnet requirements)."""

INTERNET = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a Network needs to know."""

    settings: NetworkSettings
    labels: Labels
    protect: bool
    """Whether Pulumi refuses to delete the key of the flow logs."""


class Network(pulumi.ComponentResource):
    """A VPC in which only load balancers and NAT gateways have public addresses."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    """Load balancers and NAT gateways; one a zone."""
    private_subnet_ids: list[pulumi.Output[str]]
    """Nodes, pods and the runner; one a zone, out through NAT."""
    database_subnet_ids: list[pulumi.Output[str]]
    """The database; one a zone, no way to the internet or back."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:network:Network", name, None, opts)
        self._labels = args.labels
        self._child = child = pulumi.ResourceOptions(parent=self)
        subnets, labels = args.settings.subnets, args.labels

        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.settings.cidr,
            # Both are needed to find the cluster's private endpoint by its name.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=labels.aws("vpc"),
            opts=child,
        )
        # AWS makes this group with the VPC, open among its members. Empty lists, and not absent ones: a rule
        # that somebody adds by hand is seen and taken away again.
        aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], tags=labels.aws("default-closed"), opts=child
        )
        self._log_flows(vpc, args)

        # In any state: a zone that is down stays in the list, and the others keep their places.
        zones = aws.get_availability_zones_output(
            # Leaves local zones and wavelength zones out: they have to be opted in to.
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            exclude_zone_ids=NO_CONTROL_PLANE,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        # The role tags tell the load balancer controller where to put what (EKS, subnet tags).
        public = self._subnets(vpc, zones.names, "public", subnets.public, {"kubernetes.io/role/elb": "1"})
        private = self._subnets(
            vpc, zones.names, "private", subnets.private, {"kubernetes.io/role/internal-elb": "1"}
        )
        database = self._subnets(vpc, zones.names, "database", subnets.database, {})

        gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags=labels.aws("internet"), opts=child)
        out = self._table(vpc, "public", public)
        aws.ec2.Route(
            f"{name}-public",
            route_table_id=out.id,
            destination_cidr_block=INTERNET,
            gateway_id=gateway.id,
            opts=child,
        )
        nats = self._nat_gateways(
            public if args.settings.nat_gateways == "each-zone" else public[:1], gateway
        )
        # A table a zone even with one gateway: more gateways later change routes, not associations.
        tables = [self._table(vpc, f"private-{zone}", [subnet]) for zone, subnet in enumerate(private, 1)]
        for zone, table in enumerate(tables, 1):
            aws.ec2.Route(
                f"{name}-private-{zone}",
                route_table_id=table.id,
                destination_cidr_block=INTERNET,
                nat_gateway_id=nats[min(zone, len(nats)) - 1].id,
                opts=child,
            )
        self._table(vpc, "database", database)
        # Images' layers and backups go to S3 without NAT and its price.
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{labels.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags=labels.aws("s3"),
            opts=child,
        )

        self.vpc_id = vpc.id
        self.public_subnet_ids = [subnet.id for subnet in public]
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.database_subnet_ids = [subnet.id for subnet in database]
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "database_subnet_ids": self.database_subnet_ids,
            }
        )

    def _subnets(
        self,
        vpc: aws.ec2.Vpc,
        zones: pulumi.Output[Sequence[str]],
        tier: str,
        cidrs: Sequence[str],
        tags: dict[str, str],
    ) -> list[aws.ec2.Subnet]:
        """One subnet a zone; a public address is never given out by itself.

        A subnet stays in the zone that it was made in: a new zone of the region changes the places of others,
        and another zone would replace the subnet with all that is in it.
        """
        stays = pulumi.ResourceOptions(parent=self, ignore_changes=["availabilityZone"])
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{zone}",
                vpc_id=vpc.id,
                cidr_block=cidr,
                availability_zone=zone_name(zones, zone, self._labels.region),
                map_public_ip_on_launch=False,
                tags=self._labels.aws(f"{tier}-{zone}") | tags,
                opts=stays,
            )
            for zone, cidr in enumerate(cidrs, 1)
        ]

    def _table(self, vpc: aws.ec2.Vpc, label: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        """A route table of these subnets; of itself it leads nowhere but the VPC."""
        table = aws.ec2.RouteTable(
            f"{self._name}-{label}", vpc_id=vpc.id, tags=self._labels.aws(label), opts=self._child
        )
        for number, subnet in enumerate(subnets, 1):
            aws.ec2.RouteTableAssociation(
                f"{self._name}-{label}-{number}",
                route_table_id=table.id,
                subnet_id=subnet.id,
                opts=self._child,
            )
        return table

    def _nat_gateways(
        self, subnets: Sequence[aws.ec2.Subnet], gateway: aws.ec2.InternetGateway
    ) -> list[aws.ec2.NatGateway]:
        """One gateway a subnet, with an address that stays the same."""
        # The address of a NAT gateway works only once the VPC has its way out, and belongs to one at a time.
        after = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
        alone = pulumi.ResourceOptions.merge(after, pulumi.ResourceOptions(delete_before_replace=True))
        nats: list[aws.ec2.NatGateway] = []
        for zone, subnet in enumerate(subnets, 1):
            name, tags = f"{self._name}-nat-{zone}", self._labels.aws(f"nat-{zone}")
            address = aws.ec2.Eip(name, domain="vpc", tags=tags, opts=after)
            nats.append(
                aws.ec2.NatGateway(
                    name, allocation_id=address.allocation_id, subnet_id=subnet.id, tags=tags, opts=alone
                )
            )
        return nats

    def _log_flows(self, vpc: aws.ec2.Vpc, args: NetworkArgs) -> None:
        """Who talked to whom, accepted or rejected, in a log group that only the service may write."""
        name, labels = f"{self._name}-flow-logs", self._labels
        group = encrypted_log_group(
            name,
            LogGroupArgs(
                group=f"/{labels.service}/{labels.environment}/vpc-flow-logs",
                alias="flow-logs",
                retention_days=args.settings.flow_log_retention_days,
                labels=labels,
                protect=args.protect,
            ),
            self._child,
        )
        role = aws.iam.Role(
            name,
            name=labels.name("flow-logs"),
            description="Writes the flow logs of the VPC",
            assume_role_policy=service_trust("vpc-flow-logs.amazonaws.com", labels.account),
            permissions_boundary=labels.boundary_arn(),
            tags=labels.aws("flow-logs"),
            opts=self._child,
        )
        every_group = f"arn:aws:logs:{labels.region}:{labels.account}:log-group:*"
        policy = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=document(
                allow(
                    "WriteEvents",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [group.arn, pulumi.Output.concat(group.arn, ":*")],
                ),
                # The service looks for its group among all of them.
                allow("FindGroup", ["logs:DescribeLogGroups"], [every_group]),
            ),
            opts=self._child,
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=labels.aws("flow-logs"),
            # AWS refuses a second one for the same VPC and group.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy], delete_before_replace=True),
        )


def zone_name(zones: pulumi.Output[Sequence[str]], number: int, region: str) -> pulumi.Output[str]:
    """The name of the region's first, second, third … zone."""

    def pick(names: Sequence[str]) -> str:
        if number > len(names):
            raise ValueError(
                f"{region} has {len(names)} availability zones for a cluster ({', '.join(names)}), "
                f"but pipe:network.subnets names {number}: choose a region with {number} or more"
            )
        return sorted(names)[number - 1]

    return zones.apply(pick)
