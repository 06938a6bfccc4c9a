"""The VPC: public, private and database subnets in three zones; IPv4 only."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.bucket import LogBucketArgs, arn_of, log_bucket
from components.common.iam_documents import Statement, document
from components.common.naming import Naming
from components.settings.models.network import NO_CONTROL_PLANE
from components.settings.models.network import Network as NetworkSettings

INTERNET = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Arguments of Network."""

    settings: NetworkSettings
    naming: Naming
    protect: bool
    """True to make Pulumi refuse to delete the bucket of the flow logs."""


class Network(pulumi.ComponentResource):
    """A VPC in which only load balancers and NAT gateways have public addresses."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    """Subnets of load balancers and NAT gateways, one per zone."""
    private_subnet_ids: list[pulumi.Output[str]]
    """Subnets of nodes, pods and the runner, one per zone; they reach the internet through NAT."""
    database_subnet_ids: list[pulumi.Output[str]]
    """Subnets of the database, one per zone, without a route to the internet."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:network:Network", name, None, opts)
        self._naming = args.naming
        self._child = child = pulumi.ResourceOptions(parent=self)
        subnets, naming = args.settings.subnets, args.naming

        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.settings.cidr,
            # Both settings are required to resolve the name of the cluster's private endpoint.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=naming.aws("vpc"),
            opts=child,
        )
        # AWS creates this group with the VPC and allows traffic among its members. The rule lists are empty
        # instead of absent, so that Pulumi detects and removes rules that are added by hand.
        aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], tags=naming.aws("default-closed"), opts=child
        )
        self._log_flows(vpc, args)

        # Zones are not filtered by state: a zone that is down stays in the list, so the other zones keep
        # their positions.
        zones = aws.get_availability_zones_output(
            # Excludes local zones and wavelength zones, which require an opt-in.
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            exclude_zone_ids=NO_CONTROL_PLANE,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        # The load balancer controller chooses subnets by their role tags (EKS, subnet tags).
        public = self._subnets(vpc, zones.names, "public", subnets.public, {"kubernetes.io/role/elb": "1"})
        private = self._subnets(
            vpc, zones.names, "private", subnets.private, {"kubernetes.io/role/internal-elb": "1"}
        )
        database = self._subnets(vpc, zones.names, "database", subnets.database, {})

        gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags=naming.aws("internet"), opts=child)
        public_table = self._table(vpc, "public", public)
        aws.ec2.Route(
            f"{name}-public",
            route_table_id=public_table.id,
            destination_cidr_block=INTERNET,
            gateway_id=gateway.id,
            opts=child,
        )
        nats = self._nat_gateways(public[: args.settings.nat_zones], gateway)
        # One table per zone, even with a single NAT gateway, so that adding gateways changes only routes.
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
        # Traffic to S3 (image layers, backups) uses this endpoint, which avoids NAT charges.
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{naming.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            policy=document(*s3_access(naming)),
            tags=naming.aws("s3"),
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
        """Declare one subnet per zone, without automatic public addresses.

        A subnet ignores changes to its zone. A zone that AWS adds to the region may change the order of the
        zones, and a different zone would replace the subnet with everything in it.
        """
        keep_zone = pulumi.ResourceOptions(parent=self, ignore_changes=["availabilityZone"])
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{zone}",
                vpc_id=vpc.id,
                cidr_block=cidr,
                availability_zone=zone_name(zones, zone, self._naming.region),
                map_public_ip_on_launch=False,
                tags=self._naming.aws(f"{tier}-{zone}") | tags,
                opts=keep_zone,
            )
            for zone, cidr in enumerate(cidrs, 1)
        ]

    def _table(self, vpc: aws.ec2.Vpc, label: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        """Declare a route table for these subnets, with the VPC's local route only."""
        table = aws.ec2.RouteTable(
            f"{self._name}-{label}", vpc_id=vpc.id, tags=self._naming.aws(label), opts=self._child
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
        """Declare one NAT gateway per subnet, each with a fixed address."""
        # A NAT gateway's address requires the internet gateway and can belong to only one NAT gateway at a
        # time.
        after_gateway = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
        delete_first = pulumi.ResourceOptions.merge(
            after_gateway, pulumi.ResourceOptions(delete_before_replace=True)
        )
        nats: list[aws.ec2.NatGateway] = []
        for zone, subnet in enumerate(subnets, 1):
            name, tags = f"{self._name}-nat-{zone}", self._naming.aws(f"nat-{zone}")
            address = aws.ec2.Eip(name, domain="vpc", tags=tags, opts=after_gateway)
            nats.append(
                aws.ec2.NatGateway(
                    name,
                    allocation_id=address.allocation_id,
                    subnet_id=subnet.id,
                    tags=tags,
                    opts=delete_first,
                )
            )
        return nats

    def _log_flows(self, vpc: aws.ec2.Vpc, args: NetworkArgs) -> None:
        """Log accepted and rejected connections to a bucket, which costs half as much as CloudWatch Logs."""
        name, naming = f"{self._name}-flow-logs", self._naming
        logs = log_bucket(
            name,
            LogBucketArgs(
                bucket=naming.flow_log_bucket,
                naming=naming,
                delivery=deliver_flow_logs(naming),
                days=args.settings.flow_log_retention_days,
                protect=args.protect,
            ),
            self._child,
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=logs.bucket.arn,
            tags=naming.aws("flow-logs"),
            # AWS refuses a second flow log for the same VPC and bucket. Without the bucket's policy, AWS
            # would write one of its own (Amazon VPC user guide, publish flow logs to Amazon S3).
            opts=pulumi.ResourceOptions(
                parent=self, delete_before_replace=True, depends_on=[logs.versioning]
            ),
        )


def deliver_flow_logs(naming: Naming) -> list[Statement]:
    """Return the statements with which a bucket accepts flow logs.

    They are those of the Amazon VPC user guide ("Amazon S3 bucket permissions for flow logs").
    """
    bucket = arn_of(naming.flow_log_bucket)
    source = {"aws:SourceArn": f"arn:aws:logs:{naming.region}:{naming.account}:*"}
    service = {"Service": "delivery.logs.amazonaws.com"}
    return [
        {
            "Sid": "AWSLogDeliveryWrite",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"{bucket}/AWSLogs/{naming.account}/*",
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": naming.account,
                    "s3:x-amz-acl": "bucket-owner-full-control",
                },
                "ArnLike": source,
            },
        },
        {
            "Sid": "AWSLogDeliveryAclCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
            "Resource": bucket,
            "Condition": {"StringEquals": {"aws:SourceAccount": naming.account}, "ArnLike": source},
        },
    ]


