"""Tests of the program's pods on a cluster: spread, drains, scaling, and network policies."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from urllib3 import Retry

from sandbox.wire.kubernetes_api import Api, ApiError, Json, condition
from tests.support.sandbox.kubernetes.fixtures import Cluster, until

ZONE = "topology.kubernetes.io/zone"
BUDGET = "/apis/policy/v1/namespaces/pipe/poddisruptionbudgets/pipe-api"


def zones(cluster: Cluster, app: str) -> dict[str, int]:
    """Return the number of a workload's pods in each zone."""
    nodes = cluster.api.items("/api/v1/nodes")
    zone_of = {node["metadata"]["name"]: node["metadata"]["labels"][ZONE] for node in nodes}
    return Counter(zone_of[pod["spec"]["nodeName"]] for pod in cluster.pods(app))


def name_of(pod: Json) -> str:
    return str(pod["metadata"]["name"])


def is_ready(pod: Json) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def test_pods_are_spread_over_the_zones(running: Cluster) -> None:
    assert sorted(zones(running, "pipe-api").values()) == [1, 1, 1]
    assert sorted(zones(running, "pipe-proxy").values()) == [1, 1]


def test_a_second_eviction_waits_for_the_replacement_of_the_first_pod(running: Cluster) -> None:
    until(lambda: running.object(BUDGET)["status"]["disruptionsAllowed"] == 1)
    # With retries, the client would obey Retry-After and succeed later.
    api = Api(running.kubeconfig, Retry(0))
    nodes = [node["metadata"]["name"] for node in running.api.items("/api/v1/nodes")]

    def evict(pod: Json) -> None:
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        api.call("POST", f"/api/v1/namespaces/pipe/pods/{name}/eviction", eviction)

    first, second, _ = running.pods("pipe-api")
    running.kubectl("cordon", *nodes)  # The pod's replacement has to wait.
    try:
        evict(first)
        with pytest.raises(ApiError, match="disruption budget") as refused:
            evict(second)
        assert refused.value.code == 429
    finally:
        running.kubectl("uncordon", *nodes)
    until(lambda: running.object(BUDGET)["status"]["currentHealthy"] == 3)
    evict(second)
    until(lambda: len(running.pods("pipe-api")) == 3)


def test_draining_every_node_of_its_pods_keeps_the_budget(running: Cluster) -> None:
    # All drains start at the same time. Without a budget, all pods would end before one is replaced.
    until(lambda: running.object(BUDGET)["status"]["disruptionsAllowed"] == 1)
    pods = running.pods("pipe-api")
    before, nodes = {name_of(pod) for pod in pods}, [pod["spec"]["nodeName"] for pod in pods]
    options = ("--delete-emptydir-data", "--ignore-daemonsets", "--timeout=100s")
    with ThreadPoolExecutor() as pool:
        try:
            # No replacement may be scheduled to a node that is to be drained.
            running.kubectl("cordon", *nodes)
            drains = [pool.submit(running.kubectl, "drain", node, *options) for node in nodes]
            fewest = len(pods)
            while not all(drain.done() for drain in drains):
                fewest = min(fewest, sum(map(is_ready, running.pods("pipe-api"))))
            output = "".join(drain.result() for drain in drains)
        finally:
            running.kubectl("uncordon", *nodes)
    assert all(f"node/{node} drained" in output for node in nodes)
    assert fewest >= running.object(BUDGET)["status"]["desiredHealthy"] == 2
    until(lambda: len(running.pods("pipe-api")) == 3)
    assert not {name_of(pod) for pod in running.pods("pipe-api")} & before


def test_the_autoscaler_is_accepted_and_keeps_its_minimum(running: Cluster) -> None:
    running.kubectl("scale", "deployment/pipe-api", "--replicas=1")
    until(lambda: len(running.pods("pipe-api")) == 1)
    until(lambda: len(running.pods("pipe-api")) == 3)
    scaler = "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers/pipe-api"
    assert condition(running.object(scaler), "AbleToScale")["status"] == "True"
    # There are no metrics, since on EKS an add-on serves them.
    until(
        lambda: condition(running.object(scaler), "ScalingActive").get("reason") == "FailedGetResourceMetric"
    )


