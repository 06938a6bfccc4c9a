"""Tests of the API's namespace with the real engine: drift, failing versions, rollbacks and scaling."""

import base64
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from sandbox.providers import server
from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.providers.kubernetes.target import KubernetesTarget
from sandbox.providers.target import Package, Target
from sandbox.wire.kubernetes_api import condition
from tests.support.components import workloads
from tests.support.components.fixtures import naming as naming_fixture
from tests.support.components.fixtures import topic as topic_of
from tests.support.sandbox.kubernetes.fixtures import Cluster, until
from tests.support.sandbox.providers import stack as stacks
from tests.support.sandbox.providers.stack import Outcome, Stack

IMAGE = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api"
PASSWORD = "planted-9f2c"
DEPLOYMENT = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
CONFIG_MAP = "/api/v1/namespaces/pipe/configmaps/pipe-api"

PATIENCE = 14.0
"""Seconds without a change after which a wait fails. A new pod counts as available after 10 seconds."""

KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "pipe",
    "clusters": [{"name": "pipe", "cluster": {"server": "https://0.gr7.ap-northeast-1.eks.amazonaws.com"}}],
    "users": [{"name": "pipe", "user": {}}],
    "contexts": [{"name": "pipe", "context": {"cluster": "pipe", "user": "pipe"}}],
}


def program(version: str = "1.0.0", **changes: Any) -> Callable[[], None]:
    """Return a program with the namespace and the API, as the components declare them."""
    naming: Any = cast(Any, naming_fixture).__wrapped__()
    topic: Any = cast(Any, topic_of).__wrapped__()
    settings: Any = {
        "image": f"{IMAGE}:{version}",
        "replicas": {"min": 2, "max": 3, "targetCpuPercent": 70},
        **changes,
    }

    def declare() -> None:
        namespace = workloads.namespace(naming, topic, "dev")
        password = pulumi.Output.secret(PASSWORD)
        api = workloads.api(
            naming, topic, "dev", namespace=namespace.namespace, password=password, **settings
        )
        pulumi.export("host", api.service_host)

    return declare


