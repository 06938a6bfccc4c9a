"""Quotas of the sandbox's account, in place of moto's Service Quotas, which has only a few VPC quotas."""

from dataclasses import dataclass

from sandbox.clouds.aws.registry import emulates
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
