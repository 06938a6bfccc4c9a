"""Tests of the node class and the node pool on the control plane, which checks them as EKS does."""

from typing import Any

import pytest

from components.aws import nodes
from components.common.naming import Naming
from components.settings.models.cluster import Nodes
from sandbox.errors import ProviderError
from sandbox.providers.kubernetes.target import KubernetesTarget
from tests.support.sandbox.kubernetes.fixtures import Cluster
from tests.support.sandbox.kubernetes.objects import resource

pytestmark = pytest.mark.drill

ARGS = nodes.NodePoolArgs(
    settings=Nodes.model_validate({"cpuLimit": "16", "memoryLimit": "64Gi"}),
    naming=Naming(environment="dev", team="platform", account="123456789012", region="ap-northeast-1"),
    subnet_ids=["subnet-0a", "subnet-0b"],
    security_group_id="sg-0a",
    disk_gib=80,
)
CLASS: dict[str, Any] = {
    "apiVersion": "eks.amazonaws.com/v1",
    "kind": "NodeClass",
    "metadata": {"name": nodes.POOL},
    "spec": nodes.class_spec(ARGS),
}
POOL: dict[str, Any] = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": nodes.POOL},
    "spec": nodes.pool_spec(ARGS.settings),
}


@pytest.fixture(scope="module")
def target(empty: Cluster) -> KubernetesTarget:
    return KubernetesTarget(empty.kubeconfig, patience=20)


def test_the_programs_node_class_and_pool_are_created_changed_and_deleted(target: KubernetesTarget) -> None:
    for manifest in (CLASS, POOL):
        assert target.create(resource(manifest)).id == nodes.POOL
    limits = {"cpu": "32", "memory": "64Gi"}
    pool = target.read(resource(POOL, id=nodes.POOL), {})
    assert pool is not None
    changed = target.update(resource(POOL, "spec.limits", limits, id=nodes.POOL), pool)
    assert changed.outputs["spec"]["limits"] == limits
    for manifest in (POOL, CLASS):
        target.delete(resource(manifest, id=nodes.POOL))
        assert target.read(resource(manifest, id=nodes.POOL), {}) is None


@pytest.mark.parametrize(
    ("manifest", "path", "value", "message"),
    [
        (CLASS, "spec.role", None, "spec.role in body must be of type string"),
        (CLASS, "spec.ephemeralStorage.size", "60000Gi", "at most 59000Gi"),
        (CLASS, "spec.ephemeralStorage.iops", 100, "should be greater than or equal to 3000"),
        (CLASS, "spec.tags", {"karpenter.sh/nodepool": "a"}, "tags of Karpenter and of the node class"),
        (
            CLASS,
            "spec.subnetSelectorTerms",
            [{"id": "subnet-0a", "tags": {"a": "b"}}],
            "either an id or tags",
        ),
        (POOL, "spec.disruption.consolidationPolicy", "WhenUnderutilized", "Unsupported value"),
        (POOL, "spec.template.spec.requirements.0.values", [], "the operator In needs a value"),
        (POOL, "spec.template.spec.requirements.3.values", ["4", "5"], "Gt and Lt need one whole number"),
        (POOL, "spec.template.spec.expireAfter", "14d", "should match"),
        (POOL, "spec.template.spec.nodeClassRef.version", "v1", "field not declared in schema"),
    ],
)
def test_the_server_refuses_what_eks_refuses(
    target: KubernetesTarget, manifest: dict[str, Any], path: str, value: Any, message: str
) -> None:
    with pytest.raises(ProviderError) as refused:
        target.create(resource(manifest, path, value))
    assert message in str(refused.value)
