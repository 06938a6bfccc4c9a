"""The objects that the program declares, on a real control plane."""

import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds.kubernetes import control_plane
from sandbox.clouds.kubernetes.api import Api, Json
from sandbox.wire.values import decode_value
from tests.support.components.fixtures import Recorder, naming, recorder, topic
from tests.support.components.workloads import declare_all, manifests

__all__ = ["naming", "recorder", "topic"]

FIRST = ("Namespace", "LimitRange", "ResourceQuota", "ServiceAccount", "ConfigMap", "Secret", "NetworkPolicy")


class Cluster:
    """The control plane as a person sees it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = Api(kubeconfig)
        self._program = (control_plane.find() or {})["kubectl"]

    def kubectl(self, *words: str, check: bool = True) -> str:
        """What kubectl prints, on both streams, in the namespace `pipe`."""
        command = [self._program, f"--kubeconfig={self.kubeconfig}", "--namespace=pipe", *words]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def apply(self, manifest: Json) -> Json:
        metadata = manifest["metadata"]
        path = self.api.path(
            manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"]
        )
        assert path
        return self.api.apply(path, manifest, "tests", force=True)

    def pods(self, app: str) -> list[Json]:
        """The pods of a workload that are not about to go."""
        found = self.api.items("/api/v1/namespaces/pipe/pods", labelSelector=f"app={app}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def object(self, path: str) -> Json:
        found = self.api.get(path)
        assert found, path
        return found

    def delete_namespace(self) -> None:
        self.kubectl("delete", "namespace", "pipe", "--ignore-not-found", "--timeout=60s")


def until(there: Callable[[], Any], seconds: float = 60) -> Any:
    """What `there` returns once it is true."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    kubeconfig = control_plane.start(tmp_path_factory.mktemp("stack"))
    yield Cluster(kubeconfig)
    control_plane.stop()


@pytest.fixture
def declared(recorder: Recorder, naming: Any, topic: Any) -> dict[str, Json]:
    """Every object of the dev stack's namespace, by kind and name, as the program declares it."""
    found = manifests(declare_all(recorder, naming, topic, "dev"))
    return {name: decode_value(manifest) for name, manifest in found.items()}


@pytest.fixture(scope="module")
def empty(cluster: Cluster) -> Generator[Cluster]:
    """The cluster without the program's namespace, before the module and after."""
    cluster.delete_namespace()
    yield cluster
    cluster.delete_namespace()


@pytest.fixture
def guarded(empty: Cluster, declared: dict[str, Json]) -> Cluster:
    """The namespace, its guards and what pods need; no pods."""
    for kind in FIRST:
        for name, manifest in declared.items():
            if name.startswith(f"{kind}/"):
                empty.apply(manifest)
    quota = "/api/v1/namespaces/pipe/resourcequotas/quota"
    until(lambda: empty.object(quota).get("status", {}).get("used"))
    return empty


@pytest.fixture
def running(guarded: Cluster, declared: dict[str, Json]) -> Cluster:
    """All of it, its pods ready."""
    for name, manifest in declared.items():
        if not name.startswith(tuple(f"{kind}/" for kind in FIRST)):
            guarded.apply(manifest)
    for name in ("pipe-api", "pipe-proxy"):
        guarded.kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s")
    return guarded
