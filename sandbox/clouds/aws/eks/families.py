"""The families of EKS's records."""

from sandbox.clouds.aws.records import Family
from sandbox.clouds.aws.requests import AwsRequest


def _cluster_name(request: AwsRequest) -> str:
    return str(request.params.get("name") or request.params.get("clusterName") or "")


def _principal(request: AwsRequest) -> str:
    return f"{request.params['clusterName']} {request.params['principalArn']}"


CLUSTER = Family("Cluster", _cluster_name)
ADDON = Family(
    "Addon",
    lambda request: f"{request.params['clusterName']} {request.params.get('addonName', '')}",
    (CLUSTER,),
)
ACCESS_ENTRY = Family(
    "AccessEntry",
    lambda request: f"{request.params['clusterName']} {request.params.get('principalArn', '')}",
    (CLUSTER,),
)
ACCESS_POLICY = Family(
    "AccessPolicy",
    lambda request: f"{_principal(request)} {request.params.get('policyArn', '')}",
    (CLUSTER, ACCESS_ENTRY),
)
POD_IDENTITY_ASSOCIATION = Family(
    "PodIdentityAssociation",
    lambda request: (
        f"{request.params['clusterName']} {request.params.get('associationId') or f'a-{request.id17}'}"
    ),
    (CLUSTER,),
)
