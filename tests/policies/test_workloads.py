from copy import deepcopy
from typing import Any

import pytest

from policies.catalog import RULES
from policies.pods import POD_SHAPED
from tests.policies.conftest import UNKNOWN, Said, changed, secret
from tests.policies.fixtures import CONTAINER, DEPLOYMENT, KINDS, POD, around, kind

DEPLOYMENT_TYPE = kind("Deployment")
AT = "spec.template.spec.containers[0]"
WORKLOAD_RULES = [rule.name for rule in RULES if rule.types & POD_SHAPED]


def deployment(**changes: Any) -> dict[str, Any]:
    """The valid Deployment with its only container changed."""
    return changed(
        DEPLOYMENT, **{f"spec__template__spec__containers__0__{key}": value for key, value in changes.items()}
    )


def pod(**changes: Any) -> dict[str, Any]:
    """The valid Deployment with its pod's spec changed."""
    return changed(DEPLOYMENT, **{f"spec__template__spec__{key}": value for key, value in changes.items()})


@pytest.mark.parametrize("policy", WORKLOAD_RULES)
@pytest.mark.parametrize("name", KINDS)
def test_a_good_workload_passes_every_rule(said: Said, policy: str, name: str) -> None:
    props, _ = around(name, POD)
    if name == "Deployment":
        props = DEPLOYMENT
    assert said(policy, kind(name), props) == []
    assert said(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == []


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
    said: Said, policy: str, change: str, path: str, example: str, name: str, field: str
) -> None:
    broken = deepcopy(POD)
    broken["spec"][field] = [changed(CONTAINER, **{change: None})]
    props, spec = around(name, broken)
    wanted = f"is not set; set it to a quantity above zero, such as {example}"
    assert said(policy, kind(name), props) == [f"{spec}.{field}[0].{path} {wanted}"]
    assert said(policy, kind(name, "List"), {"items": [{"kind": name, **props}]}) == [
        f"items[0].{spec}.{field}[0].{path} {wanted}"
    ]
    assert said(policy, kind(name, "Patch"), props) == [f"unknown: {spec}.{field}[0].{path}"]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("value", ["0", "-1", "lots", "1.2.3", "", True, "1e"])
def test_a_quantity_that_is_none_is_named(
    said: Said, policy: str, change: str, path: str, example: str, value: object
) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**{change: value})) == [
        f"{AT}.{path} is {value!r}; set it to a quantity above zero, such as {example}"
    ]


@pytest.mark.parametrize(("policy", "change", "path", "example"), MISSING)
@pytest.mark.parametrize("value", [1, 0.5, "1e3", "128M", "128Mi", ".5", "5.", "100m", "2E2", "+1", "1Ei"])
def test_every_form_of_a_quantity_is_read(
    said: Said, policy: str, change: str, path: str, example: str, value: object
) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**{change: value})) == []


def test_an_ephemeral_container_cannot_have_resources(said: Said) -> None:
    props = pod(ephemeralContainers=[{"name": "debug", "image": "busybox:1.37"}])
    for policy, _, _, _ in MISSING:
        assert said(policy, DEPLOYMENT_TYPE, props) == []