@pytest.fixture(scope="module")
def stack(empty: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Return a stack with existing resources; destroy the resources after the tests."""

    @contextmanager
    def serve(_: Path) -> Generator[dict[str, int]]:
        target = KubernetesTarget(empty.kubeconfig, PATIENCE)

        def packages(*_args: object, **_named: object) -> list[tuple[Package, Target]]:
            return [(Kubernetes("kubernetes"), target)]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "packages", packages)
            with server.serve(Path()) as ports:
                yield ports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "serve", serve)
        stack = Stack(tmp_path_factory.mktemp("life"))
        mutable = dict.fromkeys(("enableConfigMapMutable", "enablePatchForce", "enableSecretMutable"), "true")
        stack.config("kubernetes", kubeconfig=json.dumps(KUBECONFIG), **mutable)
        outcome = stack.run("up", program())
        assert not outcome.fault
        yield stack
        assert not stack.run("destroy").fault
        assert empty.api.get("/api/v1/namespaces/pipe") is None


def ready_pods(cluster: Cluster) -> list[str]:
    """Return the image tags of the API's ready pods."""
    return [
        pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        for pod in cluster.pods("pipe-api")
        if condition(pod, "Ready").get("status") == "True"
    ]


def changes_nothing(outcome: Outcome) -> bool:
    return not outcome.fault and not outcome.ops


def test_a_second_preview_changes_nothing(stack: Stack, empty: Cluster) -> None:
    assert changes_nothing(stack.run("preview", program()))
    assert ready_pods(empty) == ["1.0.0"] * 2


def test_a_preview_shows_what_only_the_server_refuses(stack: Stack, empty: Cluster) -> None:
    def with_a_service() -> None:
        program()()
        kubernetes.core.v1.Service(
            "beyond",
            metadata={"name": "beyond", "namespace": "pipe"},
            spec={"ports": [{"port": 80}], "cluster_ip": "10.0.0.1"},
        )

    message = stack.run("preview", with_a_service).fault
    assert "the provided IP (10.0.0.1) is not in the valid range" in message
    assert empty.api.get("/api/v1/namespaces/pipe/services/beyond") is None
    replicas = {"min": 4, "max": 3, "targetCpuPercent": 70}
    message = stack.run("preview", program(replicas=replicas)).fault
    assert "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`" in message


def test_refresh_of_unchanged_resources_finds_no_drift(stack: Stack) -> None:
    stack.run("refresh", program())
    assert changes_nothing(stack.run("preview", program()))


def test_up_reverts_the_changes_by_hand_that_refresh_finds(stack: Stack, empty: Cluster) -> None:
    empty.kubectl("patch", "configmap", "pipe-api", "-p", '{"data": {"LOG_LEVEL": "trace", "MORE": "1"}}')
    empty.kubectl("patch", "networkpolicy", "default-deny", "-p", '{"spec": {"policyTypes": ["Ingress"]}}')
    empty.kubectl("delete", "limitrange", "defaults")
    assert not stack.run("refresh", program()).fault
    preview = stack.run("preview", program())
    assert not preview.fault
    assert preview.ops == {
        "api": "update",
        "namespace-default-deny": "update",
        "namespace-defaults": "create",
    }
    assert preview.differences["api"] == {"data.LOG_LEVEL": "update"}
    assert preview.differences["namespace-default-deny"] == {"spec.policyTypes[1]": "add"}
    assert not stack.run("up", program()).fault
    assert empty.object(CONFIG_MAP)["data"]["LOG_LEVEL"] == "debug"
    policy = empty.object("/apis/networking.k8s.io/v1/namespaces/pipe/networkpolicies/default-deny")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert empty.object("/api/v1/namespaces/pipe/limitranges/defaults")
    assert changes_nothing(stack.run("preview", program()))


def test_a_bad_image_fails_with_its_reason_and_a_good_one_recovers(stack: Stack, empty: Cluster) -> None:
    outcome = stack.run("up", program("1.1.0-missing"))
    assert "ImagePullBackOff: Back-off pulling image" in outcome.fault
    assert f"{IMAGE}:1.1.0-missing" in outcome.fault
    assert ready_pods(empty) == ["1.0.0"] * 2
    assert not stack.run("refresh", program("1.1.0-missing")).fault
    # The inputs are unchanged, but the object is still not ready.
    again = stack.run("up", program("1.1.0-missing"))
    assert again.ops == {"api": "update"}
    assert "ImagePullBackOff: Back-off pulling image" in again.fault
    assert not stack.run("up", program("1.1.1")).fault
    assert ready_pods(empty) == ["1.1.1"] * 2
    assert changes_nothing(stack.run("preview", program("1.1.1")))


def test_the_up_after_a_rollback_by_hand_succeeds(stack: Stack, empty: Cluster) -> None:
    stack.run("up", program("1.2.0"))
    history = empty.kubectl("rollout", "history", "deployment/pipe-api").split()
    numbers = [int(word) for word in history if word.isdigit()]
    for options, image in (([], "1.1.1"), ([f"--to-revision={numbers[-1]}"], "1.2.0")):
        empty.kubectl("rollout", "undo", "deployment/pipe-api", *options)
        empty.kubectl("rollout", "status", "deployment/pipe-api", "--timeout=60s")
        until(lambda image=image: ready_pods(empty) == [image] * 2)
    outcome = stack.run("up", program("1.3.0"))
    assert not outcome.fault
    assert until(lambda: ready_pods(empty)) == ["1.3.0"] * 2


def test_up_leaves_the_count_to_the_autoscaler(stack: Stack, empty: Cluster) -> None:
    empty.kubectl("scale", "deployment/pipe-api", "--replicas=3")
    empty.kubectl("rollout", "status", "deployment/pipe-api", "--timeout=60s")
    assert not stack.run("up", program("1.3.0", logLevel="warning")).fault
    assert empty.object(DEPLOYMENT)["spec"]["replicas"] == 3


def test_the_state_has_no_secret_in_plain_text_or_base64(stack: Stack, empty: Cluster) -> None:
    state = "".join(file.read_text(errors="replace") for file in stack.folder.rglob("*") if file.is_file())
    assert "pipe-api-database" in state
    assert PASSWORD not in state
    encoded = {
        base64.b64encode(f"{shift}{PASSWORD}".encode())[4:-4].decode() for shift in ("xxx", "xxxx", "xxxxx")
    }
    assert not any(text in state for text in encoded)
    secrets = empty.api.items("/api/v1/namespaces/pipe/secrets")
    values = [base64.b64decode(value).decode() for secret in secrets for value in secret["data"].values()]
    assert any(PASSWORD in value for value in values)
