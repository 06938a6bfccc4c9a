"""The calls for clusters, add-ons, access entries and Pod Identity associations (EKS API)."""

from collections.abc import Mapping

from sandbox.providers.aws.calls.model import (
    Change,
    Context,
    Find,
    Read,
    ResourceCalls,
    extended,
    first,
    items_of,
)
from sandbox.wire.values import Json

ENDPOINT_ACCESS = ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")


def _cluster_name(context: Context) -> Json:
    return {"name": context.id}


def _new_cluster(context: Context) -> Json:
    logging = {"clusterLogging": [{"types": context["enabledClusterLogTypes"], "enabled": True}]}
    return {"resourcesVpcConfig": context["vpcConfig"], "logging": logging}


def _cluster(response: Json, context: Context) -> Json | None:
    cluster: Json = response["cluster"]
    logs = [
        kind
        for item in cluster.get("logging", {}).get("clusterLogging", [])
        if item.get("enabled")
        for kind in item.get("types", [])
    ]
    return {
        **cluster,
        "tagArn": cluster.get("arn"),
        "vpcConfig": cluster.get("resourcesVpcConfig"),
        "enabledClusterLogTypes": logs,
        "identities": [{"oidcs": [{"issuer": cluster["identity"]["oidc"]["issuer"]}]}],
        "certificateAuthority": cluster.get("certificateAuthority"),
    }


def _endpoint_access_differs(context: Context) -> bool:
    """Return True if the program changes who can reach the cluster's endpoint."""
    new: Json = context.object("vpcConfig")
    live: Json = context.live["vpcConfig"]
    return any(new.get(name) is not None and new.get(name) != live.get(name) for name in ENDPOINT_ACCESS)


def _endpoint_access(context: Context) -> Json:
    config: Json = context["vpcConfig"]
    return {
        "name": context.id,
        "resourcesVpcConfig": {name: config.get(name) for name in ENDPOINT_ACCESS},
    }


def _networks_differ(context: Context) -> bool:
    """Return True if the program names other subnets or security groups."""
    new: Json = context.object("vpcConfig")
    live: Json = context.live["vpcConfig"]
    return sorted(items_of(new, "subnetIds")) != sorted(live["subnetIds"]) or sorted(
        items_of(new, "securityGroupIds")
    ) != sorted(items_of(live, "securityGroupIds"))


def _networks(context: Context) -> Json:
    config: Json = context["vpcConfig"]
    networks = {
        "subnetIds": config.get("subnetIds"),
        "securityGroupIds": items_of(config, "securityGroupIds"),
    }
    return {"name": context.id, "resourcesVpcConfig": networks}


def _logs(context: Context) -> Json:
    name = "enabledClusterLogTypes"
    logs = [
        {"types": context[name], "enabled": True},
        {"types": context.removed.get(name), "enabled": False},
    ]
    return {"name": context.id, "logging": {"clusterLogging": logs}}


def _authentication(context: Context) -> Json:
    mode = context.object("accessConfig").get("authenticationMode")
    return {"name": context.id, "accessConfig": {"authenticationMode": mode}}


def _auto_mode(context: Context) -> Json:
    balancing = context.object("kubernetesNetworkConfig").get("elasticLoadBalancing")
    return {
        "name": context.id,
        "computeConfig": context["computeConfig"],
        "storageConfig": context["storageConfig"],
        "kubernetesNetworkConfig": {"elasticLoadBalancing": balancing},
    }


def _addon_key(context: Context) -> Json:
    return {"clusterName": context["clusterName"], "addonName": context["addonName"]}


def _entry_key(context: Context) -> Json:
    return {"clusterName": context["clusterName"], "principalArn": context["principalArn"]}


def _association_key(context: Context) -> Json:
    return {"clusterName": context["clusterName"], "associationId": context.id}


def _access_policy(response: Json, context: Context) -> Json | None:
    policies = (
        policy
        for policy in response["associatedAccessPolicies"]
        if policy["policyArn"] == context["policyArn"]
    )
    return extended(first(policies), **_entry_key(context))


