"""Tests of the nodes that the pods of a stack need."""

from typing import Any

import pytest

from review.cost import nodes
from review.cost.price_table import HOME, TABLE
from review.stacks.resources import Resource
from sandbox.summary import SIGNATURE, UNKNOWNS
from tests.support.review.stacks import resource

ZONES = [{"topologyKey": nodes.ZONE, "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}]
AMD = [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]


def pool(architecture: list[dict[str, Any]] = AMD, zones: int = 3) -> list[Resource]:
    """Return a node pool with its class."""
    reference = {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "class"}
    requirements = {"template": {"spec": {"nodeClassRef": reference, "requirements": architecture}}}
    subnets = [{"id": str(number)} for number in range(zones)]
    node_class = {"subnetSelectorTerms": subnets, "ephemeralStorage": {"size": "80Gi"}}
    return [
        resource(nodes.POOL, "pool", {"spec": requirements}),
        resource(nodes.NODE_CLASS, "class", {"metadata": {"name": "class"}, "spec": node_class}),
    ]


def deployment(cpu: str = "100m", memory: str = "256Mi", replicas: int = 2, **pod: Any) -> Resource:
    """Return a Deployment whose pods have these requests."""
    containers = [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}]
    template = {"spec": {"containers": containers} | pod}
    metadata = {"namespace": "pipe", "name": "api"}
    return resource(
        nodes.DEPLOYMENT, "api", {"metadata": metadata, "spec": {"replicas": replicas, "template": template}}
    )


def autoscaler(fewest: int, most: int, **of: str) -> Resource:
    """Return the autoscaler of the Deployment, or of another target."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", **of}
    spec = {"scaleTargetRef": target, "minReplicas": fewest, "maxReplicas": most}
    return resource(nodes.AUTOSCALER, "api", {"metadata": {"namespace": "pipe"}, "spec": spec})


def plan(*resources: Resource, scaling: float = 0.0) -> tuple[int, str]:
    """Return the number and the type of the nodes."""
    planned = nodes.plan(resources, scaling, TABLE, HOME)
    assert planned is not None
    return planned.count, planned.instance


@pytest.mark.parametrize(
    ("resources", "scaling", "expected"),
    [
        ([deployment()], 0.0, (1, "c6i.large")),
        ([deployment(topologySpreadConstraints=ZONES, replicas=5)], 0.0, (3, "c6i.large")),
        ([deployment(topologySpreadConstraints=ZONES)], 0.0, (2, "c6i.large")),
        ([deployment(cpu="2e0", replicas=1)], 0.0, (1, "c6i.xlarge")),
        ([deployment(cpu="1", replicas=3)], 0.0, (1, "c6i.xlarge")),
        ([deployment(memory="3Gi", replicas=2)], 0.0, (1, "m6i.large")),
        ([deployment(cpu="900m"), autoscaler(2, 8)], 0.0, (1, "c6i.large")),
        ([deployment(cpu="900m"), autoscaler(2, 8)], 0.5, (3, "c6i.large")),
        ([deployment(initContainers=[{"resources": {"requests": {"cpu": "3"}}}])], 0.0, (2, "c6i.xlarge")),
    ],
    ids=[
        "least",
        "zones",
        "fewer pods than zones",
        "exponent",
        "CPU",
        "memory",
        "fewest",
        "half-way",
        "init container",
    ],
)
def test_the_cheapest_nodes_that_fit_are_taken(
    resources: list[Resource], scaling: float, expected: tuple[int, str]
) -> None:
    assert plan(*pool(), *resources, scaling=scaling) == expected


def test_a_pool_for_any_architecture_gets_cheaper_nodes() -> None:
    assert plan(*pool(architecture=[]), deployment()) == (1, "c6g.large")


CATEGORY, FAMILY = "eks.amazonaws.com/instance-category", "eks.amazonaws.com/instance-family"


@pytest.mark.parametrize(
    ("key", "operator", "values", "expected"),
    [
        (CATEGORY, "In", ["m", "r"], "m6i.large"),
        (CATEGORY, "NotIn", ["c"], "m6i.large"),
        (FAMILY, "In", ["c7i"], "c7i.large"),
        (nodes.GENERATION, "Gt", ["6"], "c7i.large"),
        (nodes.GENERATION, "Lt", ["7"], "c6i.large"),
        (nodes.CPUS, "In", ["4"], "c6i.xlarge"),
        (nodes.CAPACITY, "In", ["on-demand"], "c6i.large"),
        (CATEGORY, "In", ["p"], None),
        (FAMILY, "In", ["p5"], None),
        (nodes.GENERATION, "Gt", ["8"], None),
        (nodes.CAPACITY, "In", ["spot", "on-demand"], None),
        (nodes.CAPACITY, "NotIn", ["on-demand"], None),
        ("eks.amazonaws.com/instance-gpu-count", "Gt", ["0"], None),
        (nodes.ZONE, "In", ["ap-northeast-1a"], None),
        (CATEGORY, "Exists", None, None),
        (CATEGORY, "Gt", ["3"], None),
        (nodes.GENERATION, "Gt", ["x"], None),
        ([CATEGORY], "In", ["m"], None),
        ({}, "In", ["m"], None),
    ],
)
def test_the_requirements_of_a_pool_decide_about_the_type(
    key: Any, operator: str, values: list[str] | None, expected: str | None
) -> None:
    requirement = {"key": key, "operator": operator} | ({} if values is None else {"values": values})
    planned = nodes.plan([*pool([*AMD, requirement]), deployment()], 0.0, TABLE, HOME)
    assert (planned and planned.instance) == expected


@pytest.mark.parametrize("name", [nodes.POOL, nodes.NODE_CLASS])
def test_several_pools_or_classes_or_a_fixed_number_of_nodes_are_not_computed(name: str) -> None:
    other = resource(name, "other", {"spec": {}})
    assert nodes.plan([*pool(), other, deployment()], 0.0, TABLE, HOME) is None
    own_pool, node_class = pool()
    fixed = resource(nodes.POOL, "pool", {"spec": own_pool.values["spec"] | {"replicas": 9}})
    assert nodes.plan([fixed, node_class, deployment()], 0.0, TABLE, HOME) is None


@pytest.mark.parametrize("name", ["default", None, UNKNOWNS[0]])
def test_the_nodes_of_a_class_that_the_stack_does_not_have_are_not_computed(name: str | None) -> None:
    own_pool, node_class = pool()
    other = resource(nodes.NODE_CLASS, "class", {**node_class.values, "metadata": {"name": name}})
    for classes in ([other], []):
        assert nodes.plan([own_pool, *classes, deployment()], 0.0, TABLE, HOME) is None
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "class"}
    template = {"template": {"spec": {"nodeClassRef": reference, "requirements": AMD}}}
    foreign = resource(nodes.POOL, "pool", {"spec": template})
    assert nodes.plan([foreign, node_class, deployment()], 0.0, TABLE, HOME) is None


@pytest.mark.parametrize(
    "field",
    [
        {"nodeSelector": {"eks.amazonaws.com/instance-family": "p5"}},
        {"affinity": {"podAntiAffinity": {"required": []}}},
        {"topologySpreadConstraints": [ZONES[0] | {"topologyKey": "kubernetes.io/hostname"}]},
        {"resources": {"requests": {"cpu": "4"}}},
        {"initContainers": [{"resources": {"limits": {"nvidia.com/gpu": 1}}}]},
        {"containers": [{"resources": {"requests": {"cpu": "four"}}}]},
    ],
    ids=["node selector", "affinity", "spread over nodes", "resources of the pod", "GPU", "no quantity"],
)
def test_pods_that_choose_their_nodes_are_not_computed(field: dict[str, Any]) -> None:
    assert nodes.plan([*pool(), deployment(**field)], 0.0, TABLE, HOME) is None


def test_only_an_autoscaler_of_the_deployment_sets_the_number_of_its_pods() -> None:
    large = deployment(cpu="1", replicas=60)
    alone = plan(*pool(), large)
    for of in ({"kind": "ReplicaSet"}, {"apiVersion": "example.com/v1"}, {"name": "other"}):
        assert plan(*pool(), large, autoscaler(1, 1, **of)) == alone
    assert plan(*pool(), large, autoscaler(1, 1)) != alone
    assert nodes.plan([*pool(), large, autoscaler(1, 1), autoscaler(9, 9)], 0.0, TABLE, HOME) is None


def test_without_a_namespace_it_is_unknown_which_autoscaler_sets_the_number_of_pods() -> None:
    inputs = autoscaler(50, 50).values
    unnamed = resource(nodes.AUTOSCALER, "api", {**inputs, "metadata": {}})
    unknown = resource(nodes.AUTOSCALER, "api", {**inputs, "metadata": {"namespace": UNKNOWNS[0]}})
    for scaler in (unnamed, unknown, autoscaler(50, 50, name=UNKNOWNS[0])):
        assert nodes.plan([*pool(), deployment(), scaler], 0.0, TABLE, HOME) is None
    metadata = {"name": "api"}
    both = resource(nodes.DEPLOYMENT, "api", {**deployment(cpu="1").values, "metadata": metadata})
    assert plan(*pool(), both, unnamed) != plan(*pool(), both)
    other = resource(nodes.AUTOSCALER, "api", {**inputs, "metadata": {"namespace": "other"}})
    assert plan(*pool(), deployment(), other) == plan(*pool(), deployment())


@pytest.mark.parametrize("value", [UNKNOWNS[0], {SIGNATURE: "", "ciphertext": ""}], ids=["unknown", "secret"])
def test_the_nodes_are_unknown_where_a_number_or_a_part_of_the_pods_is(value: Any) -> None:
    container = {"name": "api", "resources": {"requests": value}}
    hidden = [
        [deployment(replicas=value)],
        [deployment(), autoscaler(value, 9)],
        [deployment(), autoscaler(1, value)],
        [deployment(cpu=value)],
        [deployment(containers=value)],
        [deployment(initContainers=value)],
        [deployment(containers=[value])],
        [deployment(containers=[{"name": "api", "resources": value}])],
        [deployment(containers=[container])],
        [deployment(topologySpreadConstraints=value)],
        [resource(nodes.DEPLOYMENT, "api", {"spec": value})],
        [resource(nodes.DEPLOYMENT, "api", {"spec": {"template": value}})],
        [resource(nodes.DEPLOYMENT, "api", {"spec": {"template": {"spec": value}}})],
        [resource(nodes.RELEASE, "agent", {"values": {"clusterAgent": {"replicas": value}}})],
        [resource(nodes.RELEASE, "agent", {"values": {"agents": {"containers": value}}})],
    ]
    for resources in hidden:
        assert nodes.plan([*pool(), *resources], 0.0, TABLE, HOME) is None, resources[0].inputs
        nodes.job_sizes(resources)
    hidden_zones = {"metadata": {"name": "class"}, "spec": {"subnetSelectorTerms": value}}
    classes = [pool()[0], resource(nodes.NODE_CLASS, "class", hidden_zones)]
    assert nodes.plan([*classes, deployment()], 0.0, TABLE, HOME) is None
    assert plan(*pool(), deployment(containers=[{"name": "api", "image": value}])) == (1, "c6i.large")


def test_a_limit_is_the_request_of_a_container_without_one() -> None:
    limited = {"resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "3", "memory": "9Gi"}}}
    assert plan(*pool(), deployment(containers=[limited], replicas=1)) == (1, "c6i.xlarge")


def limit_range(item: Any, namespace: Any = "pipe") -> Resource:
    """Return a limit range with one item."""
    metadata = {"name": "defaults", "namespace": namespace}
    return resource(nodes.LIMIT_RANGE, "defaults", {"metadata": metadata, "spec": {"limits": [item]}})


def container_range(field: str, **amounts: str) -> dict[str, Any]:
    """Return an item of a limit range for containers."""
    return {"type": "Container", field: amounts}


UNKNOWN_ITEMS = (
    UNKNOWNS[0],
    {"type": "Container", "min": UNKNOWNS[0]},
    {"type": UNKNOWNS[0], "max": {"cpu": "3"}},
)


@pytest.mark.parametrize(
    "item",
    [
        *(container_range(field, cpu="3") for field in ("default", "defaultRequest", "max", "min")),
        *UNKNOWN_ITEMS,
    ],
)
def test_requests_from_a_limit_range_are_not_computed(item: Any) -> None:
    empty = deployment(containers=[{}])
    later = deployment(initContainers=[{"resources": {"requests": {"memory": "1Gi"}}}])
    for pods in (empty, later):
        for namespace in ("pipe", None, UNKNOWNS[0]):
            resources = [*pool(), pods, limit_range(item, namespace)]
            assert nodes.plan(resources, 0.0, TABLE, HOME) is None
        assert plan(*pool(), pods, limit_range(item, "other")) == plan(*pool(), pods)


def test_a_limit_range_leaves_requests_and_limits_as_they_are() -> None:
    limited = deployment(containers=[{"resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "3"}}}])
    item = container_range("defaultRequest", cpu="9", memory="9Gi")
    for pods in (deployment(), limited):
        assert plan(*pool(), pods, limit_range(item)) == plan(*pool(), pods)
    of_pods = {"type": "Pod", "max": {"cpu": "9"}}
    empty = deployment(containers=[{}])
    assert plan(*pool(), empty, limit_range(of_pods)) == plan(*pool(), empty)


def test_a_limit_range_sets_the_requests_of_a_release_and_of_a_job() -> None:
    release = resource(nodes.RELEASE, "agent", {"namespace": "datadog", "values": {}})
    item, larger = (container_range("default", cpu=cpu) for cpu in ("1", "2"))
    assert nodes.plan([*pool(), release, limit_range(item, "datadog")], 0.0, TABLE, HOME) is None
    assert plan(*pool(), release, limit_range(item)) == plan(*pool(), release)
    template = {"template": {"spec": {"containers": [{"name": "it"}]}}}
    job = resource("kubernetes:batch/v1:Job", "it", {"metadata": {"namespace": "pipe"}, "spec": template})
    sizes = [nodes.job_sizes([job, limit_range(item)]) for item in (item, larger)]
    assert sizes[0] != sizes[1]


def test_the_number_of_pods_and_their_disks_need_nodes() -> None:
    small = {"resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}
    assert plan(*pool(), deployment(containers=[small], replicas=2 * nodes.MOST_PODS)) == (2, "c6i.large")
    assert plan(*pool(), deployment(containers=[{}], replicas=2 * nodes.MOST_PODS + 1)) == (3, "c6i.large")
    large = {"resources": {"requests": {"cpu": "1m", "ephemeral-storage": "60Gi"}}}
    assert plan(*pool(), deployment(containers=[large], replicas=10)) == (10, "c6i.large")
    large = {"resources": {"limits": {"ephemeral-storage": "72Gi"}}}  # The kubelet keeps 9 of the 80 GiB.
    assert nodes.plan([*pool(), deployment(containers=[large])], 0.0, TABLE, HOME) is None
    release = resource(nodes.RELEASE, "agent", {"values": {}})
    full = deployment(containers=[small], replicas=nodes.MOST_PODS)
    assert plan(*pool(), full, release) == (2, "c6i.large")


def test_the_agent_takes_room_on_every_node() -> None:
    requests = {"resources": {"requests": {"cpu": "1900m", "memory": "1Gi"}}}
    values = {
        "agents": {"containers": {"agent": requests, "initContainers": requests}},
        "clusterAgent": {"replicas": 2, "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}},
    }
    release = resource(nodes.RELEASE, "agent", {"values": values})
    assert plan(*pool(), deployment(), release) == (2, "c6i.xlarge")


def test_the_reason_names_the_pods_and_the_disk_is_that_of_the_class() -> None:
    planned = nodes.plan([*pool(), deployment(topologySpreadConstraints=ZONES)], 0.0, TABLE, HOME)
    assert planned is not None
    assert planned.disk_gib == 80
    assert planned.reason == "2 api request 0.2 CPUs and 0.5 GiB, in 2 zones"


def test_without_a_pool_or_a_price_there_are_no_nodes() -> None:
    assert nodes.plan([deployment()], 0.0, TABLE, HOME) is None
    assert nodes.plan([*pool(), deployment()], 0.0, TABLE, "eu-west-9") is None


def test_quantities_have_the_units_of_kubernetes() -> None:
    values = ("100m", "2", 1.5, "1Ki", "2Gi", "1M", "2e0", "2E", "1E3", "500000u", ".5")
    expected = [0.1, 2, 1.5, 1024, 2 * 2**30, 1e6, 2, 2e18, 1000, 0.5, 0.5]
    assert [nodes.quantity(value) for value in values] == pytest.approx(expected)
    assert [nodes.quantity(value) for value in ("much", None, "-1", "1 Gi", True)] == [None] * 5
