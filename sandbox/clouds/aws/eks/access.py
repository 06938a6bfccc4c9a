"""Access entries of clusters, and the access policies that are associated with them (EKS API)."""

import re

from sandbox.clouds.aws.eks.families import ACCESS_ENTRY, ACCESS_POLICY, CLUSTER
from sandbox.clouds.aws.lookups import role_arns, user_arns
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

PRINCIPAL = re.compile(r"arn:aws:iam::\d{12}:(role|user)/.+")

POLICY = re.compile(
    "arn:aws:eks::aws:cluster-access-policy/AmazonEKS(Admin|ClusterAdmin|AdminView|Edit|View|AutoNode"
    "|BlockStorage|BlockStorageCluster|ClusterInsights|Compute|ComputeCluster|Hybrid|LoadBalancing"
    "|LoadBalancingCluster"
    "|Networking|NetworkingCluster|SecretAdmin|SecretReader)Policy"
)
"""The access policies (EKS user guide, review access policy permissions)."""

RESERVED_PREFIXES = ("system:", "eks:", "aws:", "amazon:", "iam:")
"""The prefixes that the names of Kubernetes groups must not have (EKS API, CreateAccessEntry)."""


@refuses("eks:CreateAccessEntry")
def invalid_principal(request: AwsRequest) -> None:
    """Refuse a principal that is neither a role nor a user, or that the account lacks."""
    principal = request.params["principalArn"]
    is_own = (
        principal.startswith(f"arn:aws:iam::{request.account}:") and ":role/aws-reserved/" not in principal
    )
    is_valid = PRINCIPAL.fullmatch(principal) and (
        not is_own or principal in role_arns(request) or principal in user_arns(request)
    )
    if not is_valid:
        message = f"The specified principalArn is invalid: invalid principal: {principal}"
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("eks:CreateAccessEntry")
def cluster_without_access_entries(request: AwsRequest) -> None:
    """Refuse an access entry for a cluster with the authentication mode CONFIG_MAP."""
    cluster = request.records.of(request.region, CLUSTER)[request.params["clusterName"]]
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        message = (
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform"
            " this operation."
        )
        raise ErrorResponse(400, message, "InvalidRequestException")


@refuses("eks:CreateAccessEntry")
def reserved_group(request: AwsRequest) -> None:
    """Refuse a Kubernetes group whose name has a reserved prefix."""
    groups = request.params.get("kubernetesGroups", [])
    if any(group.startswith(RESERVED_PREFIXES) for group in groups):
        message = (
            f"The kubernetes group name is invalid: {listing(groups)}; it cannot start with"
            " system:, eks:, aws:, amazon: or iam:"
        )
        raise ErrorResponse(400, message, "InvalidParameterException")


@refuses("eks:AssociateAccessPolicy")
def unknown_access_policy(request: AwsRequest) -> None:
    """Refuse an access policy that EKS does not have."""
    policy = request.params["policyArn"]
    if not POLICY.fullmatch(policy):
        message = f"The specified access policy does not exist: {policy}"
        raise ErrorResponse(400, message, "ResourceNotFoundException")


@refuses("eks:AssociateAccessPolicy")
def invalid_access_scope(request: AwsRequest) -> None:
    """Refuse a namespace scope that lists no namespaces, and a cluster scope that lists some."""
    scope = request.params["accessScope"]
    kind, namespaces = scope.get("type"), scope.get("namespaces")
    if (kind == "namespace" and not namespaces) or (kind == "cluster" and namespaces):
        message = "an access scope of type namespace must list namespaces, and one of type cluster must not"
        raise ErrorResponse(400, message, "InvalidParameterException")


@emulates("eks:CreateAccessEntry", creates=ACCESS_ENTRY)
def create_access_entry(request: AwsRequest) -> Json:
    """Create an access entry."""
    path = f"{request.params['clusterName']}/{request.account}/{request.uuid}"
    entry: Json = {
        "type": "STANDARD",
        "kubernetesGroups": [],
        "username": request.params["principalArn"],
        "tags": {},
        **request.sent(),
        "accessEntryArn": request.arn(f"access-entry/{path}"),
        "createdAt": request.now,
        "modifiedAt": request.now,
    }
    return {"accessEntry": request.store(ACCESS_ENTRY, entry)}


@emulates("eks:DescribeAccessEntry", needs=ACCESS_ENTRY)
def describe_access_entry(request: AwsRequest) -> Json:
    """Return an access entry."""
    return {"accessEntry": request.record}


@emulates("eks:ListAccessEntries", within=ACCESS_ENTRY)
def list_access_entries(request: AwsRequest) -> Json:
    """Return the principals of a cluster's access entries."""
    entries = request.children(ACCESS_ENTRY, request.params["clusterName"])
    return {"accessEntries": [entry["principalArn"] for entry in entries]}


@emulates("eks:UpdateAccessEntry", needs=ACCESS_ENTRY)
def update_access_entry(request: AwsRequest) -> Json:
    """Change an access entry."""
    return {"accessEntry": request.change(modifiedAt=request.now)}


@emulates("eks:DeleteAccessEntry", needs=ACCESS_ENTRY)
def delete_access_entry(request: AwsRequest) -> Json:
    """Delete an access entry with its access policies."""
    request.remove(ACCESS_ENTRY)
    return {}


@emulates("eks:AssociateAccessPolicy", within=ACCESS_POLICY)
def associate_access_policy(request: AwsRequest) -> Json:
    """Associate an access policy with an access entry, or change its scope."""
    scope = request.params["accessScope"]
    policy = {
        **request.sent(),
        "accessScope": {**scope, "namespaces": scope.get("namespaces", [])},
        "associatedAt": request.now,
        "modifiedAt": request.now,
    }
    return {
        "clusterName": policy["clusterName"],
        "principalArn": policy["principalArn"],
        "associatedAccessPolicy": request.store(ACCESS_POLICY, policy),
    }


@emulates("eks:DisassociateAccessPolicy", needs=ACCESS_POLICY)
def disassociate_access_policy(request: AwsRequest) -> Json:
    """Remove an access policy from an access entry."""
    request.remove(ACCESS_POLICY)
    return {}


@emulates("eks:ListAssociatedAccessPolicies", within=ACCESS_POLICY)
def list_associated_access_policies(request: AwsRequest) -> Json:
    """Return the access policies of an access entry."""
    cluster, principal = request.params["clusterName"], request.params["principalArn"]
    names = ("policyArn", "accessScope", "associatedAt", "modifiedAt")
    policies = request.children(ACCESS_POLICY, cluster, principal)
    return {
        "clusterName": cluster,
        "principalArn": principal,
        "associatedAccessPolicies": [{name: policy[name] for name in names} for policy in policies],
    }
