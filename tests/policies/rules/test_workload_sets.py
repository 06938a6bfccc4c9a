from typing import Any

import pytest

from policies.rule import Resource
from tests.policies.conftest import UNKNOWN, Said, changed, resource, urn
from tests.policies.fixtures import CONTAINER, DEPLOYMENT, POD, kind

TYPE = kind("Deployment")


def deployment(**changes: Any) -> Resource:
    return resource(TYPE, changed(DEPLOYMENT, **changes))


def scaler(**spec: Any) -> Resource:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "pipe-api"}, **spec}
    return resource("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", {"spec": target}, "hpa")


REPLICAS = "workload-too-few-replicas"


def test_a_deployment_has_replicas_enough(said_of_stack: Said) -> None:
    assert said_of_stack(REPLICAS, deployment()) == []
    assert said_of_stack(REPLICAS, deployment(spec__replicas=1)) == [
        "spec.replicas is 1; set it to 2 or more"
    ]
    assert said_of_stack(REPLICAS, deployment(spec__replicas=None)) == [
        "spec.replicas is not set; set it to 2 or more"
    ]
    assert said_of_stack(REPLICAS, deployment(spec__replicas=UNKNOWN)) == ["unknown: spec.replicas"]
    assert said_of_stack(REPLICAS, deployment(), minimum=4.0) == ["spec.replicas is 3; set it to 4 or more"]


def test_an_autoscaler_decides_instead(said_of_stack: Said) -> None:
    alone = deployment(spec__replicas=None)
    assert said_of_stack(REPLICAS, alone, scaler(minReplicas=2)) == []
    assert said_of_stack(REPLICAS, deployment(), scaler(minReplicas=1)) == [
        "spec.minReplicas is 1; set it to 2 or more"
    ]
    assert said_of_stack(REPLICAS, deployment(), scaler()) == [
        "spec.minReplicas is not set; set it to 2 or more"
    ]
    depends = {"spec": (urn(TYPE),)}
    by_urn = resource(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        {"spec": {"scaleTargetRef": {"name": UNKNOWN}, "minReplicas": 2}},
        property_dependencies=depends,
    )
    assert said_of_stack(REPLICAS, alone, by_urn) == []


def budget(namespace: str = "pipe", **selector: Any) -> Resource:
    props = {"metadata": {"namespace": namespace}, "spec": {"selector": selector}}
    return resource("kubernetes:policy/v1:PodDisruptionBudget", props, "budget")


def closed(namespace: str = "pipe", **selector: Any) -> Resource:
    props = {"metadata": {"namespace": namespace}, "spec": {"podSelector": selector}}
    return resource("kubernetes:networking.k8s.io/v1:NetworkPolicy", props, "network")


APP = {"app": "pipe-api"}


LABELS = "spec.template.metadata.labels is {'app': 'pipe-api'}, which no"


SELECTED = [
    ("workload-disruption-budget-missing", budget, f"{LABELS} PodDisruptionBudget selects; add one"),
    ("workload-network-policy-missing", closed, f"{LABELS} NetworkPolicy selects; add one"),
]


@pytest.mark.parametrize(("policy", "select", "expected"), SELECTED)
def test_pods_are_selected(said_of_stack: Said, policy: str, select: Any, expected: str) -> None:
    assert said_of_stack(policy, deployment(), select(matchLabels=APP)) == []
    assert said_of_stack(policy, deployment(), select()) == []
    assert said_of_stack(policy, deployment(), select(UNKNOWN, matchLabels=APP)) == []
    assert said_of_stack(policy, deployment()) == [expected]
    assert said_of_stack(policy, deployment(), select("other", matchLabels=APP)) == [expected]
    assert said_of_stack(policy, deployment(), select(matchLabels={"app": "x"})) == [expected]
    assert said_of_stack(policy, deployment(), select(matchLabels={**APP, "tier": "x"})) == [expected]
    expression = {"key": "app", "operator": "In", "values": ["pipe-api"]}
    assert said_of_stack(policy, deployment(), select(matchExpressions=[expression])) == []
    unknown = deployment(spec__template__metadata__labels={"app": UNKNOWN})
    assert said_of_stack(policy, unknown, select(matchLabels=APP)) == [
        "unknown: spec.template.metadata.labels.app"
    ]


