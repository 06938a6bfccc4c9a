"""Tests of the EKS cluster: endpoint, access, logs, and the Kubernetes provider.

The policy pack checks encryption and log types; tests/engine/test_stacks.py runs the pack on every stack.
"""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.aws.cluster import Cluster
from components.common.naming import Naming
from tests.support.components import aws
from tests.support.components.fixtures import Recorder, Topic, evaluate

CLUSTER = "aws:eks/cluster:Cluster"
PROVIDER = ("pulumi:providers:kubernetes", "cluster")
NODE_CLASS = ("kubernetes:eks.amazonaws.com/v1:NodeClass", "cluster-node-class")
NODE_POOL = ("kubernetes:karpenter.sh/v1:NodePool", "cluster-node-pool")
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ACCESS_POLICY = "arn:aws:eks::aws:cluster-access-policy"


class Declared:
    """Declared cluster: the recorded resources, and the values of the cluster's outputs."""

    def __init__(self, recorder: Recorder, build: Callable[[], Cluster]) -> None:
        self.recorder = recorder
        self.security_group_id = ""
        self.kubeconfig: dict[str, Any] = {}
        evaluate(lambda: self._read_outputs(build()))
        self.cluster = recorder.inputs[CLUSTER, "cluster"]

    def _read_outputs(self, cluster: Cluster) -> pulumi.Output[None]:
        def keep(values: list[Any]) -> None:
            self.security_group_id, self.kubeconfig = values[0], json.loads(values[1])

        return pulumi.Output.all(cluster.security_group_id, cluster.kubeconfig).apply(keep)


Declare = Callable[..., Declared]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Topic) -> Declare:
    def run(**changes: Any) -> Declared:
        return Declared(recorder, lambda: aws.cluster(naming, topic, **changes))

    return run


def test_the_three_parts_of_auto_mode_are_on(declare: Declare) -> None:
    cluster = declare().cluster
    assert cluster["roleArn"] == "arn:aws:iam::123456789012:role/pipe-test-cluster"
    assert cluster["computeConfig"]["enabled"] is True
    assert cluster["computeConfig"]["nodeRoleArn"] == "arn:aws:iam::123456789012:role/pipe-test-node"
    assert cluster["kubernetesNetworkConfig"] == {
        "ipFamily": "ipv4",
        "serviceIpv4Cidr": "172.20.0.0/16",
        "elasticLoadBalancing": {"enabled": True},
    }
    assert cluster["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert cluster["bootstrapSelfManagedAddons"] is False


def test_pods_run_in_the_programs_own_pool_which_has_the_role_of_the_cluster(declare: Declare) -> None:
    declared = declare(nodes={"cpuLimit": "24", "memoryLimit": "96Gi"})
    assert declared.cluster["computeConfig"]["nodePools"] == ["system"]
    node_class = declared.recorder.inputs[NODE_CLASS]
    assert (node_class["apiVersion"], node_class["metadata"]["name"]) == ("eks.amazonaws.com/v1", "workloads")
    assert node_class["spec"] == {
        "role": "pipe-test-node",
        "subnetSelectorTerms": [{"id": "subnet-1"}, {"id": "subnet-2"}],
        "securityGroupSelectorTerms": [{"id": "sg-cluster"}],
        "ephemeralStorage": {"size": "100Gi"},
        "networkPolicy": "DefaultAllow",
        "tags": {
            "service": "pipe",
            "env": "test",
            "team": "platform",
            "managed-by": "pulumi",
            "Name": "pipe-test-node",
        },
    }
    pool = declared.recorder.inputs[NODE_POOL]["spec"]
    assert pool["limits"] == {"cpu": "24", "memory": "96Gi"}
    assert pool["template"]["spec"]["nodeClassRef"] == {
        "group": "eks.amazonaws.com",
        "kind": "NodeClass",
        "name": "workloads",
    }


def test_the_pool_follows_its_class_and_the_metrics_follow_the_pool(declare: Declare) -> None:
    """Without nodes, EKS would wait for the add-on's pods until the creation fails."""
    recorder = declare().recorder
    assert NODE_CLASS in recorder.dependencies[NODE_POOL]
    assert NODE_POOL in recorder.dependencies["aws:eks/addon:Addon", "cluster-metrics-server"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"public": False, "allowedCidrs": []}, {"endpointPublicAccess": False}),
        (
            {"public": True, "allowedCidrs": ["8.8.8.8/32"]},
            {"endpointPublicAccess": True, "publicAccessCidrs": ["8.8.8.8/32"]},
        ),
    ],
)
def test_a_public_endpoint_answers_only_listed_networks(
    declare: Declare, endpoint: dict[str, Any], expected: dict[str, Any]
) -> None:
    subnets = ["subnet-1", "subnet-2"]
    expected |= {"subnetIds": subnets, "endpointPrivateAccess": True}
    assert declare(endpoint=endpoint).cluster["vpcConfig"] == expected


