from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.fixtures import CONTAINER, DEPLOYMENT, POD, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource, secret

TYPE = kind("Deployment")
APP = {"app": "pipe-api"}


def deployment(**changes: Any) -> Resource:
    return resource(TYPE, changed(DEPLOYMENT, **changes))


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
def test_a_service_reaches_pods(messages_of_stack: MessagesOf, front: Resource, expected: list[str]) -> None:
    assert messages_of_stack("workload-service-mismatch", SERVED, front) == expected


def test_pods_without_named_ports_may_listen_anywhere(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack("workload-service-mismatch", deployment(), service(targetPort=81)) == []
    assert messages_of_stack("workload-service-mismatch", deployment(), service(targetPort="x")) == [
        "spec.ports[0].targetPort is 'x'; set it to a port that the pods name: none"
    ]


@pytest.mark.parametrize(
    "front",
    [service({"cnpg.io/cluster": "db"}), service({"app": "other"}, "other"), service({"a": "b"}, UNKNOWN)],
)
def test_a_service_in_front_of_somebody_else_s_pods_passes(
    messages_of_stack: MessagesOf, front: Resource
) -> None:
    assert messages_of_stack("workload-service-mismatch", front) == []
    assert messages_of_stack("workload-service-mismatch", SERVED, front) == []


def test_an_unknown_port_hides_no_other_and_a_secret_one_is_not_named(messages_of_stack: MessagesOf) -> None:
    ports = [
        {"name": "http", "containerPort": 8080},
        {"name": secret("hunter2"), "containerPort": secret(81)},
    ]
    pods = deployment(spec__template__spec__containers=[{**CONTAINER, "ports": ports}])
    front = resource(
        "kubernetes:core/v1:Service",
        {
            "metadata": {"namespace": "pipe"},
            "spec": {
                "selector": APP,
                "ports": [{"port": UNKNOWN}, {"targetPort": "web"}, {"targetPort": 82}],
            },
        },
    )
    assert messages_of_stack("workload-service-mismatch", pods, front) == [
        "spec.ports[1].targetPort is 'web'; set it to a port that the pods name: [secret], http",
        "spec.ports[2].targetPort is 82; set it to a port of the pods: 8080, [secret]",
        "unknown: spec.ports[0].port",
    ]


def test_pods_whose_labels_are_unknown_may_be_the_ones_that_are_meant(messages_of_stack: MessagesOf) -> None:
    unknown = deployment(spec__template__metadata__labels={"app": UNKNOWN})
    place = "unknown: spec.template.metadata.labels.app of it"
    assert messages_of_stack("workload-service-mismatch", unknown, service(targetPort=8080)) == [place]
    other = resource(kind("Pod"), changed(POD, metadata__labels={"app": "x"}), "other")
    assert messages_of_stack("workload-service-mismatch", unknown, other, service(targetPort=8080)) == [place]
    assert messages_of_stack("workload-service-mismatch", unknown, SERVED, service(targetPort=8080)) == []
