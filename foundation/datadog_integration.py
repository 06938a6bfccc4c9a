"""Datadog's access to the metrics of the AWS account."""

from dataclasses import dataclass

import pulumi
import pulumi_datadog as datadog

from components.common.iam_documents import Statement, allow
from components.common.naming import Naming
from components.common.outputs import require_output
from foundation.service_roles.role import ServiceRole, declare_role

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
class DatadogIntegrationArgs:
    """Arguments of DatadogIntegration."""

    site: str
    """The Datadog site, such as ap1.datadoghq.com."""
    copy_region: str
    """The second region, where stacks are restored if the first is lost."""
    naming: Naming


class DatadogIntegration(pulumi.ComponentResource):
    """The account's registration in Datadog, and the role that Datadog assumes.

    Without it, the monitors of the database and parts of the dashboard have no data. The keys come from the
    environment variables DATADOG_API_KEY and DATADOG_APP_KEY (Datadog provider).
    """

    def __init__(
        self, name: str, args: DatadogIntegrationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:monitoring:DatadogIntegration", name, None, opts)
        child, naming = pulumi.ResourceOptions(parent=self), args.naming
        role_name = f"{naming.service}-datadog"
        account = datadog.aws.IntegrationAccount(
            name,
            aws_account_id=naming.account,
            aws_partition="aws",
            # The account may contain several environments, so each resource provides its own `env` tag.
            account_tags=[f"team:{naming.team}"],
            auth_config={"aws_auth_config_role": {"role_name": role_name}},
            aws_regions={"include_onlies": [naming.region, args.copy_region]},
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
        # Datadog chooses the external ID at registration, and uses the role later.
        declare_role(
            ServiceRole(
                name=role_name,
                description="Datadog reads metrics and tags",
                trust=trust(DATADOG_ACCOUNTS[args.site], external_id(account)),
                statements=read_permissions(naming, args.copy_region),
            ),
            naming,
            child,
        )
        self.register_outputs({})


def external_id(account: datadog.aws.IntegrationAccount) -> pulumi.Output[str]:
    """Return the external ID, which prevents other Datadog customers from using the role."""
    return require_output(
        account.auth_config,
        *("aws_auth_config_role", "external_id"),
        resource="Datadog's AWS integration",
        meaning="the external ID of its role",
    )


def trust(datadog_account: str, external_id: pulumi.Input[str]) -> Statement:
    """Return a trust statement that lets Datadog assume the role, for this Datadog organization only."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{datadog_account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }


def read_permissions(naming: Naming, copy_region: str) -> list[Statement]:
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
            [f"arn:aws:rds:{region}:{naming.account}:db:*" for region in (naming.region, copy_region)],
        ),
        allow("DescribeBuckets", ["s3:GetBucketLocation", "s3:GetBucketTagging"], ["arn:aws:s3:::*"]),
    ]
