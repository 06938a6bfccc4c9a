from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.fixtures import DEPLOYMENT, POD, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource, urn

TYPE = kind("Deployment")


def deployment(**changes: Any) -> Resource:
    return resource(TYPE, changed(DEPLOYMENT, **changes))


def scaler(namespace: str = "pipe", kind: str = "Deployment", variant: str = "", **spec: Any) -> Resource:
    target = {"scaleTargetRef": {"kind": kind, "name": "pipe-api"}, **spec}
    props = {"metadata": {"namespace": namespace}, "spec": target}
    arguments = {"items": [props]} if variant else props
    return resource(f"kubernetes:autoscaling/v2:HorizontalPodAutoscaler{variant}", arguments, "hpa")


REPLICAS = "workload-too-few-replicas"


def test_a_deployment_has_replicas_enough(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(REPLICAS, deployment()) == []
    assert messages_of_stack(REPLICAS, deployment(spec__replicas=1)) == [
        "spec.replicas is 1; set it to 2 or more"
    ]
    assert messages_of_stack(REPLICAS, deployment(spec__replicas=None)) == [
        "spec.replicas is not set; set it to 2 or more"
    ]
    assert messages_of_stack(REPLICAS, deployment(spec__replicas=UNKNOWN)) == ["unknown: spec.replicas"]
    assert messages_of_stack(REPLICAS, deployment(), minimum=4.0) == [
        "spec.replicas is 3; set it to 4 or more"
    ]


def test_an_autoscaler_decides_instead(messages_of_stack: MessagesOf) -> None:
    alone = deployment(spec__replicas=None)
    assert messages_of_stack(REPLICAS, alone, scaler(minReplicas=2)) == []
    assert messages_of_stack(REPLICAS, deployment(), scaler(minReplicas=1)) == [
        "spec.minReplicas is 1; set it to 2 or more"
    ]
    assert messages_of_stack(REPLICAS, deployment(), scaler()) == [
        "spec.minReplicas is not set; set it to 2 or more"
    ]
    assert messages_of_stack(REPLICAS, alone, scaler(variant="List", minReplicas=2)) == []
    depends = {"spec": (urn(TYPE),)}
    by_urn = resource(
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        {"spec": {"scaleTargetRef": {"name": UNKNOWN}, "minReplicas": 2}},
        property_dependencies=depends,
    )
    assert messages_of_stack(REPLICAS, alone, by_urn) == []


@pytest.mark.parametrize("other", [{"namespace": "other"}, {"kind": "StatefulSet"}])
def test_an_autoscaler_of_something_else_decides_nothing(
    messages_of_stack: MessagesOf, other: dict[str, str]
) -> None:
    assert messages_of_stack(REPLICAS, deployment(spec__replicas=1), scaler(**other, minReplicas=5)) == [
        "spec.replicas is 1; set it to 2 or more"
    ]


@pytest.mark.parametrize("number", ["inf", "nan", "-inf", "1e999"])
def test_what_is_no_number_is_none(messages_of_stack: MessagesOf, number: str) -> None:
    assert messages_of_stack(REPLICAS, deployment(spec__replicas=number)) == [
        f"spec.replicas is {number!r}; set it to 2 or more"
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (REPLICAS, "items[0].spec.replicas is 1; set it to 4 or more"),
        ("workload-network-policy-missing", "items[0].spec.template.metadata.labels is {'app': 'pipe-api'}"),
    ],
)
def test_the_objects_of_a_list_are_judged(messages_of_stack: MessagesOf, policy: str, expected: str) -> None:
    listed = resource(f"{TYPE}List", {"items": [changed(DEPLOYMENT, spec__replicas=1)]})
    options = {"minimum": 4} if policy == REPLICAS else {}
    [message] = messages_of_stack(policy, listed, **options)
    assert message.startswith(expected)


def budget(namespace: str = "pipe", **selector: Any) -> Resource:
    spec = {"selector": selector, "maxUnavailable": 1}
    props = {"metadata": {"namespace": namespace}, "spec": spec}
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
def test_pods_are_selected(messages_of_stack: MessagesOf, policy: str, select: Any, expected: str) -> None:
    assert messages_of_stack(policy, deployment(), select(matchLabels=APP)) == []
    assert messages_of_stack(policy, deployment(), select()) == []
    assert messages_of_stack(policy, deployment(), select(UNKNOWN, matchLabels=APP)) == []
    assert messages_of_stack(policy, deployment()) == [expected]
    assert messages_of_stack(policy, deployment(), select("other", matchLabels=APP)) == [expected]
    assert messages_of_stack(policy, deployment(), select(matchLabels={"app": "x"})) == [expected]
    assert messages_of_stack(policy, deployment(), select(matchLabels={**APP, "tier": "x"})) == [expected]
    expression = {"key": "app", "operator": "In", "values": ["pipe-api"]}
    assert messages_of_stack(policy, deployment(), select(matchExpressions=[expression])) == []
    unknown = deployment(spec__template__metadata__labels={"app": UNKNOWN})
    assert messages_of_stack(policy, unknown, select(matchLabels=APP)) == [
        "unknown: spec.template.metadata.labels.app"
    ]


