"""Load balancers that EKS Auto Mode creates for the Services of a cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from operations.lib import sandbox_targets
from operations.lib.command_line import Options

CLUSTER_TAG = "eks:eks-cluster-name"
"""Tag of Auto Mode's load balancers (EKS user guide, Troubleshoot EKS Auto Mode, view resources)."""
TAGGED = 20
"""Largest number of load balancers in a request for tags (ELB API, DescribeTags)."""
PROTECTION = "deletion_protection.enabled"
INTERFACE = "ELB "
"""Start of the description of a load balancer's network interface (Network Load Balancer user guide)."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A load balancer of the cluster."""

    arn: str
    address: str
    """DNS name."""


def of_cluster(options: Options, cluster: str) -> list[LoadBalancer]:
    """Return the load balancers of a cluster in the stack's region."""
    api = sandbox_targets.aws(options, "elbv2")
    pages = api.get_paginator("describe_load_balancers").paginate()
    listed = [
        LoadBalancer(arn=entry["LoadBalancerArn"], address=entry["DNSName"])
        for page in pages
        for entry in page["LoadBalancers"]
    ]
    return [balancer for balancer in listed if balancer.arn in set(_arns_of(api, listed, cluster))]


def _arns_of(api: Any, listed: list[LoadBalancer], cluster: str) -> Iterator[str]:
    for start in range(0, len(listed), TAGGED):
        arns = [balancer.arn for balancer in listed[start : start + TAGGED]]
        for described in api.describe_tags(ResourceArns=arns)["TagDescriptions"]:
            if {"Key": CLUSTER_TAG, "Value": cluster} in described["Tags"]:
                yield described["ResourceArn"]


def allow_deletion(options: Options, balancer: LoadBalancer) -> bool:
    """Switch off the deletion protection of a load balancer; return False if it was already off."""
    api = sandbox_targets.aws(options, "elbv2")
    attributes = api.describe_load_balancer_attributes(LoadBalancerArn=balancer.arn)["Attributes"]
    if {"Key": PROTECTION, "Value": "true"} not in attributes:
        return False
    off = {"Key": PROTECTION, "Value": "false"}
    api.modify_load_balancer_attributes(LoadBalancerArn=balancer.arn, Attributes=[off])
    return True


def interfaces(options: Options, vpc: str) -> list[str]:
    """Return the IDs of the load balancers' network interfaces in a VPC.

    They may outlive their load balancer for some minutes. Until then, AWS refuses to delete their subnets and
    security groups.
    """
    api = sandbox_targets.aws(options, "ec2")
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "description", "Values": [f"{INTERFACE}*"]}]
    pages = api.get_paginator("describe_network_interfaces").paginate(Filters=filters)
    return [entry["NetworkInterfaceId"] for page in pages for entry in page["NetworkInterfaces"]]


def unhealthy_targets(options: Options, balancer: LoadBalancer) -> Mapping[str, str]:
    """Return the reason for each target that is not healthy, by the target's address and port.

    Targets that the load balancer is registering or draining are left out, since both are usual while pods
    are replaced.
    """
    api = sandbox_targets.aws(options, "elbv2")
    groups = api.describe_target_groups(LoadBalancerArn=balancer.arn)["TargetGroups"]
    reasons: dict[str, str] = {}
    for group in groups:
        answer = api.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        for described in answer["TargetHealthDescriptions"]:
            target, health = described["Target"], described["TargetHealth"]
            if health["State"] in UNHEALTHY:
                reason = health.get("Description") or health.get("Reason") or health["State"]
                reasons[f"{target['Id']}:{target.get('Port', '')}"] = reason
    return reasons


UNHEALTHY = ("unavailable", "unhealthy", "unhealthy.draining")
"""States of targets that get no new connections although they should (ELB API, TargetHealth)."""
