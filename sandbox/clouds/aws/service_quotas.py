"""Quotas of the sandbox's account, in place of moto's Service Quotas, which has only a few VPC quotas.

A request over a quota is refused. moto itself refuses more than 60 rules per security group. No instance is
ever created and no build runs, so the quotas of vCPUs and builds refuse nothing.
"""

from dataclasses import dataclass

from sandbox.clouds.aws.eks.families import CLUSTER
from sandbox.clouds.aws.lookups import databases, subnets
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json


@dataclass(frozen=True)
class Quota:
    """A quota with AWS's default and, if AWS has applied one, the account's own value."""

    name: str
    default: float
    applied: float | None = None


QUOTAS = {
    ("ec2", "L-0263D0A3"): Quota("EC2-VPC Elastic IPs", 5, 5),
    # AWS raises the value of a new account (5) as the account uses more.
    ("ec2", "L-1216C47A"): Quota("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 64),
    ("vpc", "L-F678F1CE"): Quota("VPCs per Region", 5, 5),
    ("vpc", "L-A4707A72"): Quota("Internet gateways per Region", 5, 5),
    ("vpc", "L-FE5A380F"): Quota("NAT gateways per Availability Zone", 5, 5),
    ("vpc", "L-0EA8095F"): Quota("Inbound or outbound rules per security group", 60, 60),
    ("codebuild", "L-9D07B6EF"): Quota("Concurrently running builds for Linux/Small environment", 1, 1),
    ("codebuild", "L-2DC20C30"): Quota("Concurrently running builds for Linux/Medium environment", 1, 1),
    ("codebuild", "L-4DDC4A99"): Quota("Concurrently running builds for Linux/Large environment", 1, 1),
    ("eks", "L-1194D53C"): Quota("Clusters", 100, 100),
    ("elasticloadbalancing", "L-69A177A2"): Quota("Network Load Balancers per Region", 50, 50),
    ("rds", "L-7B6409FD"): Quota("DB instances", 40, 40),
    ("rds", "L-7ADDB58A"): Quota("Total storage for all DB instances", 100000, 100000),
    ("iam", "L-FE177D64"): Quota("Roles per account", 1000),
}
"""Quotas by service and code (AWS General Reference, endpoints and quotas of each service)."""


@emulates("service-quotas:GetServiceQuota")
def get_applied(request: AwsRequest) -> Json:
    """Return the account's value of a quota; refuse a quota that has only a default."""
    quota = _find(request.params)
    if quota.applied is None:
        raise ErrorResponse(400, "The quota has no applied value.", "NoSuchResourceException")
    return {"Quota": _response(request.params, quota, quota.applied)}


@emulates("service-quotas:GetAWSDefaultServiceQuota")
def get_default(request: AwsRequest) -> Json:
    """Return AWS's default for a quota."""
    quota = _find(request.params)
    return {"Quota": _response(request.params, quota, quota.default)}


# The codes and messages are AWS's (EC2 API, error codes; error shapes of the EKS, RDS and IAM APIs).


@refuses("ec2:CreateVpc")
def too_many_vpcs(request: AwsRequest) -> None:
    """Refuse a VPC over the quota, in which the region's default VPC counts."""
    if _is_used_up("vpc", "L-F678F1CE", len(request.look("DescribeVpcs")["Vpcs"])):
        raise ErrorResponse(400, "The maximum number of VPCs has been reached.", "VpcLimitExceeded")


@refuses("ec2:AllocateAddress")
def too_many_addresses(request: AwsRequest) -> None:
    """Refuse an elastic IP address over the quota."""
    if _is_used_up("ec2", "L-0263D0A3", len(request.look("DescribeAddresses")["Addresses"])):
        raise ErrorResponse(400, "The maximum number of addresses has been reached.", "AddressLimitExceeded")


@refuses("ec2:CreateInternetGateway")
def too_many_internet_gateways(request: AwsRequest) -> None:
    """Refuse an internet gateway over the quota."""
    gateways = request.look("DescribeInternetGateways")["InternetGateways"]
    if _is_used_up("vpc", "L-A4707A72", len(gateways)):
        message = "The maximum number of internet gateways has been reached."
        raise ErrorResponse(400, message, "InternetGatewayLimitExceeded")


@refuses("ec2:CreateNatGateway")
def too_many_nat_gateways(request: AwsRequest) -> None:
    """Refuse a NAT gateway over the quota of its availability zone."""
    subnet_id = request.params.get("SubnetId")
    if not subnet_id:
        return
    gateways: list[Json] = request.look("DescribeNatGateways")["NatGateways"]
    subnet_ids = [gateway["SubnetId"] for gateway in gateways if gateway["State"] != "deleted"]
    zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in subnets(request, subnet_ids)}
    zone = subnets(request, [subnet_id])[0]["AvailabilityZone"]
    if _is_used_up("vpc", "L-FE5A380F", sum(zones[used] == zone for used in subnet_ids)):
        message = "The maximum number of NAT Gateways has been reached."
        raise ErrorResponse(400, message, "NatGatewayLimitExceeded")


@refuses("eks:CreateCluster")
def too_many_clusters(request: AwsRequest) -> None:
    """Refuse a cluster over the quota."""
    if _is_used_up("eks", "L-1194D53C", len(request.existing(CLUSTER))):
        message = f"Cluster limit of {_value('eks', 'L-1194D53C'):.0f} exceeded"
        raise ErrorResponse(400, message, "ResourceLimitExceededException")


@refuses("rds:CreateDBInstance")
def too_many_databases(request: AwsRequest) -> None:
    """Refuse a database over the quota of instances, or of the storage of all instances in GiB."""
    existing = databases(request)
    if _is_used_up("rds", "L-7B6409FD", len(existing)):
        raise ErrorResponse(400, "Instance quota exceeded", "InstanceQuotaExceeded")
    sizes: list[int] = [database["AllocatedStorage"] for database in existing]
    if sum(sizes) + request.params.get("AllocatedStorage", 0) > _value("rds", "L-7ADDB58A"):
        raise ErrorResponse(400, "Storage quota exceeded", "StorageQuotaExceeded")


@refuses("iam:CreateRole")
def too_many_roles(request: AwsRequest) -> None:
    """Refuse a role over the quota."""
    if _is_used_up("iam", "L-FE177D64", len(request.look("ListRoles")["Roles"])):
        limit = f"{_value('iam', 'L-FE177D64'):.0f}"
        raise ErrorResponse(409, f"Cannot exceed quota for RolesPerAccount: {limit}", "LimitExceeded")


def _value(service: str, code: str) -> float:
    """Return the account's value of a quota."""
    quota = QUOTAS[service, code]
    return quota.default if quota.applied is None else quota.applied


def _is_used_up(service: str, code: str, count: int) -> bool:
    """Return True if the account has no room for another resource."""
    return count >= _value(service, code)


def _find(params: Json) -> Quota:
    quota = QUOTAS.get((params["ServiceCode"], params["QuotaCode"]))
    if quota is None:
        raise ErrorResponse(
            400, "The request failed because the quota does not exist.", "NoSuchResourceException"
        )
    return quota


def _response(params: Json, quota: Quota, value: float) -> Json:
    return {
        "ServiceCode": params["ServiceCode"],
        "QuotaCode": params["QuotaCode"],
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
    }
