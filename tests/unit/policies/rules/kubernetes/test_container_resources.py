from copy import deepcopy

import pytest

from tests.support.policies.fixtures import CONTAINER, KINDS, POD, around, kind
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed
from tests.support.policies.workloads import AT, DEPLOYMENT_TYPE, deployment, pod

MISSING = [
    ("workload-cpu-request-missing", "resources__requests__cpu", "resources.requests.cpu", "100m"),
    ("workload-cpu-limit-missing", "resources__limits__cpu", "resources.limits.cpu", "200m"),
    ("workload-memory-request-missing", "resources__requests__memory", "resources.requests.memory", "256Mi"),
    ("workload-memory-limit-missing", "resources__limits__memory", "resources.limits.memory", "512Mi"),
]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_a_missing_quantity_is_named_in_every_kind(
    messages_of: MessagesOf, policy: str, change: str, path: str, example: str, name: str, field: str
) -> None:
    broken = deepcopy(POD)
    broken["spec"][field] = [changed(CONTAINER, **{change: None})]
    props, spec = around(name, broken)
    wanted = f"is not set; set it to a quantity above zero, such as {example}"
    assert messages_of(policy, kind(name), props) == [f"{spec}.{field}[0].{path} {wanted}"]
    assert messages_of(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == [
        f"items[0].{spec}.{field}[0].{path} {wanted}"
    ]
    assert messages_of(policy, kind(name, "Patch"), props) == [f"unknown: {spec}.{field}[0].{path}"]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("value", ["0", "-1", "lots", "1.2.3", "", True, "1e"])
def test_a_quantity_that_is_none_is_named(
    messages_of: MessagesOf, policy: str, change: str, path: str, example: str, value: object
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**{change: value})) == [
        f"{AT}.{path} is {value!r}; set it to a quantity above zero, such as {example}"
    ]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("value", [1, 0.5, "1e3", "128M", "128Mi", ".5", "5.", "100m", "2E2", "+1", "1Ei"])
def test_every_form_of_a_quantity_is_read(
    messages_of: MessagesOf, policy: str, change: str, path: str, example: str, value: object
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**{change: value})) == []


def test_an_ephemeral_container_cannot_have_resources(messages_of: MessagesOf) -> None:
    props = pod(ephemeralContainers=[{"name": "debug", "image": "busybox:1.37"}])
    for policy, _, _, _ in MISSING:
        assert messages_of(policy, DEPLOYMENT_TYPE, props) == []


def test_an_unknown_limit_is_counted_and_hides_nothing(messages_of: MessagesOf) -> None:
    second = changed(CONTAINER, resources__limits__memory=None)
    props = deployment(resources__limits__memory=UNKNOWN)
    props["spec"]["template"]["spec"]["containers"].append(second)
    assert messages_of("workload-memory-limit-missing", DEPLOYMENT_TYPE, props) == [
        "spec.template.spec.containers[1].resources.limits.memory is not set; "
        "set it to a quantity above zero, such as 512Mi",
        f"unknown: {AT}.resources.limits.memory",
    ]
    assert messages_of("workload-memory-limit-missing", DEPLOYMENT_TYPE, pod(containers=UNKNOWN)) == [
        "unknown: spec.template.spec.containers"
    ]
    assert messages_of("workload-memory-limit-missing", kind("Deployment", "List"), {"items": UNKNOWN}) == [
        "unknown: items"
    ]


@pytest.mark.parametrize(
    ("request_", "limit", "above"),
    [
        ("200m", "0.2", False),
        ("201m", "0.2", True),
        (1, "1000m", False),
        ("1e3", "1", True),
        ("x", "1", False),
    ],
)
def test_a_request_is_at_most_its_limit(
    messages_of: MessagesOf, request_: object, limit: str, above: bool
) -> None:
    props = deployment(resources__requests__cpu=request_, resources__limits__cpu=limit)
    expected = (
        [f"{AT}.resources.requests.cpu is {request_!r}; set it to at most its limit, {limit!r}"]
        if above
        else []
    )
    assert messages_of("workload-request-above-limit", DEPLOYMENT_TYPE, props) == expected


def test_128m_is_less_than_128mi(messages_of: MessagesOf) -> None:
    props = deployment(resources__requests__memory="128Mi", resources__limits__memory="128M")
    assert messages_of("workload-request-above-limit", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.requests.memory is '128Mi'; set it to at most its limit, '128M'"
    ]


def test_a_limit_above_the_ceiling_is_named(messages_of: MessagesOf) -> None:
    props = deployment(resources__limits__memory="9Gi", resources__limits__cpu="4")
    assert messages_of("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.limits.memory is '9Gi'; set it to at most 8Gi"
    ]
    assert messages_of("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props, cpu="3", memory="9Gi") == [
        f"{AT}.resources.limits.cpu is '4'; set it to at most 3"
    ]


def test_an_unknown_quantity_hides_no_other(messages_of: MessagesOf) -> None:
    below = {"requests": {"cpu": UNKNOWN, "memory": "65Gi"}, "limits": {"cpu": UNKNOWN, "memory": "64Gi"}}
    props = deployment(resources=below)
    assert messages_of("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.limits.memory is '64Gi'; set it to at most 8Gi",
        f"unknown: {AT}.resources.limits.cpu",
    ]
    assert messages_of("workload-request-above-limit", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.requests.memory is '65Gi'; set it to at most its limit, '64Gi'",
        f"unknown: {AT}.resources.requests.cpu",
    ]


def test_the_resources_of_a_pod_stand_for_those_of_its_containers(messages_of: MessagesOf) -> None:
    whole = {"requests": {"cpu": "1", "memory": "9Gi"}, "limits": {"cpu": "1", "memory": "9Gi"}}
    props = changed(pod(resources=whole), spec__template__spec__containers__0__resources=None)
    for policy, *_ in MISSING:
        assert messages_of(policy, DEPLOYMENT_TYPE, props) == []
    place = "spec.template.spec.resources"
    assert messages_of("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props) == [
        f"{place}.limits.memory is '9Gi'; set it to at most 8Gi"
    ]
    props["spec"]["template"]["spec"]["resources"]["requests"]["cpu"] = "2"
    assert messages_of("workload-request-above-limit", DEPLOYMENT_TYPE, props) == [
        f"{place}.requests.cpu is '2'; set it to at most its limit, '1'"
    ]
