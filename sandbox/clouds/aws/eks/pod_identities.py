"""Pod Identity associations of clusters (EKS API)."""

from sandbox.clouds.aws.eks.families import POD_IDENTITY_ASSOCIATION
from sandbox.clouds.aws.lookups import trust_policy
from sandbox.clouds.aws.registry import emulates, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

SERVICE = "pods.eks.amazonaws.com"

ACTIONS = ("sts:AssumeRole", "sts:TagSession")
"""The actions that the role's trust policy has to allow (EKS user guide, create an IAM role)."""


@refuses("eks:CreatePodIdentityAssociation")
def second_association(request: AwsRequest) -> None:
    """Refuse a second association of a service account."""
    names = ("clusterName", "namespace", "serviceAccount")
    others = [
        association["associationId"]
        for association in request.existing(POD_IDENTITY_ASSOCIATION)
        if all(association[name] == request.params[name] for name in names)
    ]
    if others:
        account = f"{request.params['namespace']}/{request.params['serviceAccount']}"
        message = f"Association already exists for service account {account}: {listing(others)}"
        raise ErrorResponse(409, message, "ResourceInUseException")


@refuses("eks:CreatePodIdentityAssociation", "eks:UpdatePodIdentityAssociation")
def role_without_trust(request: AwsRequest) -> None:
    """Refuse a role that does not exist, or that does not trust Pod Identity."""
    role_arn = request.params.get("roleArn")
    if not role_arn:
        return
    policy = trust_policy(request, role_arn)
    if policy is None:
        message = f"The role with arn {role_arn} does not exist"
        raise ErrorResponse(400, message, "InvalidParameterException")
    if not all(policy_documents.allows(policy, SERVICE, action, {}) for action in ACTIONS):
        message = (
            f"Trust policy of the role provided is invalid: {role_arn} has to allow {SERVICE} the actions"
            f" {' and '.join(ACTIONS)}"
        )
        raise ErrorResponse(400, message, "InvalidParameterException")


@emulates("eks:CreatePodIdentityAssociation", creates=POD_IDENTITY_ASSOCIATION)
def create_pod_identity_association(request: AwsRequest) -> Json:
    """Create an association."""
    association_id = f"a-{request.id17}"
    association: Json = {
        "disableSessionTags": False,
        "tags": {},
        **request.sent(),
        "associationId": association_id,
        "associationArn": request.arn(
            f"podidentityassociation/{request.params['clusterName']}/{association_id}"
        ),
        "createdAt": request.now,
        "modifiedAt": request.now,
    }
    return {"association": request.store(POD_IDENTITY_ASSOCIATION, association)}


@emulates("eks:DescribePodIdentityAssociation", needs=POD_IDENTITY_ASSOCIATION)
def describe_pod_identity_association(request: AwsRequest) -> Json:
    """Return an association."""
    return {"association": request.record}


@emulates("eks:ListPodIdentityAssociations", within=POD_IDENTITY_ASSOCIATION)
def list_pod_identity_associations(request: AwsRequest) -> Json:
    """Return a cluster's associations, optionally those of a namespace or a service account."""
    filters = {
        name: request.params[name] for name in ("namespace", "serviceAccount") if request.params.get(name)
    }
    associations = [
        association
        for association in request.children(POD_IDENTITY_ASSOCIATION, request.params["clusterName"])
        if all(association[name] == value for name, value in filters.items())
    ]
    return {"associations": associations}


@emulates("eks:UpdatePodIdentityAssociation", needs=POD_IDENTITY_ASSOCIATION)
def update_pod_identity_association(request: AwsRequest) -> Json:
    """Change an association."""
    return {"association": request.change(modifiedAt=request.now)}


@emulates("eks:DeletePodIdentityAssociation", needs=POD_IDENTITY_ASSOCIATION)
def delete_pod_identity_association(request: AwsRequest) -> Json:
    """Delete an association."""
    return {"association": request.remove(POD_IDENTITY_ASSOCIATION)}
