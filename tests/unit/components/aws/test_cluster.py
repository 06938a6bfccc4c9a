import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.aws.cluster import Cluster, ClusterArgs
from components.common.naming import Naming
from components.settings.models.cluster import Cluster as ClusterSettings
from tests.support.components.fixtures import Recorder, evaluate

CLUSTER = "aws:eks/cluster:Cluster"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


class Declared:
    """A declared cluster: what was registered, and what its outputs turned out to be."""

    def __init__(self, recorder: Recorder, args: ClusterArgs) -> None:
        self.recorder = recorder
        self.security_group_id = ""
        self.kubeconfig: dict[str, Any] = {}
        self.kubeconfig_is_secret = False
        evaluate(lambda: self._run(args))
        self.cluster = recorder.inputs[CLUSTER, "cluster"]

    def _run(self, args: ClusterArgs) -> pulumi.Output[None]:
        cluster = Cluster("cluster", args)

        def keep(values: list[Any]) -> None:
            self.security_group_id, self.kubeconfig = values[0], json.loads(values[1])
            self.kubeconfig_is_secret = values[2]

        secret = pulumi.Output.from_input(cluster.kubeconfig.is_secret())
        return pulumi.Output.all(cluster.security_group_id, cluster.kubeconfig, secret).apply(keep)


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any]) -> Callable[..., Declared]:
    recorder.computed[CLUSTER] = {
        "endpoint": "https://ABC.gr7.ap-northeast-1.eks.amazonaws.com",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {"subnetIds": [], "clusterSecurityGroupId": "sg-cluster"},
    }

    def run(stack: str = "prod", protect: bool = True, **changes: Any) -> Declared:
        args = ClusterArgs(
            settings=topic(ClusterSettings, "cluster", stack, **changes),
            naming=naming,
            private_subnet_ids=["subnet-1", "subnet-2"],
            protect=protect,
        )
        return Declared(recorder, args)

    return run


def attached(recorder: Recorder, role: str) -> set[str]:
    attachments = recorder.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    return {a["policyArn"].rpartition("/")[2] for a in attachments if a["role"] == role}


def test_the_three_parts_of_auto_mode_are_on(declare: Callable[..., Declared]) -> None:
    cluster = declare().cluster
    assert cluster["computeConfig"] == {
        "enabled": True,
        "nodePools": ["general-purpose", "system"],
        "nodeRoleArn": "arn:aws:mock:::cluster-node",
    }
    assert cluster["kubernetesNetworkConfig"] == {
        "ipFamily": "ipv4",
        "serviceIpv4Cidr": "172.20.0.0/16",
        "elasticLoadBalancing": {"enabled": True},
    }
    assert cluster["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert cluster["bootstrapSelfManagedAddons"] is False


def test_a_private_endpoint_lists_nobody(declare: Callable[..., Declared]) -> None:
    assert declare("prod").cluster["vpcConfig"] == {
        "subnetIds": ["subnet-1", "subnet-2"],
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
    }


def test_a_public_endpoint_answers_listed_networks_only(declare: Callable[..., Declared]) -> None:
    vpc = declare(endpoint={"public": True, "allowedCidrs": ["8.8.8.8/32"]}).cluster["vpcConfig"]
    assert vpc["endpointPublicAccess"] is True
    assert vpc["publicAccessCidrs"] == ["8.8.8.8/32"]
    assert vpc["endpointPrivateAccess"] is True


def test_the_control_plane_logs_everything_for_as_long_as_the_settings_say(
    declare: Callable[..., Declared],
) -> None:
    declared = declare(logRetentionDays=731)
    assert declared.cluster["enabledClusterLogTypes"] == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]
    group = declared.recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "cluster-logs"]
    assert (group["name"], group["retentionInDays"]) == ("/aws/eks/pipe-test/cluster", 731)
    assert group["kmsKeyId"] == "arn:aws:mock:::cluster-logs"


def test_secrets_are_encrypted_with_a_rotating_key(declare: Callable[..., Declared]) -> None:
    declared = declare()
    assert declared.cluster["encryptionConfig"] == {
        "provider": {"keyArn": "arn:aws:mock:::cluster"},
        "resources": ["secrets"],
    }
    assert declared.recorder.inputs["aws:kms/key:Key", "cluster"]["enableKeyRotation"] is True


def test_access_is_by_entries_only_and_whoever_creates_it_gets_none(
    declare: Callable[..., Declared],
) -> None:
    assert declare().cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }


def test_pipelines_and_operators_get_in_with_the_rights_of_their_work(
    declare: Callable[..., Declared],
) -> None:
    recorder = declare(operators=["arn:aws:iam::123456789012:user/on/call"]).recorder
    associations = recorder.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert {a["principalArn"]: a["policyArn"] for a in associations.values()} == {
        "arn:aws:iam::123456789012:role/pipe-preview": (
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
        ),
        "arn:aws:iam::123456789012:role/pipe-test-deploy": ADMIN,
        "arn:aws:iam::123456789012:user/on/call": ADMIN,
    }
    entries = recorder.of_type("aws:eks/accessEntry:AccessEntry")
    assert set(entries) == set(associations)
    assert "cluster-user-on-call" in entries


