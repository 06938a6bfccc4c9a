"""The time that AWS takes to create resources: plain data for the sandbox's clock."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Duration:
    """A time in seconds, with its source or the word "assumed". Of a range in a source, it is the longest."""

    seconds: float
    source: str


DURATIONS: Mapping[str, Duration] = {
    # eksctl and Terraform report 8 to 10 minutes in some regions; the stacks' region is Tokyo.
    "eks:CreateCluster": Duration(
        15 * 60, "easontechtalk.com, Unofficial EKS Cluster Creation Performance: ap-northeast-1, 14 min 54 s"
    ),
    "eks:CreateAddon": Duration(2 * 60, "assumed: no time is published, and a small add-on is soon ready"),
    "rds:CreateDBInstance": Duration(
        20 * 60, "RDS user guide, getting started: up to 20 minutes before the new instance is available"
    ),
    "ec2:CreateNatGateway": Duration(
        125, "logs of terraform-aws-modules/vpc, Creation complete after 1m25s to 2m5s"
    ),
    # Only interface endpoints; a gateway endpoint is a route, and is available at once.
    "ec2:CreateVpcEndpoint": Duration(
        2 * 60,
        "assumed: no time is published; it creates network interfaces, as a NAT gateway does",
    ),
    # IAM: new roles are in all regions after about 2 seconds, and rarely after a minute
    # (pulumi/pulumi-aws#2411, DataDog/stratus-red-team#358).
    "iam:CreateRole": Duration(
        15,
        "aws/aws-sdk-js#850: a new policy took effect after 15 seconds; IAM user guide, eventual consistency",
    ),
    "kms:CreateKey": Duration(
        10, "logs of terraform-aws-modules/eks: aws_kms_key, Creation complete after 12s"
    ),
    # Pods need a node of EKS Auto Mode first, whose pool is empty.
    "kubernetes:apps/v1:Deployment": Duration(
        3 * 60, "devfloor9 engineering playbook, Karpenter: 45 to 90 s for a new node; then images and probes"
    ),
    "kubernetes:batch/v1:Job": Duration(3 * 60, "as for a Deployment"),
    "kubernetes:helm.sh/v3:Release": Duration(3 * 60, "as for a Deployment"),
    "kubernetes:core/v1:Service (LoadBalancer)": Duration(
        5 * 60, "kubernetes-sigs/aws-load-balancer-controller#1834: 3 to 5 minutes to register a target"
    ),
}
"""The time by AWS operation, or by type of Kubernetes object. Others take no time worth simulating."""
