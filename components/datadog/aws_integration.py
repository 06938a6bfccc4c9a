"""Lets Datadog read the metrics of the AWS account."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_datadog as datadog

from components.common.iam_documents import Statement, allow, document
from components.common.naming import Labels
from components.common.outputs import require_output

DATADOG_ACCOUNTS = {
    "datadoghq.com": "464622532012",
    "us3.datadoghq.com": "464622532012",
    "us5.datadoghq.com": "464622532012",
    "datadoghq.eu": "464622532012",
    "ap1.datadoghq.com": "417141415827",
    "ap2.datadoghq.com": "412381753143",
}
"""The AWS account that each site of Datadog reads from (Datadog: AWS manual setup guide)."""

NAMESPACES = ["AWS/NATGateway", "AWS/NetworkELB", "AWS/RDS", "AWS/S3"]
"""What monitors and dashboard look at; the agent reports the nodes and pods."""


@dataclass(frozen=True, kw_only=True)
class AwsIntegrationArgs:
    """What an AwsIntegration needs to know."""

    enabled: bool
    """True in one stack an account: Datadog knows an account once."""
    site: str
    """The Datadog site, such as ap1.datadoghq.com."""
    labels: Labels


class AwsIntegration(pulumi.ComponentResource):
    """The account as Datadog knows it, and the role that Datadog assumes; nothing when switched off."""

    def __init__(
        self, name: str, args: AwsIntegrationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:monitoring:AwsIntegration", name, None, opts)
        if args.enabled:
            self._declare(name, args)
        self.register_outputs({})

    def _declare(self, name: str, args: AwsIntegrationArgs) -> None:
        child, labels = pulumi.ResourceOptions(parent=self), args.labels
        role_name = labels.name("datadog")
        account = datadog.aws.IntegrationAccount(
            name,
            aws_account_id=labels.account,
            aws_partition="aws",
            # The environment is a tag of each resource; the account holds all of them.
            account_tags=[f"team:{labels.team}"],
            auth_config={"aws_auth_config_role": {"role_name": role_name}},
            aws_regions={"include_onlies": [labels.region]},
            metrics_config={
                "enabled": True,
                "automute_enabled": False,
                "collect_cloudwatch_alarms": False,
                "collect_custom_metrics": False,
                "namespace_filters": {"include_onlies": NAMESPACES},
            },
            resources_config={
                "cloud_security_posture_management_collection": False,
                "extended_collection": False,
            },
            logs_config={"lambda_forwarder": {}},
            traces_config={"xray_services": {"include_onlies": []}},
            opts=child,
        )
        # Datadog chooses the external id when it learns of the account, and tries the role only later.
        role = aws.iam.Role(
            name,
            name=role_name,
            description="Datadog reads metrics and tags",
            assume_role_policy=document(trust(DATADOG_ACCOUNTS[args.site], external_id(account))),
            permissions_boundary=labels.boundary_arn(),
            tags=labels.aws("datadog"),
            opts=child,
        )
        aws.iam.RolePolicy(name, role=role.name, policy=document(*reads(labels)), opts=child)


def external_id(account: datadog.aws.IntegrationAccount) -> pulumi.Output[str]:
    """Return the id that only our organization's Datadog sends; without it anybody's Datadog could ask."""
    return require_output(
        account.auth_config,
        *("aws_auth_config_role", "external_id"),
        resource="Datadog's AWS integration",
        meaning="the external id of its role",
    )


def trust(datadog_account: str, external_id: pulumi.Input[str]) -> Statement:
    """Datadog may assume the role, but on behalf of our organization only."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{datadog_account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }


def reads(labels: Labels) -> list[Statement]:
    """What Datadog documents for the four namespaces; metrics and tags, no data."""
    return [
        # None of these can be limited to a resource (AWS service authorization reference).
        allow(
            "ReadMetricsAndTags",
            [
                "cloudwatch:GetMetricData",
                "cloudwatch:GetMetricStatistics",
                "cloudwatch:ListMetrics",
                "ec2:DescribeNatGateways",
                "ec2:DescribeRegions",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "s3:ListAllMyBuckets",
                "tag:GetResources",
            ],
            ["*"],
        ),
        allow(
            "DescribeDatabases",
            ["rds:DescribeDBInstances", "rds:ListTagsForResource"],
            [f"arn:aws:rds:{labels.region}:{labels.account}:db:*"],
        ),
        allow("DescribeBuckets", ["s3:GetBucketLocation", "s3:GetBucketTagging"], ["arn:aws:s3:::*"]),
    ]