def test_an_unknown_limit_is_counted_and_hides_nothing(said: Said) -> None:
    second = changed(CONTAINER, resources__limits__memory=None)
    props = deployment(resources__limits__memory=UNKNOWN)
    props["spec"]["template"]["spec"]["containers"].append(second)
    assert said("workload-memory-limit-missing", DEPLOYMENT_TYPE, props) == [
        "spec.template.spec.containers[1].resources.limits.memory is not set; "
        "set it to a quantity above zero, such as 512Mi",
        f"unknown: {AT}.resources.limits.memory",
    ]
    assert said("workload-memory-limit-missing", DEPLOYMENT_TYPE, pod(containers=UNKNOWN)) == [
        "unknown: spec.template.spec.containers"
    ]
    assert said("workload-memory-limit-missing", kind("Deployment", "List"), {"items": UNKNOWN}) == [
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
def test_a_request_is_at_most_its_limit(said: Said, request_: object, limit: str, above: bool) -> None:
    props = deployment(resources__requests__cpu=request_, resources__limits__cpu=limit)
    expected = (
        [f"{AT}.resources.requests.cpu is {request_!r}; set it to at most its limit, {limit!r}"]
        if above
        else []
    )
    assert said("workload-request-above-limit", DEPLOYMENT_TYPE, props) == expected


def test_128m_is_less_than_128mi(said: Said) -> None:
    props = deployment(resources__requests__memory="128Mi", resources__limits__memory="128M")
    assert said("workload-request-above-limit", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.requests.memory is '128Mi'; set it to at most its limit, '128M'"
    ]


def test_a_limit_above_the_ceiling_is_named(said: Said) -> None:
    props = deployment(resources__limits__memory="9Gi", resources__limits__cpu="4")
    assert said("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props) == [
        f"{AT}.resources.limits.memory is '9Gi'; set it to at most 8Gi"
    ]
    assert said("workload-limit-above-ceiling", DEPLOYMENT_TYPE, props, cpu="3", memory="9Gi") == [
        f"{AT}.resources.limits.cpu is '4'; set it to at most 3"
    ]


PINNED = "an image with a version or digest, such as pipe/api:1.4.2 or pipe/api@sha256:…"


@pytest.mark.parametrize(
    "image", ["pipe/api", "pipe/api:latest", "host:5000/pipe/api", "host:5000/api:latest", ""]
)
@pytest.mark.parametrize("field", ["containers", "initContainers", "ephemeralContainers"])
def test_an_image_that_is_not_pinned_is_named(said: Said, image: str, field: str) -> None:
    props = pod(**{field: [changed(CONTAINER, image=image)]})
    assert said("workload-image-latest", DEPLOYMENT_TYPE, props) == [
        f"spec.template.spec.{field}[0].image is {image!r}; set it to {PINNED}"
    ]


@pytest.mark.parametrize(
    "image", ["pipe/api:1.4.2", "host:5000/pipe/api:v1", "api@sha256:" + "a" * 64, "a:latest1"]
)
def test_a_pinned_image_passes(said: Said, image: str) -> None:
    assert said("workload-image-latest", DEPLOYMENT_TYPE, deployment(image=image)) == []


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-image-without-digest",
            {"image": "pipe/api:1.4.2"},
            "image is 'pipe/api:1.4.2'; set it to the same image by its digest, name@sha256:…",
        ),
        (
            "workload-image-pull-not-always",
            {"image": "pipe/api:1.4.2"},
            "imagePullPolicy is not set; set it to 'Always'",
        ),
        (
            "workload-image-pull-not-always",
            {"image": "pipe/api:1.4.2", "imagePullPolicy": "IfNotPresent"},
            "imagePullPolicy is 'IfNotPresent'; set it to 'Always'",
        ),
        (
            "workload-liveness-probe-missing",
            {"livenessProbe": None},
            "livenessProbe is not set; set it to an httpGet, tcpSocket, grpc or exec probe",
        ),
        (
            "workload-readiness-probe-missing",
            {"readinessProbe": {"periodSeconds": 1}},
            "readinessProbe is {'periodSeconds': 1}; set it to an httpGet, tcpSocket, grpc or exec probe",
        ),
        (
            "workload-duplicate-env",
            {"env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}]},
            "env[2].name is 'A'; remove the second entry",
        ),
        (
            "workload-secret-in-env",
            {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
            "env[0].value is [secret]; move it to a Secret and use valueFrom.secretKeyRef",
        ),
        (
            "workload-secret-in-env",
            {"env": [{"name": "HARMLESS", "value": secret("hunter2")}]},
            "env[0].value is [secret]; move it to a Secret and use valueFrom.secretKeyRef",
        ),
        (
            "workload-secret-as-env",
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            "env[0].valueFrom.secretKeyRef is {'key': 'k', 'name': 's'}; mount the Secret as a volume",
        ),
        (
            "workload-secret-as-env",
            {"envFrom": [{"secretRef": {"name": "s"}}]},
            "envFrom[0].secretRef is {'name': 's'}; mount the Secret as a volume",
        ),
        (
            "workload-root-filesystem-writable",
            {"securityContext__readOnlyRootFilesystem": None},
            "securityContext.readOnlyRootFilesystem is not set; set it to true",
        ),
        (
            "workload-net-raw-kept",
            {"securityContext__capabilities__drop": ["CHOWN"]},
            "securityContext.capabilities.drop is ['CHOWN']; set it to ['ALL']",
        ),
        (
            "workload-low-user-id",
            {"securityContext__runAsUser": 101},
            "securityContext.runAsUser is 101; set it to 10000 or more",
        ),
    ],
)
def test_one_change_to_a_container_is_named(
    said: Said, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**change)) == [f"{AT}.{expected}"]


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ("workload-image-pull-not-always", {"image": "a:1", "imagePullPolicy": "Always"}),
        ("workload-secret-in-env", {"env": [{"name": "TOKEN_URL", "value": "https://x"}]}),
        ("workload-secret-in-env", {"env": [{"name": "PASSWORD", "value": ""}]}),
        (
            "workload-secret-in-env",
            {"env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
        ),
        ("workload-secret-as-env", {"envFrom": [{"configMapRef": {"name": "c"}}]}),
        ("workload-net-raw-kept", {"securityContext__capabilities__drop": ["NET_RAW"]}),
        ("workload-liveness-probe-missing", {"livenessProbe": {"exec": {"command": ["true"]}}}),
        ("workload-liveness-probe-missing", {"livenessProbe": {"grpc": {"port": 1}}}),
    ],
)
def test_what_a_rule_allows_passes(said: Said, policy: str, change: dict[str, Any]) -> None:
    assert said(policy, DEPLOYMENT_TYPE, deployment(**change)) == []