def test_a_single_pod_needs_no_budget_but_a_network_policy(said_of_stack: Said) -> None:
    one = deployment(spec__replicas=1)
    assert said_of_stack("workload-disruption-budget-missing", one) == []
    assert said_of_stack("workload-network-policy-missing", resource(kind("Pod"), POD)) == [
        "metadata.labels is {'app': 'pipe-api'}, which no NetworkPolicy selects; add one"
    ]
    assert said_of_stack("workload-network-policy-missing", resource(kind("Pod", "Patch"), POD)) == []


SPREAD = "workload-not-spread"


def test_replicas_are_spread(said_of_stack: Said) -> None:
    assert said_of_stack(SPREAD, deployment()) == []
    bare = {"spec__template__spec__topologySpreadConstraints": None}
    place = "spec.template.spec.topologySpreadConstraints"
    assert said_of_stack(SPREAD, deployment(**bare)) == [
        f"{place} is not set; set it to a constraint over topology.kubernetes.io/zone"
    ]
    affinity: dict[str, Any] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert said_of_stack(SPREAD, deployment(**bare, spec__template__spec__affinity=affinity)) == []
    assert said_of_stack(SPREAD, deployment(**bare, spec__replicas=1)) == []


PORTS = [{"name": "http", "containerPort": 8080}]


SERVED = deployment(spec__template__spec__containers=[{**CONTAINER, "ports": PORTS}])


def service(selector: object = APP, namespace: str = "pipe", **port: Any) -> Resource:
    props = {
        "metadata": {"namespace": namespace},
        "spec": {"selector": selector, "ports": [{"port": 80, **port}]},
    }
    return resource("kubernetes:core/v1:Service", props, "service")


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (service(targetPort="http"), []),
        (service(targetPort=8080), []),
        (service(port=8080), []),
        (
            service(targetPort="web"),
            ["spec.ports[0].targetPort is 'web'; set it to a port that the pods name: http"],
        ),
        (service(targetPort=81), ["spec.ports[0].targetPort is 81; set it to a port of the pods: 8080"]),
        (service(), ["spec.ports[0].port is 80; set it to a port of the pods: 8080"]),
        (
            service({"app": "x"}),
            [
                "spec.selector is {'app': 'x'}, which matches no pod of the stack; set it to labels "
                "that pods have"
            ],
        ),
        (
            service({**APP, "tier": "x"}),
            [
                "spec.selector is {'app': 'pipe-api', 'tier': 'x'}, which matches no pod of the stack; "
                "set it to labels that pods have"
            ],
        ),
        (
            service(APP, "other", targetPort=8080),
            [
                "spec.selector is {'app': 'pipe-api'}, which matches no pod of the stack; "
                "set it to labels that pods have"
            ],
        ),
        (service(None), []),
        (service(targetPort=UNKNOWN), ["unknown: spec.ports[0].targetPort"]),
    ],
)
def test_a_service_reaches_pods(said_of_stack: Said, front: Resource, expected: list[str]) -> None:
    assert said_of_stack("workload-service-mismatch", SERVED, front) == expected


def test_pods_without_named_ports_may_listen_anywhere(said_of_stack: Said) -> None:
    assert said_of_stack("workload-service-mismatch", deployment(), service(targetPort=81)) == []
    assert said_of_stack("workload-service-mismatch", deployment(), service(targetPort="x")) == [
        "spec.ports[0].targetPort is 'x'; set it to a port that the pods name: none"
    ]


def test_a_service_in_front_of_somebody_else_s_pods_passes(said_of_stack: Said) -> None:
    assert said_of_stack("workload-service-mismatch", service()) == []


def test_pods_whose_labels_are_unknown_may_be_the_ones_that_are_meant(said_of_stack: Said) -> None:
    unknown = deployment(spec__template__metadata__labels={"app": UNKNOWN})
    place = "unknown: spec.template.metadata.labels.app"
    assert said_of_stack("workload-service-mismatch", unknown, service(targetPort=8080)) == [place]
    other = resource(kind("Pod"), changed(POD, metadata__labels={"app": "x"}), "other")
    assert said_of_stack("workload-service-mismatch", unknown, other, service(targetPort=8080)) == [place]
    assert said_of_stack("workload-service-mismatch", unknown, SERVED, service(targetPort=8080)) == []