CALLS: Mapping[str, ResourceCalls] = {
    "aws:eks/cluster:Cluster": ResourceCalls(
        service="eks",
        is_emulated=True,
        unchecked="whether the roles have the policies that Auto Mode needs",
        create=Change(action="CreateCluster", arguments=_new_cluster),
        local=("forceUpdateVersion",),
        read=(Read(action="DescribeCluster", arguments=_cluster_name, take=_cluster),),
        update=(
            Change(
                action="UpdateClusterVersion",
                when=("version",),
                arguments=lambda context: {"name": context.id, "force": context["forceUpdateVersion"]},
            ),
            Change(
                action="AssociateEncryptionConfig",
                when=("encryptionConfig",),
                condition=lambda context: not context.live.get("encryptionConfig"),
                arguments=lambda context: {"clusterName": context.id},
            ),
            # As in the provider, the access to the endpoint and the networks change in separate updates.
            Change(
                action="UpdateClusterConfig",
                when=("vpcConfig",),
                condition=_endpoint_access_differs,
                arguments=_endpoint_access,
            ),
            Change(
                action="UpdateClusterConfig",
                when=("vpcConfig",),
                condition=_networks_differ,
                arguments=_networks,
            ),
            Change(
                action="UpdateClusterConfig",
                when=("enabledClusterLogTypes",),
                condition=lambda context: (
                    context["enabledClusterLogTypes"] or context.removed.get("enabledClusterLogTypes")
                ),
                arguments=_logs,
            ),
            Change(action="UpdateClusterConfig", when=("accessConfig",), arguments=_authentication),
            Change(action="UpdateClusterConfig", when=("upgradePolicy",), arguments=_cluster_name),
            Change(action="UpdateClusterConfig", when=("deletionProtection",), arguments=_cluster_name),
            Change(
                action="UpdateClusterConfig",
                when=("computeConfig", "storageConfig", "kubernetesNetworkConfig"),
                arguments=_auto_mode,
            ),
        ),
        delete=(Change(action="DeleteCluster", arguments=_cluster_name),),
    ),
    "aws:eks/addon:Addon": ResourceCalls(
        service="eks",
        is_emulated=True,
        unchecked="versions of an add-on, and its configuration",
        create=Change(
            action="CreateAddon",
            arguments=lambda context: {"resolveConflicts": context["resolveConflictsOnCreate"]},
        ),
        local=("resolveConflictsOnCreate", "resolveConflictsOnUpdate", "preserve"),
        read=(
            Read(
                action="DescribeAddon",
                arguments=_addon_key,
                take=lambda response, context: {
                    **response["addon"],
                    "tagArn": response["addon"].get("addonArn"),
                    "arn": response["addon"].get("addonArn"),
                },
            ),
        ),
        update=(
            Change(
                action="UpdateAddon",
                when=("addonVersion", "configurationValues", "serviceAccountRoleArn"),
                arguments=lambda context: {
                    **_addon_key(context),
                    "resolveConflicts": context["resolveConflictsOnUpdate"],
                },
            ),
        ),
        delete=(
            Change(
                action="DeleteAddon",
                arguments=lambda context: {**_addon_key(context), "preserve": context["preserve"]},
            ),
        ),
    ),
    "aws:eks/accessEntry:AccessEntry": ResourceCalls(
        service="eks",
        is_emulated=True,
        unchecked="whether a principal of another account exists",
        create=Change(action="CreateAccessEntry"),
        names={"userName": "username"},
        read=(
            Read(
                action="DescribeAccessEntry",
                arguments=_entry_key,
                take=lambda response, context: extended(
                    response["accessEntry"], tagArn=response["accessEntry"].get("accessEntryArn")
                ),
            ),
        ),
        update=(
            Change(action="UpdateAccessEntry", when=("kubernetesGroups", "userName"), arguments=_entry_key),
        ),
        delete=(Change(action="DeleteAccessEntry", arguments=_entry_key),),
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": ResourceCalls(
        service="eks",
        is_emulated=True,
        create=Change(action="AssociateAccessPolicy"),
        read=(Read(action="ListAssociatedAccessPolicies", arguments=_entry_key, take=_access_policy),),
        delete=(
            Change(
                action="DisassociateAccessPolicy",
                arguments=lambda context: {**_entry_key(context), "policyArn": context["policyArn"]},
            ),
        ),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ResourceCalls(
        service="eks",
        is_emulated=True,
        create=Change(action="CreatePodIdentityAssociation"),
        created_id=lambda response: response["association"]["associationId"],
        find=Find(
            action="ListPodIdentityAssociations",
            arguments=lambda context: {
                name: context[name] for name in ("clusterName", "namespace", "serviceAccount")
            },
            take=lambda response, context: [item["associationId"] for item in response["associations"]],
        ),
        read=(
            Read(
                action="DescribePodIdentityAssociation",
                arguments=_association_key,
                take=lambda response, context: extended(
                    response["association"], tagArn=response["association"].get("associationArn")
                ),
            ),
        ),
        update=(
            Change(
                action="UpdatePodIdentityAssociation",
                when=("roleArn", "targetRoleArn", "disableSessionTags"),
                arguments=_association_key,
            ),
        ),
        delete=(Change(action="DeletePodIdentityAssociation", arguments=_association_key),),
    ),
}
