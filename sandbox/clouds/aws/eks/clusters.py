"""The operations on clusters (EKS API)."""

from datetime import datetime

from eks_versions import EXTENDED_SUPPORT, OFFERED, STANDARD_SUPPORT
from sandbox.clouds.aws.eks.families import CLUSTER
from sandbox.clouds.aws.lookups import subnets
from sandbox.clouds.aws.registry import emulates
from sandbox.clouds.aws.requests import AwsRequest, merged
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

AUTHORITY = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJRVENCNTZBREFnRUNBaFJjMWd6MFRkaUtIVkVWcjlPK3hXcnRObnRzdXpB"
    "S0JnZ3Foa2pPUFFRREFqQVYKTVJNd0VRWURWUVFEREFwcmRXSmxjbTVsZEdWek1DQVhEVEkyTURFd01UQXdNREF3TUZvWUR6SXhN"
    "alV4TWpBNApNREF3TURBd1dqQVZNUk13RVFZRFZRUUREQXByZFdKbGNtNWxkR1Z6TUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJCnpq"
    "MERBUWNEUWdBRXM4b25jRGhUSzdjd2tRVWN0bStkdlBiVVZaUTJwTTNZZG94T1Rsby9YbEtxcWFWS2dENzAKUFJFTjZzNFIyMnov"
    "Z1Y0S2pqMldVZjI2RnQycmJ1dVA1Nk1UTUJFd0R3WURWUjBUQVFIL0JBVXdBd0VCL3pBSwpCZ2dxaGtqT1BRUURBZ05KQURCR0Fp"
    "RUF0YU95cHZKdEJBYktWbytXTzF3MEMrd0hxbUJMTlJrTUZQcmxISytkCkE3a0NJUUNBR3FuRTVTYWVMVXY3TDhlS0U1S0hxT0gz"
    "YkxJR2xCOUttQm4xWHNUQ1hnPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
)
"""A certificate authority (base64) whose key no longer exists, for a cluster without a control plane."""

GROUP_DESCRIPTION = (
    "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well"
    " as any managed workloads."
)


def update(request: AwsRequest, kind: str, update_id: str = "") -> Json:
    """Return the response about an update, which is already complete."""
    return {
        "update": {
            "id": update_id or str(request.uuid),
            "status": "Successful",
            "type": kind,
            "createdAt": request.now,
            "params": [],
            "errors": [],
        }
    }


@emulates("eks:CreateCluster", creates=CLUSTER)
def create_cluster(request: AwsRequest) -> Json:
    """Create a cluster with its security group and, in Auto Mode, the instance profile of its nodes."""
    name, config = request.params["name"], request.params["resourcesVpcConfig"]
    vpc_id = subnets(request, config["subnetIds"])[0]["VpcId"]
    group_id = _create_security_group(request, name, vpc_id)
    _create_instance_profile(request, name)
    own_config = {
        "vpcId": vpc_id,
        "clusterSecurityGroupId": group_id,
        "securityGroupIds": config.get("securityGroupIds", []),
        "publicAccessCidrs": config.get("publicAccessCidrs") or ["0.0.0.0/0"],
        "endpointPublicAccess": config.get("endpointPublicAccess") is not False,
        "endpointPrivateAccess": config.get("endpointPrivateAccess") is True,
    }
    mode = request.params.get("accessConfig", {}).get("authenticationMode") or "CONFIG_MAP"
    digits = request.hex.upper()
    simulated = f"https://{digits}.gr7.{request.region}.eks.amazonaws.com"
    cluster: Json = {
        "version": "1.34",
        "bootstrapSelfManagedAddons": True,
        "deletionProtection": False,
        "upgradePolicy": {"supportType": "EXTENDED"},
        "zonalShiftConfig": {"enabled": False},
        "tags": {},
        **request.sent(),
        "arn": request.arn(f"cluster/{name}"),
        "createdAt": request.now,
        "status": "ACTIVE",
        "platformVersion": "eks.1",
        "endpoint": request.control_plane.get("server") or simulated,
        "certificateAuthority": {"data": request.control_plane.get("authority") or AUTHORITY},
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{request.region}.amazonaws.com/id/{digits}"}},
        "health": {"issues": []},
    }
    cluster |= merged(
        cluster, {"accessConfig": {"authenticationMode": mode}, "resourcesVpcConfig": own_config}
    )
    return {"cluster": request.store(CLUSTER, cluster)}


