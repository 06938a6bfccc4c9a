"""Add-ons of clusters (EKS API)."""

import re

from sandbox.clouds.aws.eks.clusters import update
from sandbox.clouds.aws.eks.families import ADDON
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

NAMES = re.compile(
    "vpc-cni|coredns|kube-proxy|metrics-server|aws-ebs-csi-driver|aws-efs-csi-driver|aws-fsx-csi-driver"
    "|aws-mountpoint-s3-csi-driver|eks-pod-identity-agent|eks-node-monitoring-agent|snapshot-controller"
    "|amazon-cloudwatch-observability|adot|aws-guardduty-agent|cert-manager|external-dns|kube-state-metrics"
    "|prometheus-node-exporter|fluent-bit"
)
"""The add-ons that EKS offers (EKS user guide, AWS add-ons and community add-ons)."""


@refuses("eks:CreateAddon")
def unknown_addon(request: AwsRequest) -> None:
    """Refuse an add-on that EKS does not offer."""
    name = request.params["addonName"]
    if not NAMES.fullmatch(name):
        raise ErrorResponse(400, f"Addon {name} specified is not supported", "InvalidParameterException")


@emulates("eks:CreateAddon", creates=ADDON)
def create_addon(request: AwsRequest) -> Json:
    """Create an add-on, which is active at once."""
    path = f"{request.params['clusterName']}/{request.params['addonName']}/{request.uuid}"
    addon: Json = {
        "addonVersion": "v1.0.0-eksbuild.1",
        "tags": {},
        **request.sent("resolveConflicts"),
        "addonArn": request.arn(f"addon/{path}"),
        "status": "ACTIVE",
        "health": {"issues": []},
        "createdAt": request.now,
        "modifiedAt": request.now,
    }
    return {"addon": request.store(ADDON, addon)}


@emulates("eks:DescribeAddon", needs=ADDON)
def describe_addon(request: AwsRequest) -> Json:
    """Return an add-on."""
    return {"addon": request.record}


@emulates("eks:ListAddons", within=ADDON)
def list_addons(request: AwsRequest) -> Json:
    """Return the names of a cluster's add-ons."""
    addons = request.children(ADDON, request.params["clusterName"])
    return {"addons": [addon["addonName"] for addon in addons]}


@emulates("eks:UpdateAddon", needs=ADDON)
def update_addon(request: AwsRequest) -> Json:
    """Change an add-on."""
    request.change("resolveConflicts", modifiedAt=request.now)
    return update(request, "AddonUpdate")


@emulates("eks:DeleteAddon", needs=ADDON)
def delete_addon(request: AwsRequest) -> Json:
    """Delete an add-on."""
    return {"addon": request.remove(ADDON)}