def test_logs_of_the_control_plane_stay_for_the_days_of_the_settings(declare: Declare) -> None:
    recorder = declare(logRetentionDays=731).recorder
    group = recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "cluster-logs"]
    assert (group["name"], group["retentionInDays"]) == ("/aws/eks/pipe-test/cluster", 731)


def test_only_pipelines_and_operators_have_access_with_the_rights_of_their_work(declare: Declare) -> None:
    declared = declare(operators=["arn:aws:iam::123456789012:user/on/call"])
    assert declared.cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    associations = declared.recorder.of_type(ASSOCIATION)
    rights = {
        association["principalArn"]: association["policyArn"].removeprefix(f"{ACCESS_POLICY}/")
        for association in associations.values()
    }
    assert rights == {
        "arn:aws:iam::123456789012:role/pipe-test-preview": "AmazonEKSAdminViewPolicy",
        "arn:aws:iam::123456789012:role/pipe-test-deploy": "AmazonEKSClusterAdminPolicy",
        "arn:aws:iam::123456789012:user/on/call": "AmazonEKSClusterAdminPolicy",
    }
    entries = declared.recorder.of_type("aws:eks/accessEntry:AccessEntry")
    assert set(entries) == set(associations)
    assert "cluster-user-on-call" in entries


def test_an_operator_that_is_the_deploy_role_has_one_entry(declare: Declare) -> None:
    recorder = declare(operators=["arn:aws:iam::123456789012:role/pipe-test-deploy"]).recorder
    assert len(recorder.of_type("aws:eks/accessEntry:AccessEntry")) == 2


def test_network_policies_are_enforced_and_metrics_are_served(declare: Declare) -> None:
    recorder = declare().recorder
    switch = recorder.inputs["kubernetes:core/v1:ConfigMap", "cluster-network-policies"]
    assert (switch["metadata"]["namespace"], switch["metadata"]["name"]) == ("kube-system", "amazon-vpc-cni")
    assert switch["data"] == {"enable-network-policy-controller": "true"}
    [addon] = recorder.of_type("aws:eks/addon:Addon").values()
    assert addon["addonName"] == "metrics-server"


def test_the_provider_applies_on_the_server_with_the_callers_own_credentials(declare: Declare) -> None:
    declared = declare()
    provider = declared.recorder.inputs[PROVIDER]
    for option in ("enableServerSideApply", "enableConfigMapMutable", "enableSecretMutable"):
        assert provider[option] == "true"
    [user] = declared.kubeconfig["users"]
    arguments = "eks get-token --cluster-name pipe-test --region ap-northeast-1 --output json"
    assert user["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": arguments.split(),
            "interactiveMode": "Never",
        }
    }
    [server] = declared.kubeconfig["clusters"]
    assert server["cluster"] == {
        "server": "https://cluster.example",
        "certificate-authority-data": "Q0E=",
    }


def test_the_security_group_is_the_one_that_eks_creates_for_pods(declare: Declare) -> None:
    assert declare().security_group_id == "sg-cluster"


def test_the_version_has_standard_support_and_never_enters_extended_support(declare: Declare) -> None:
    cluster = declare(version="1.34").cluster
    assert (cluster["version"], cluster["upgradePolicy"]) == ("1.34", {"supportType": "STANDARD"})


def test_the_provider_waits_for_access_and_the_cluster_for_its_log_group(declare: Declare) -> None:
    recorder = declare().recorder
    waits_for = recorder.dependencies[PROVIDER]
    assert {(ASSOCIATION, name) for name in recorder.of_type(ASSOCIATION)} < waits_for
    waits_for = recorder.dependencies[CLUSTER, "cluster"]
    assert ("aws:cloudwatch/logGroup:LogGroup", "cluster-logs") in waits_for


@pytest.mark.parametrize("protect", [True, False])
def test_the_settings_protect_the_cluster_and_its_keys(declare: Declare, protect: bool) -> None:
    declared = declare(protect=protect)
    assert declared.cluster["deletionProtection"] is protect
    kept = {(CLUSTER, "cluster"), ("aws:kms/key:Key", "cluster"), ("aws:kms/key:Key", "cluster-logs")}
    assert declared.recorder.protected == (kept if protect else set())