def test_a_single_pod_needs_no_budget_but_a_network_policy(messages_of_stack: MessagesOf) -> None:
    single = deployment(spec__replicas=1)
    assert messages_of_stack("workload-disruption-budget-missing", single) == []
    assert messages_of_stack("workload-network-policy-missing", resource(kind("Pod"), POD)) == [
        "metadata.labels is {'app': 'pipe-api'}, which no NetworkPolicy selects; add one"
    ]
    assert messages_of_stack("workload-network-policy-missing", resource(kind("Pod", "Patch"), POD)) == []


@pytest.mark.parametrize("kept", [{"maxUnavailable": 2}, {"maxUnavailable": "34%"}, {"minAvailable": "50%"}])
def test_a_budget_keeps_some_pods_and_lets_some_go(
    messages_of_stack: MessagesOf, kept: dict[str, Any]
) -> None:
    assert messages_of_stack("workload-disruption-budget-missing", deployment(), limited(kept)) == []


def limited(limit: dict[str, Any], variant: str = "") -> Resource:
    props = {"metadata": {"namespace": "pipe"}, "spec": {"selector": {"matchLabels": APP}, **limit}}
    arguments = {"items": [props]} if variant else props
    return resource(f"kubernetes:policy/v1:PodDisruptionBudget{variant}", arguments, "budget")


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        ({"maxUnavailable": "100%"}, "spec.maxUnavailable is '100%'"),
        ({"maxUnavailable": 3}, "spec.maxUnavailable is 3"),
        ({"maxUnavailable": 0}, "spec.maxUnavailable is 0"),
        ({"minAvailable": 0}, "spec.minAvailable is 0"),
        ({"minAvailable": 3}, "spec.minAvailable is 3"),
        ({"minAvailable": "67%"}, "spec.minAvailable is '67%'"),
        ({}, "spec.maxUnavailable is not set"),
    ],
)
def test_a_budget_that_lets_all_or_none_go_is_named(
    messages_of_stack: MessagesOf, limit: dict[str, Any], shown: str
) -> None:
    assert messages_of_stack("workload-disruption-budget-missing", deployment(), limited(limit)) == [
        f"{shown} in the PodDisruptionBudget; let it keep at least one pod, and let at least one be evicted"
    ]


def test_a_budget_without_a_selector_selects_nothing(messages_of_stack: MessagesOf) -> None:
    bare = limited({"selector": None, "maxUnavailable": 1})
    assert messages_of_stack("workload-disruption-budget-missing", deployment(), bare) == [
        f"{LABELS} PodDisruptionBudget selects; add one"
    ]


def test_lists_of_budgets_and_network_policies_count(messages_of_stack: MessagesOf) -> None:
    budgets = limited({"maxUnavailable": 1}, "List")
    assert messages_of_stack("workload-disruption-budget-missing", deployment(), budgets) == []
    denied: dict[str, Any] = {"items": [{"metadata": {"namespace": "pipe"}, "spec": {"podSelector": {}}}]}
    networks = resource("kubernetes:networking.k8s.io/v1:NetworkPolicyList", denied, "networks")
    assert messages_of_stack("workload-network-policy-missing", deployment(), networks) == []


SPREAD = "workload-not-spread"


def test_replicas_are_spread(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(SPREAD, deployment()) == []
    bare = {"spec__template__spec__topologySpreadConstraints": None}
    place = "spec.template.spec.topologySpreadConstraints"
    assert messages_of_stack(SPREAD, deployment(**bare)) == [
        f"{place} is not set; set it to a constraint over topology.kubernetes.io/zone"
    ]
    affinity: dict[str, Any] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert messages_of_stack(SPREAD, deployment(**bare, spec__template__spec__affinity=affinity)) == []
    assert messages_of_stack(SPREAD, deployment(**bare, spec__replicas=1)) == []