@pytest.mark.parametrize("name", ["Job", "CronJob"])
def test_a_job_needs_no_probes(said: Said, name: str) -> None:
    props, _ = around(name, changed(POD, spec__containers__0__livenessProbe=None))
    assert said("workload-liveness-probe-missing", kind(name), props) == []


def test_an_init_container_needs_no_probes(said: Said) -> None:
    props = pod(initContainers=[changed(CONTAINER, readinessProbe=None)])
    assert said("workload-readiness-probe-missing", DEPLOYMENT_TYPE, props) == []


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-token-mounted",
            {"automountServiceAccountToken": None},
            "automountServiceAccountToken is not set; set it to false",
        ),
        (
            "workload-token-mounted",
            {"automountServiceAccountToken": True},
            "automountServiceAccountToken is True; set it to false",
        ),
        (
            "workload-low-user-id",
            {"securityContext__runAsUser": None},
            "securityContext.runAsUser is not set; set it to 10000 or more",
        ),
        (
            "workload-docker-socket-mounted",
            {"volumes": [{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}]},
            "volumes[0].hostPath.path is '/var/run/docker.sock'; remove the volume",
        ),
        (
            "workload-docker-socket-mounted",
            {"volumes": [{"name": "v", "hostPath": {"path": "/run/containerd/containerd.sock/"}}]},
            "volumes[0].hostPath.path is '/run/containerd/containerd.sock/'; remove the volume",
        ),
    ],
)
def test_one_change_to_a_pod_is_named(said: Said, policy: str, change: dict[str, Any], expected: str) -> None:
    assert said(policy, DEPLOYMENT_TYPE, pod(**change)) == [f"spec.template.spec.{expected}"]


def test_the_lowest_user_id_is_configured(said: Said) -> None:
    props = deployment(securityContext__runAsUser=101)
    assert said("workload-low-user-id", DEPLOYMENT_TYPE, props, minimum=101.0) == []


def test_a_security_context_may_be_the_pod_s(said: Said) -> None:
    policy = "workload-security-context-missing"
    assert said(policy, DEPLOYMENT_TYPE, deployment(securityContext=None)) == []
    neither = pod(securityContext=None)
    del neither["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert said(policy, DEPLOYMENT_TYPE, neither) == [
        f"{AT}.securityContext is not set; set it to at least "
        f"{{runAsNonRoot: true, allowPrivilegeEscalation: false}}"
    ]


@pytest.mark.parametrize("namespace", [None, "default"])
def test_the_default_namespace_is_named(said: Said, namespace: str | None) -> None:
    shown = "not set" if namespace is None else "'default'"
    for name in (DEPLOYMENT_TYPE, "kubernetes:core/v1:ConfigMap", "kubernetes:networking.k8s.io/v1:Ingress"):
        props = changed(DEPLOYMENT, metadata__namespace=namespace)
        assert said("workload-default-namespace", name, props) == [
            f"metadata.namespace is {shown}; set it to a namespace of its own"
        ]


def test_a_selector_that_misses_its_own_pods_is_named(said: Said) -> None:
    props = changed(DEPLOYMENT, spec__selector__matchLabels={"app": "other"})
    assert said("workload-selector-mismatch", DEPLOYMENT_TYPE, props) == [
        "spec.template.metadata.labels.app is 'pipe-api'; set it to 'other', as "
        "spec.selector.matchLabels has it"
    ]


@pytest.mark.parametrize(
    "policy", ["workload-root-filesystem-writable", "workload-net-raw-kept", "workload-low-user-id"]
)
def test_controls_of_linux_do_not_apply_to_windows(said: Said, policy: str) -> None:
    bare = {"name": "api", "image": "a:1"}
    assert (
        said(policy, DEPLOYMENT_TYPE, pod(os={"name": "linux"}, securityContext={}, containers=[bare])) != []
    )
    assert (
        said(policy, DEPLOYMENT_TYPE, pod(os={"name": "windows"}, securityContext={}, containers=[bare]))
        == []
    )