def test_an_operator_who_is_the_deploy_role_is_let_in_once(declare: Callable[..., Declared]) -> None:
    recorder = declare(operators=["arn:aws:iam::123456789012:role/pipe-test-deploy"]).recorder
    assert len(recorder.of_type("aws:eks/accessEntry:AccessEntry")) == 2


def test_roles_have_what_auto_mode_needs_and_no_more(declare: Callable[..., Declared]) -> None:
    recorder = declare().recorder
    assert attached(recorder, "pipe-test-cluster") == {
        "AmazonEKSClusterPolicy",
        "AmazonEKSComputePolicy",
        "AmazonEKSBlockStoragePolicy",
        "AmazonEKSLoadBalancingPolicy",
        "AmazonEKSNetworkingPolicy",
    }
    assert attached(recorder, "pipe-test-node") == {
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEC2ContainerRegistryPullOnly",
    }
    assert not recorder.of_type("aws:iam/rolePolicy:RolePolicy")


def test_eks_acts_in_our_name_for_this_cluster_only(declare: Callable[..., Declared]) -> None:
    role = declare().recorder.inputs["aws:iam/role:Role", "cluster-control-plane"]
    [trust] = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:eks:ap-northeast-1:123456789012:cluster/pipe-test"},
    }


def test_network_policies_are_enforced_and_metrics_are_served(declare: Callable[..., Declared]) -> None:
    recorder = declare().recorder
    switch = recorder.inputs["kubernetes:core/v1:ConfigMap", "cluster-network-policies"]
    assert (switch["metadata"]["namespace"], switch["metadata"]["name"]) == ("kube-system", "amazon-vpc-cni")
    assert switch["data"] == {"enable-network-policy-controller": "true"}
    [addon] = recorder.of_type("aws:eks/addon:Addon").values()
    assert addon["addonName"] == "metrics-server"


def test_objects_are_applied_by_the_server_with_the_callers_own_credentials(
    declare: Callable[..., Declared],
) -> None:
    declared = declare()
    provider = declared.recorder.inputs["pulumi:providers:kubernetes", "cluster"]
    assert provider["enableServerSideApply"] == "true"
    assert provider["enableConfigMapMutable"] == provider["enableSecretMutable"] == "true"
    [user] = declared.kubeconfig["users"]
    assert user["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": [
                "eks",
                "get-token",
                "--cluster-name",
                "pipe-test",
                "--region",
                "ap-northeast-1",
                "--output",
                "json",
            ],
            "interactiveMode": "Never",
        }
    }
    [server] = declared.kubeconfig["clusters"]
    assert server["cluster"] == {
        "server": "https://ABC.gr7.ap-northeast-1.eks.amazonaws.com",
        "certificate-authority-data": "Q0E=",
    }
    assert declared.kubeconfig_is_secret


def test_the_pods_group_is_the_one_that_eks_made(declare: Callable[..., Declared]) -> None:
    assert declare().security_group_id == "sg-cluster"


def test_the_version_has_standard_support_and_extended_is_not_entered(
    declare: Callable[..., Declared],
) -> None:
    cluster = declare(version="1.34").cluster
    assert cluster["version"] == "1.34"
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}


def test_the_provider_waits_until_its_user_may_enter(declare: Callable[..., Declared]) -> None:
    recorder = declare().recorder
    waits_for = recorder.dependencies["pulumi:providers:kubernetes", "cluster"]
    associations = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    assert {name for typ, name in waits_for if typ == associations} == set(recorder.of_type(associations))
    assert ("aws:eks/addon:Addon", "cluster-metrics-server") in waits_for


def test_the_cluster_waits_for_its_roles_rights_and_its_log_group(declare: Callable[..., Declared]) -> None:
    recorder = declare().recorder
    waits_for = recorder.dependencies[CLUSTER, "cluster"]
    attachments = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    assert {name for typ, name in waits_for if typ == attachments} == set(recorder.of_type(attachments))
    assert ("aws:cloudwatch/logGroup:LogGroup", "cluster-logs") in waits_for


@pytest.mark.parametrize("protect", [True, False])
def test_deletion_is_refused_where_the_settings_say_so(
    declare: Callable[..., Declared], protect: bool
) -> None:
    declared = declare(protect=protect)
    assert declared.cluster["deletionProtection"] is protect
    kept = {(CLUSTER, "cluster"), ("aws:kms/key:Key", "cluster"), ("aws:kms/key:Key", "cluster-logs")}
    assert declared.recorder.protected == (kept if protect else set())