def s3_access(naming: Naming) -> list[Statement]:
    """Return the policy statements of the S3 endpoint.

    They allow the account's principals to use the account's buckets, and everybody to read two buckets that
    AWS owns. Code in the VPC therefore cannot copy data to a bucket of another account in the region. ECR
    keeps the layers of all repositories in the first bucket (Amazon ECR user guide, interface VPC endpoints,
    minimum Amazon S3 bucket permissions). From the second, a job of CodeBuild's GitHub runner downloads the
    runner without credentials, also in a VPC. AWS does not document its name: CodeBuild sets the URL
    https://codefactory-REGION-prod-default-build-agent-executor.s3.REGION.amazonaws.com/cawsrunner.zip in the
    variable CODEBUILD_ACTION_RUNNER_URL of each build.
    """
    return [
        {
            "Sid": "UseOwnBuckets",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "aws:PrincipalAccount": naming.account,
                    "aws:ResourceAccount": naming.account,
                }
            },
        },
        {
            "Sid": "PullImageLayers",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::prod-{naming.region}-starport-layer-bucket/*",
        },
        {
            "Sid": "DownloadRunner",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::codefactory-{naming.region}-prod-default-build-agent-executor/*",
        },
    ]


def zone_name(zones: pulumi.Output[Sequence[str]], number: int, region: str) -> pulumi.Output[str]:
    """Return the name of the region's zone with this number, counted from 1."""

    def pick(names: Sequence[str]) -> str:
        if number > len(names):
            raise ValueError(
                f"pipe:network.subnets needs at least {number} availability zones, but {region} has only "
                f"{len(names)} in which EKS accepts a cluster ({', '.join(names)}). Choose another region."
            )
        return sorted(names)[number - 1]

    return zones.apply(pick)
