import pytest

from policies.engine.catalog import RULES
from policies.model.kubernetes.pods import POD_SHAPED
from policies.model.property_values import Value, from_plain
from tests.support.policies.fixtures import DEPLOYMENT, KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource, verdicts
from tests.support.policies.workloads import DEPLOYMENT_TYPE

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
WORKLOAD_RULES = [rule.name for rule in RULES if rule.types & POD_SHAPED and rule.name != "labels-missing"]


@pytest.mark.parametrize("policy", WORKLOAD_RULES)
@pytest.mark.parametrize("name", KINDS)
def test_a_good_workload_passes_every_rule(messages_of: MessagesOf, policy: str, name: str) -> None:
    props, _ = around(name, POD)
    if name == "Deployment":
        props = DEPLOYMENT
    assert messages_of(policy, kind(name), props) == []
    assert messages_of(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == []


@pytest.mark.parametrize("namespace", [None, "default"])
def test_the_default_namespace_is_named(messages_of: MessagesOf, namespace: str | None) -> None:
    shown = "not set" if namespace is None else "'default'"
    for name in (DEPLOYMENT_TYPE, "kubernetes:core/v1:ConfigMap", "kubernetes:networking.k8s.io/v1:Ingress"):
        props = changed(DEPLOYMENT, metadata__namespace=namespace)
        assert messages_of("workload-default-namespace", name, props) == [
            f"metadata.namespace is {shown}; set it to a namespace of its own"
        ]


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("web", []),
        ("default", ["metadata.namespace is not set; set it to a namespace of its own"]),
        (UNKNOWN, ["unknown: namespace"]),
    ],
)
def test_the_provider_s_namespace_counts_where_the_object_has_none(
    namespace: str, expected: list[str]
) -> None:
    settings = Value(from_plain({"namespace": namespace}))
    props = {"metadata": {"name": "x"}}
    assert (
        verdicts("workload-default-namespace", resource(CONFIG_MAP, props, settings=settings), {}) == expected
    )


def test_an_unknown_label_hides_no_other(messages_of: MessagesOf) -> None:
    props = changed(DEPLOYMENT, spec__selector__matchLabels={"a": "x", "app": "other"})
    props["spec"]["template"] = {"metadata": {"labels": {"a": UNKNOWN, "app": "pipe-api"}}}
    assert messages_of("workload-selector-mismatch", DEPLOYMENT_TYPE, props) == [
        "spec.template.metadata.labels.app is 'pipe-api'; set it to 'other', as "
        "spec.selector.matchLabels has it",
        "unknown: spec.template.metadata.labels.a",
    ]


def test_a_selector_that_misses_its_own_pods_is_named(messages_of: MessagesOf) -> None:
    props = changed(DEPLOYMENT, spec__selector__matchLabels={"app": "other"})
    assert messages_of("workload-selector-mismatch", DEPLOYMENT_TYPE, props) == [
        "spec.template.metadata.labels.app is 'pipe-api'; set it to 'other', as "
        "spec.selector.matchLabels has it"
    ]