def selected(cluster: Cluster, selector: Json) -> set[str]:
    """Return the workloads whose pods match a selector, according to the server."""
    labels = selector.get("matchLabels", {})
    assert not selector.get("matchExpressions")
    label_selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = cluster.api.items("/api/v1/namespaces/pipe/pods", labelSelector=label_selector)
    return {pod["metadata"]["labels"]["app"] for pod in pods}


def policies(cluster: Cluster) -> dict[str, Json]:
    """Return the spec of each network policy by name."""
    items = cluster.api.items("/apis/networking.k8s.io/v1/namespaces/pipe/networkpolicies")
    return {policy["metadata"]["name"]: policy["spec"] for policy in items}


@pytest.fixture
def all_pods(running: Cluster, declared: dict[str, Json]) -> Cluster:
    """Return a cluster with a pod for each workload, including CronJobs and Jobs whose node was drained."""
    for name, manifest in declared.items():
        if name.startswith("Job/") and not running.pods(manifest["metadata"]["labels"]["app"]):
            running.kubectl("delete", name.lower())
            running.apply(manifest)
            until(lambda app=manifest["metadata"]["labels"]["app"]: running.pods(app))
    for job in running.api.items("/apis/batch/v1/namespaces/pipe/cronjobs"):
        name = job["metadata"]["name"]
        if not running.pods(name):
            running.kubectl("create", "job", f"{name}-now", f"--from=cronjob/{name}")
            until(lambda name=name: running.pods(name))
    return running


def test_each_policy_selects_the_pods_of_its_name(all_pods: Cluster) -> None:
    apps = selected(all_pods, {})
    assert {"pipe-api", "pipe-proxy", "pipe-migrate", "pipe-backup"} <= apps
    selections = {name: selected(all_pods, spec["podSelector"]) for name, spec in policies(all_pods).items()}
    assert selections == {"default-deny": apps} | {app: {app} for app in apps}
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in policies(all_pods).values())


def test_only_the_proxy_reaches_the_api_and_only_the_agent_comes_from_another_namespace(
    all_pods: Cluster,
) -> None:
    # The agent checks the proxy's certificate.
    other_namespaces: list[tuple[str, str, Json, list[int]]] = []

    def peers(policy: str, side: str, direction: str) -> list[tuple[set[str], list[Any]]]:
        own_namespace: list[tuple[set[str], list[Any]]] = []
        for rule in policies(all_pods)[policy].get(direction, ()):
            pods = [peer for peer in rule[side] if "ipBlock" not in peer]
            inside = [peer for peer in pods if peer.keys() == {"podSelector"}]
            ports = [port["port"] for port in rule["ports"]]
            own_namespace += [(selected(all_pods, peer["podSelector"]), ports) for peer in inside]
            others = [peer for peer in pods if peer not in inside]
            other_namespaces.extend((policy, direction, peer, ports) for peer in others)
        return own_namespace

    (container,) = all_pods.pods("pipe-api")[0]["spec"]["containers"]
    listening = [port["containerPort"] for port in container["ports"]]
    assert peers("pipe-proxy", "to", "egress") == [({"pipe-api"}, listening)]
    assert peers("pipe-api", "from", "ingress") == [({"pipe-proxy"}, listening)]
    inner = {
        name for name in policies(all_pods) if peers(name, "from", "ingress") or peers(name, "to", "egress")
    }
    assert inner == {"pipe-api", "pipe-proxy"}
    agent = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "datadog"}},
        "podSelector": {"matchLabels": {"app": "datadog"}},
    }
    assert other_namespaces
    assert all(peer == ("pipe-proxy", "ingress", agent, [8443]) for peer in other_namespaces)
    assert "ingress" not in policies(all_pods)["default-deny"]


def test_the_service_has_the_addresses_of_the_apis_pods(running: Cluster) -> None:
    slices = "/apis/discovery.k8s.io/v1/namespaces/pipe/endpointslices"
    pod_addresses = {pod["status"]["podIP"] for pod in running.pods("pipe-api")}

    def service_addresses() -> set[str]:
        addresses: set[str] = set()
        for item in running.api.items(slices, labelSelector="kubernetes.io/service-name=pipe-api"):
            for endpoint in item.get("endpoints") or ():
                addresses |= set(endpoint["addresses"])
        return addresses

    until(lambda: service_addresses() == pod_addresses)
