"""The program's pods while the cluster works: spread, drained, scaled, selected by policies."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from urllib3 import Retry

from sandbox.clouds.kubernetes.api import Api, ApiError, Json, condition
from tests.support.sandbox.kubernetes.fixtures import Cluster, until

ZONE = "topology.kubernetes.io/zone"
BUDGET = "/apis/policy/v1/namespaces/pipe/poddisruptionbudgets/pipe-api"


def zones(cluster: Cluster, app: str) -> dict[str, int]:
    """How many pods of a workload there are in each zone."""
    of_node = {
        node["metadata"]["name"]: node["metadata"]["labels"][ZONE]
        for node in cluster.api.items("/api/v1/nodes")
    }
    found = [of_node[pod["spec"]["nodeName"]] for pod in cluster.pods(app)]
    return {zone: found.count(zone) for zone in found}


def name_of(pod: Json) -> str:
    return str(pod["metadata"]["name"])


def is_ready(pod: Json) -> bool:
    return condition(pod, "Ready").get("status") == "True"


def test_pods_are_spread_over_the_zones(running: Cluster) -> None:
    assert sorted(zones(running, "pipe-api").values()) == [1, 1, 1]
    assert sorted(zones(running, "pipe-proxy").values()) == [1, 1]


def test_a_second_pod_is_not_evicted_before_the_first_is_replaced(running: Cluster) -> None:
    until(lambda: running.object(BUDGET)["status"]["disruptionsAllowed"] == 1)
    once = Api(running.kubeconfig, Retry(0))  # the client would heed Retry-After, and succeed later
    nodes = [node["metadata"]["name"] for node in running.api.items("/api/v1/nodes")]

    def evict(pod: Json) -> None:
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        once.call("POST", f"/api/v1/namespaces/pipe/pods/{name}/eviction", eviction)

    first, second, _ = running.pods("pipe-api")
    running.kubectl("cordon", *nodes)  # so that the replacement has to wait
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
    """At once, so that without a budget all pods would go before the first is replaced."""
    until(lambda: running.object(BUDGET)["status"]["disruptionsAllowed"] == 1)
    pods = running.pods("pipe-api")
    before, nodes = {name_of(pod) for pod in pods}, [pod["spec"]["nodeName"] for pod in pods]
    words = ("--delete-emptydir-data", "--ignore-daemonsets", "--timeout=100s")
    with ThreadPoolExecutor() as pool:
        try:
            running.kubectl("cordon", *nodes)  # so that no replacement comes to a node that is next
            drains = [pool.submit(running.kubectl, "drain", node, *words) for node in nodes]
            fewest = len(pods)
            while not all(drain.done() for drain in drains):
                fewest = min(fewest, sum(map(is_ready, running.pods("pipe-api"))))
            said = "".join(drain.result() for drain in drains)
        finally:
            running.kubectl("uncordon", *nodes)
    assert all(f"node/{node} drained" in said for node in nodes)
    assert fewest >= running.object(BUDGET)["status"]["desiredHealthy"] == 2
    until(lambda: len(running.pods("pipe-api")) == 3)
    assert not {name_of(pod) for pod in running.pods("pipe-api")} & before


def test_the_autoscaler_is_accepted_and_keeps_its_minimum(running: Cluster) -> None:
    running.kubectl("scale", "deployment/pipe-api", "--replicas=1")
    until(lambda: len(running.pods("pipe-api")) == 1)
    until(lambda: len(running.pods("pipe-api")) == 3)
    scaler = "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers/pipe-api"
    assert condition(running.object(scaler), "AbleToScale")["status"] == "True"
    # Only the metrics are missing, which EKS's add-on serves.
    until(
        lambda: condition(running.object(scaler), "ScalingActive").get("reason") == "FailedGetResourceMetric"
    )


def selected(cluster: Cluster, selector: Json) -> set[str]:
    """The workloads of the pods that a selector means, on the server."""
    labels = selector.get("matchLabels", {})
    assert not selector.get("matchExpressions")
    found: list[Json] = cluster.api.items(
        "/api/v1/namespaces/pipe/pods",
        labelSelector=",".join(f"{key}={value}" for key, value in labels.items()),
    )
    return {pod["metadata"]["labels"]["app"] for pod in found}


def policies(cluster: Cluster) -> dict[str, Json]:
    found = cluster.api.items("/apis/networking.k8s.io/v1/namespaces/pipe/networkpolicies")
    return {policy["metadata"]["name"]: policy["spec"] for policy in found}


@pytest.fixture
def all_pods(running: Cluster, declared: dict[str, Json]) -> Cluster:
    """With a pod of each workload: of those that run by the clock too, and of Jobs whose node was drained."""
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


def test_each_policy_selects_the_pods_that_it_is_named_for(all_pods: Cluster) -> None:
    apps = selected(all_pods, {})
    assert {"pipe-api", "pipe-proxy", "pipe-migrate", "pipe-backup"} <= apps
    found = {name: selected(all_pods, spec["podSelector"]) for name, spec in policies(all_pods).items()}
    assert found == {"default-deny": apps} | {app: {app} for app in apps}
    assert all(spec["policyTypes"] == ["Ingress", "Egress"] for spec in policies(all_pods).values())


def test_the_peers_of_the_policies_are_the_pods_that_are_meant(all_pods: Cluster) -> None:
    """The proxy reaches the API at the port on which its pods listen, and nobody else reaches it. Of another
    namespace only the agent comes, which looks at the proxy's certificate."""
    abroad: list[tuple[str, str, Json, list[int]]] = []

    def peers(policy: str, side: str, direction: str) -> list[tuple[set[str], list[Any]]]:
        found: list[tuple[set[str], list[Any]]] = []
        for rule in policies(all_pods)[policy].get(direction, ()):
            pods = [peer for peer in rule[side] if "ipBlock" not in peer]
            inside = [peer for peer in pods if peer.keys() == {"podSelector"}]
            ports = [port["port"] for port in rule["ports"]]
            found += [(selected(all_pods, peer["podSelector"]), ports) for peer in inside]
            abroad.extend((policy, direction, peer, ports) for peer in pods if peer not in inside)
        return found

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
    assert abroad and all(each == ("pipe-proxy", "ingress", agent, [8443]) for each in abroad)
    assert "ingress" not in policies(all_pods)["default-deny"]


def test_the_service_leads_to_the_apis_pods(running: Cluster) -> None:
    slices = "/apis/discovery.k8s.io/v1/namespaces/pipe/endpointslices"
    wanted = {pod["status"]["podIP"] for pod in running.pods("pipe-api")}

    def addresses() -> set[str]:
        found = running.api.items(slices, labelSelector="kubernetes.io/service-name=pipe-api")
        return {
            address for one in found for end in one.get("endpoints") or () for address in end["addresses"]
        }

    until(lambda: addresses() == wanted)
