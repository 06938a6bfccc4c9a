"""Refusals of requests that create, change or delete clusters (EKS API)."""

from typing import Any

from eks_versions import OFFERED, UPGRADES
from sandbox.clouds.aws.lookups import key_state, lacking, role_arns, security_groups, subnets, trust_policy
from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json

NODE_POOLS = ("general-purpose", "system")


def _invalid(message: str) -> ErrorResponse:
    return ErrorResponse(400, message, "InvalidParameterException")


def _network_config(request: AwsRequest) -> Json:
    return request.params.get("resourcesVpcConfig", {})


def _subnet_ids(request: AwsRequest) -> list[str]:
    return _network_config(request).get("subnetIds", [])


def _groups_of_vpc(request: AwsRequest, vpc_id: str) -> list[str]:
    return [group["GroupId"] for group in security_groups(request) if group["VpcId"] == vpc_id]


@refuses("eks:CreateCluster", "eks:UpdateClusterConfig")
def unknown_security_groups(request: AwsRequest) -> None:
    """Refuse security groups that do not exist."""
    groups = _network_config(request).get("securityGroupIds", [])
    if groups and lacking(groups, (group["GroupId"] for group in security_groups(request))):
        raise _invalid(f"The security group ID does not exist: {listing(groups)}")


@refuses("eks:CreateCluster")
def unknown_roles(request: AwsRequest) -> None:
    """Refuse roles and subnets that do not exist."""
    subnets(request, _subnet_ids(request))
    roles = [role for role in (request.params["roleArn"], _node_role(request)) if role]
    if unknown := lacking(roles, role_arns(request)):
        raise _invalid(f"The role with arn {listing(unknown)} is invalid or does not exist")


def _node_role(request: AwsRequest) -> str | None:
    return request.params.get("computeConfig", {}).get("nodeRoleArn")


@refuses("eks:CreateCluster")
def role_without_trust(request: AwsRequest) -> None:
    """Refuse a role that does not trust EKS."""
    role_arn = request.params["roleArn"]
    policy = trust_policy(request, role_arn) or {"Statement": []}
    if not policy_documents.allows(policy, "eks.amazonaws.com", "sts:AssumeRole", {}):
        raise _invalid(
            f"Role with arn: {role_arn}, could not be assumed because it does not exist or the trusted entity"
            " is not correct: it has to trust eks.amazonaws.com"
        )


@refuses("eks:CreateCluster")
def subnets_in_one_zone(request: AwsRequest) -> None:
    """Refuse subnets that are all in one availability zone."""
    zones = {subnet["AvailabilityZone"] for subnet in subnets(request, _subnet_ids(request))}
    if len(zones) < 2:
        raise _invalid("Subnets specified must be in at least two different AZs")


@refuses("eks:CreateCluster")
def several_vpcs(request: AwsRequest) -> None:
    """Refuse subnets and security groups of several VPCs."""
    config = _network_config(request)
    vpc_ids = [subnet["VpcId"] for subnet in subnets(request, _subnet_ids(request))]
    groups = config.get("securityGroupIds", [])
    if len(set(vpc_ids)) > 1 or (groups and lacking(groups, _groups_of_vpc(request, vpc_ids[0]))):
        raise _invalid("Subnets and security groups specified must belong to the same VPC")


@refuses("eks:CreateCluster")
def unsupported_version(request: AwsRequest) -> None:
    """Refuse a Kubernetes version that EKS does not offer."""
    version = request.params.get("version")
    if version and version not in OFFERED:
        raise _invalid(f"unsupported Kubernetes version: {version}; supported: {listing(OFFERED)}")


@refuses("eks:CreateCluster")
def partial_auto_mode(request: AwsRequest) -> None:
    """Refuse to enable only a part of Auto Mode (EKS user guide, create an EKS Auto Mode cluster)."""
    params = request.params
    switches: list[Any] = [
        params.get("computeConfig", {}).get("enabled"),
        params.get("storageConfig", {}).get("blockStorage", {}).get("enabled"),
        params.get("kubernetesNetworkConfig", {}).get("elasticLoadBalancing", {}).get("enabled"),
    ]
    if any(switch != switches[0] for switch in switches):
        raise _invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig,"
            " kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled."
        )


@refuses("eks:CreateCluster")
def addons_of_auto_mode(request: AwsRequest) -> None:
    """Refuse self-managed add-ons in Auto Mode."""
    is_auto_mode = request.params.get("computeConfig", {}).get("enabled")
    if is_auto_mode and request.params.get("bootstrapSelfManagedAddons") is not False:
        raise _invalid("bootstrapSelfManagedAddons must be false for EKS Auto Mode")


@refuses("eks:CreateCluster")
def invalid_node_pools(request: AwsRequest) -> None:
    """Refuse unknown node pools, and node pools without a role for the nodes."""
    pools = request.params.get("computeConfig", {}).get("nodePools", [])
    if (pools and not _node_role(request)) or lacking(pools, NODE_POOLS):
        raise _invalid(
            f"computeConfig: invalid nodePools: {listing(pools)}; general-purpose and system are allowed, and"
            " nodeRoleArn is required"
        )


