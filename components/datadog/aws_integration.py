"""Datadog's access to the metrics of the AWS account."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_datadog as datadog

from components.common.iam_documents import Statement, allow, document
from components.common.naming import Naming
from components.common.outputs import require_output

DATADOG_ACCOUNTS = {
    "datadoghq.com": "464622532012",
    "us3.datadoghq.com": "464622532012",
    "us5.datadoghq.com": "464622532012",
    "datadoghq.eu": "464622532012",
    "ap1.datadoghq.com": "417141415827",
    "ap2.datadoghq.com": "412381753143",
}
"""AWS account from which each Datadog site reads (Datadog: AWS manual setup guide)."""

NAMESPACES = ["AWS/NATGateway", "AWS/NetworkELB", "AWS/RDS", "AWS/S3"]
"""CloudWatch namespaces that the monitors and the dashboard use; the agent reports nodes and pods."""


@dataclass(frozen=True, kw_only=True)
class AwsIntegrationArgs:
    """Arguments of AwsIntegration."""

    enabled: bool
    """True in one stack per account, since Datadog registers an account once."""
    site: str
    """The Datadog site, such as ap1.datadoghq.com."""
    naming: Naming


class AwsIntegration(pulumi.ComponentResource):
    """The account's registration in Datadog, and the role that Datadog assumes; nothing if disabled."""

    def __init__(
        self, name: str, args: AwsIntegrationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:monitoring:AwsIntegration", name, None, opts)
        if args.enabled:
            self._declare(name, args)
        self.register_outputs({})

    def _declare(self, name: str, args: AwsIntegrationArgs) -> None:
        child, naming = pulumi.ResourceOptions(parent=self), args.naming
        role_name = naming.name("datadog")
        account = datadog.aws.IntegrationAccount(
            name,
            aws_account_id=naming.account,
            aws_partition="aws",
            # The account contains all environments, so each resource provides its own `env` tag.
            account_tags=[f"team:{naming.team}"],
            auth_config={"aws_auth_config_role": {"role_name": role_name}},
            aws_regions={"include_onlies": [naming.region]},
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
        # Datadog chooses the external id at registration, and uses the role later.
        role = aws.iam.Role(
            name,
            name=role_name,
            description="Datadog reads metrics and tags",
            assume_role_policy=document(trust(DATADOG_ACCOUNTS[args.site], external_id(account))),
            permissions_boundary=naming.boundary_arn(),
            tags=naming.aws("datadog"),
            opts=child,
        )
        aws.iam.RolePolicy(name, role=role.name, policy=document(*read_permissions(naming)), opts=child)


def external_id(account: datadog.aws.IntegrationAccount) -> pulumi.Output[str]:
    """Return the external ID, which prevents other Datadog customers from using the role."""
    return require_output(
        account.auth_config,
        *("aws_auth_config_role", "external_id"),
        resource="Datadog's AWS integration",
        meaning="the external id of its role",
    )


def trust(datadog_account: str, external_id: pulumi.Input[str]) -> Statement:
    """Return a trust statement that lets Datadog assume the role, for this Datadog organization only."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{datadog_account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }


def read_permissions(naming: Naming) -> list[Statement]:
    """Return the permissions that Datadog documents for NAMESPACES; they cover metrics and tags, not data."""
    return [
        # These actions do not support resource-level permissions (AWS service authorization reference).
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
            [f"arn:aws:rds:{naming.region}:{naming.account}:db:*"],
        ),
        allow("DescribeBuckets", ["s3:GetBucketLocation", "s3:GetBucketTagging"], ["arn:aws:s3:::*"]),
    ]
