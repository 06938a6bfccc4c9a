"""Tests of the nodes that the pods of a stack need."""

from typing import Any

import pytest

from review.cost import nodes
from review.cost.price_table import HOME, TABLE
from review.stacks.resources import Resource
from tests.support.review.stacks import resource

ZONES = [{"topologyKey": nodes.ZONE, "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1}]
AMD = [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]


def pool(architecture: list[dict[str, Any]] = AMD, zones: int = 3) -> list[Resource]:
    """Return a node pool with its class."""
    requirements = {"template": {"spec": {"requirements": architecture}}}
    subnets = [{"id": str(number)} for number in range(zones)]
    node_class = {"subnetSelectorTerms": subnets, "ephemeralStorage": {"size": "80Gi"}}
    return [
        resource(nodes.POOL, "pool", {"spec": requirements}),
        resource(nodes.NODE_CLASS, "class", {"spec": node_class}),
    ]


def deployment(cpu: str = "100m", memory: str = "256Mi", replicas: int = 2, **pod: Any) -> Resource:
    """Return a Deployment whose pods have these requests."""
    containers = [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}]
    template = {"spec": {"containers": containers, **pod}}
    metadata = {"namespace": "pipe", "name": "api"}
    return resource(
        nodes.DEPLOYMENT, "api", {"metadata": metadata, "spec": {"replicas": replicas, "template": template}}
    )


def autoscaler(fewest: int, most: int) -> Resource:
    """Return the autoscaler of the Deployment."""
    spec = {"scaleTargetRef": {"name": "api"}, "minReplicas": fewest, "maxReplicas": most}
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
        ([deployment(cpu="1", replicas=3)], 0.0, (1, "c6i.xlarge")),
        ([deployment(memory="3Gi", replicas=2)], 0.0, (1, "m6i.large")),
        ([deployment(cpu="900m"), autoscaler(2, 8)], 0.0, (1, "c6i.large")),
        ([deployment(cpu="900m"), autoscaler(2, 8)], 0.5, (3, "c6i.large")),
        ([deployment(initContainers=[{"resources": {"requests": {"cpu": "3"}}}])], 0.0, (2, "c6i.xlarge")),
    ],
    ids=["least", "zones", "fewer pods than zones", "CPU", "memory", "fewest", "half-way", "init container"],
)
def test_the_cheapest_nodes_that_fit_are_taken(
    resources: list[Resource], scaling: float, expected: tuple[int, str]
) -> None:
    assert plan(*pool(), *resources, scaling=scaling) == expected


def test_a_pool_for_any_architecture_gets_cheaper_nodes() -> None:
    assert plan(*pool(architecture=[]), deployment()) == (1, "c6g.large")


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
    values = ("100m", "2", 1.5, "1Ki", "2Gi", "1M", "much", None)
    assert [nodes.quantity(value) for value in values] == [0.1, 2, 1.5, 1024, 2 * 2**30, 1e6, 0, 0]