@refuses("eks:CreateCluster", "eks:AssociateEncryptionConfig")
def unusable_key(request: AwsRequest) -> None:
    """Refuse a KMS key that is not enabled, and any key for a cluster that has one."""
    if request.record.get("encryptionConfig"):
        raise _invalid(
            f"The cluster {request.params.get('clusterName', '')} has an encryption config already; it cannot"
            " be changed or removed"
        )
    config = request.params.get("encryptionConfig")
    key_arn = config[0].get("provider", {}).get("keyArn") if config else None
    if config or request.action == "AssociateEncryptionConfig":
        state = key_state(request, key_arn)
        if state != "Enabled":
            raise _invalid(f"The keyArn in encryptionConfig is invalid: {key_arn or ''} is {state}")


@refuses("eks:CreateCluster")
def no_endpoint(request: AwsRequest) -> None:
    """Refuse a cluster with neither a public nor a private endpoint."""
    config = _network_config(request)
    if config.get("endpointPublicAccess") is False and config.get("endpointPrivateAccess") is not True:
        raise _invalid("Private and public endpoint access cannot both be false")


@refuses("eks:UpdateClusterConfig")
def several_updates(request: AwsRequest) -> None:
    """Refuse a request that makes no change, or changes of several types."""
    params = request.params
    names = (
        "resourcesVpcConfig",
        "logging",
        "accessConfig",
        "upgradePolicy",
        "zonalShiftConfig",
        "remoteNetworkConfig",
    )
    auto_mode = ("computeConfig", "storageConfig", "kubernetesNetworkConfig")
    changed = [bool(params.get(name)) for name in names]
    changed += ["deletionProtection" in params, any(params.get(name) for name in auto_mode)]
    if sum(changed) != 1:
        raise _invalid("The type for cluster update was not provided, or several types were provided")


@refuses("eks:UpdateClusterConfig")
def subnets_of_another_vpc(request: AwsRequest) -> None:
    """Refuse subnets that are all in one zone, and subnets and security groups of another VPC."""
    config, current = _network_config(request), request.record["resourcesVpcConfig"]
    groups = config.get("securityGroupIds", [])
    chosen = subnets(request, config.get("subnetIds") or current["subnetIds"])
    if (
        len({subnet["AvailabilityZone"] for subnet in chosen}) < 2
        or any(subnet["VpcId"] != current["vpcId"] for subnet in chosen)
        or (groups and lacking(groups, _groups_of_vpc(request, current["vpcId"])))
    ):
        raise _invalid(
            "Subnets specified must be in at least two different AZs, and subnets and security groups must"
            " belong to the VPC of the cluster:"
            f" {listing([*(subnet['SubnetId'] for subnet in chosen), *groups])}"
        )


@refuses("eks:UpdateClusterConfig")
def subnets_in_other_zones(request: AwsRequest) -> None:
    """Refuse a subnet in an availability zone in which the cluster has no subnet.

    The zones of a cluster stay those of its creation (EKS user guide, network-reqs; aws/containers-roadmap
    issue 2330).
    """
    subnet_ids = _network_config(request).get("subnetIds")
    if not subnet_ids:
        return
    current = request.record["resourcesVpcConfig"]["subnetIds"]
    zones = [subnet["AvailabilityZone"] for subnet in subnets(request, subnet_ids)]
    allowed = [subnet["AvailabilityZone"] for subnet in subnets(request, current)]
    if lacking(zones, allowed):
        raise _invalid(
            f"Provided subnets belong to the AZs '{listing(zones)}'. But they should belong to the exact set"
            f" of AZs '{listing(allowed)}' in which subnets were provided during cluster creation."
        )


@refuses("eks:UpdateClusterConfig")
def weaker_authentication_mode(request: AwsRequest) -> None:
    """Refuse to change the authentication mode from API to another one."""
    mode = request.params.get("accessConfig", {}).get("authenticationMode")
    if request.record["accessConfig"]["authenticationMode"] == "API" and mode and mode != "API":
        raise _invalid(f"Unsupported authentication mode update from API to {mode}")


@refuses("eks:UpdateClusterConfig")
def unknown_node_role(request: AwsRequest) -> None:
    """Refuse a role for the nodes that does not exist."""
    role_arn = _node_role(request)
    if role_arn and role_arn not in role_arns(request):
        raise _invalid(f"The role with arn {role_arn} is invalid or does not exist")


@refuses("eks:UpdateClusterVersion")
def unsupported_upgrade(request: AwsRequest) -> None:
    """Refuse an update by more than one minor version, and an earlier version."""
    current, version = request.record["version"], request.params["version"]
    if f"{current}>{version}" not in UPGRADES:
        raise _invalid(f"Unsupported Kubernetes minor version update from {current} to {version}")


@refuses("eks:DeleteCluster")
def protected_cluster(request: AwsRequest) -> None:
    """Refuse to delete a cluster with deletion protection."""
    if request.record.get("deletionProtection"):
        message = (
            f"Cannot delete the cluster {request.params['name']}: deletion protection is enabled; disable it"
            " first"
        )
        raise ErrorResponse(400, message, "InvalidRequestException")