def _create_security_group(request: AwsRequest, name: str, vpc_id: str) -> str:
    """Create the security group of the control plane and the nodes; return its ID."""
    tags = [{"Key": "Name", "Value": f"eks-cluster-sg-{name}"}]
    tags.append({"Key": f"kubernetes.io/cluster/{name}", "Value": "owned"})
    group = request.send(
        "CreateSecurityGroup",
        "ec2",
        GroupName=f"eks-cluster-sg-{name}-{request.id17}",
        Description=GROUP_DESCRIPTION,
        VpcId=vpc_id,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    group_id = str(group["GroupId"])
    members = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}]
    request.send("AuthorizeSecurityGroupIngress", "ec2", GroupId=group_id, IpPermissions=members)
    return group_id


def _create_instance_profile(request: AwsRequest, name: str) -> None:
    """Create the instance profile of Auto Mode's nodes, which remains after the deletion of the cluster."""
    config = request.params.get("computeConfig", {})
    if not config.get("enabled") or not config.get("nodeRoleArn"):
        return
    roles = request.look("ListRoles", "iam")["Roles"]
    role_name = next(role["RoleName"] for role in roles if role["Arn"] == config["nodeRoleArn"])
    profile_name = f"eks-{name}-{request.id17}"
    tags = [{"Key": "eks:eks-cluster-name", "Value": name}]
    request.send("CreateInstanceProfile", "iam", InstanceProfileName=profile_name, Tags=tags)
    request.send("AddRoleToInstanceProfile", "iam", InstanceProfileName=profile_name, RoleName=role_name)


@emulates("eks:DescribeCluster", needs=CLUSTER)
def describe_cluster(request: AwsRequest) -> Json:
    """Return a cluster."""
    return {"cluster": request.record}


@emulates("eks:ListClusters")
def list_clusters(request: AwsRequest) -> Json:
    """Return the names of the clusters."""
    return {"clusters": [cluster["name"] for cluster in request.existing(CLUSTER)]}


@emulates("eks:UpdateClusterConfig", needs=CLUSTER)
def update_cluster_config(request: AwsRequest) -> Json:
    """Change the configuration of a cluster; refuse a request that changes nothing."""
    changes = merged(request.record, request.sent())
    if all(request.record.get(name) == item for name, item in changes.items()):
        message = "No changes needed: it is at the desired configuration"
        raise ErrorResponse(400, message, "InvalidParameterException")
    request.change()
    return update(request, "ConfigUpdate")


@emulates("eks:UpdateClusterVersion", needs=CLUSTER)
def update_cluster_version(request: AwsRequest) -> Json:
    """Change the Kubernetes version of a cluster."""
    request.change("force")
    return update(request, "VersionUpdate")


@emulates("eks:AssociateEncryptionConfig", needs=CLUSTER)
def associate_encryption_config(request: AwsRequest) -> Json:
    """Encrypt the secrets of a cluster with a KMS key."""
    request.change("clusterName")
    return update(request, "AssociateEncryptionConfig")


@emulates("eks:DescribeUpdate", needs=CLUSTER)
def describe_update(request: AwsRequest) -> Json:
    """Return an update of a cluster or an add-on."""
    kind = "AddonUpdate" if request.params.get("addonName") else "ConfigUpdate"
    return update(request, kind, request.params["updateId"])


@emulates("eks:DeleteCluster", needs=CLUSTER)
def delete_cluster(request: AwsRequest) -> Json:
    """Delete a cluster with its security group, its add-ons, access entries and Pod Identity associations."""
    group_id = request.record["resourcesVpcConfig"]["clusterSecurityGroupId"]
    request.send("DeleteSecurityGroup", "ec2", GroupId=group_id)
    return {"cluster": request.remove(CLUSTER)}


@emulates("eks:DescribeClusterVersions")
def describe_cluster_versions(request: AwsRequest) -> Json:
    """Return the Kubernetes versions in the request, or all that EKS offers."""
    names = request.params.get("clusterVersions") or OFFERED
    ends = {
        version: {"endOfStandardSupportDate": datetime.fromisoformat(f"{day}T00:00:00+00:00")}
        for version, day in STANDARD_SUPPORT.items()
    }
    versions = [
        {
            "clusterVersion": version,
            "clusterType": "eks",
            "versionStatus": "EXTENDED_SUPPORT" if version in EXTENDED_SUPPORT else "STANDARD_SUPPORT",
            **ends.get(version, {}),
        }
        for version in OFFERED
        if version in names
    ]
    return {"clusterVersions": versions}
