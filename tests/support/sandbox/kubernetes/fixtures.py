"""Fixtures with the program's Kubernetes objects on a real control plane."""

import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds.kubernetes import control_plane
from sandbox.wire.kubernetes_api import Api, Json
from sandbox.wire.values import decode_value
from tests.support.components.workloads import declare_all, manifests

PREREQUISITES = (
    "Namespace",
    "LimitRange",
    "ResourceQuota",
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "NetworkPolicy",
)


class Cluster:
    """A control plane with kubectl and a client for its API."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = Api(kubeconfig)
        self._program = (control_plane.find() or {})["kubectl"]

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl in the namespace `pipe`; return the output of both streams."""
        command = [self._program, f"--kubeconfig={self.kubeconfig}", "--namespace=pipe", *arguments]
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        assert not check or result.returncode == 0, result.stdout
        return result.stdout

    def apply(self, manifest: Json) -> Json:
        """Apply a manifest with server-side apply; return the object."""
        metadata = manifest["metadata"]
        path = self.api.path(
            manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"]
        )
        assert path
        return self.api.apply(path, manifest, "tests", force=True)

    def pods(self, app: str) -> list[Json]:
        """Return the pods of a workload, except pods that are being deleted."""
        pods = self.api.items("/api/v1/namespaces/pipe/pods", labelSelector=f"app={app}")
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def object(self, path: str) -> Json:
        """Return an object, which must exist."""
        stored = self.api.get(path)
        assert stored, path
        return stored

    def delete_namespace(self) -> None:
        """Delete the program's namespace, if it exists."""
        self.kubectl("delete", "namespace", "pipe", "--ignore-not-found", "--timeout=60s")


def until(get_value: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `get_value` returns a true value; return this value, or fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := get_value()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return value


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    """Return a new control plane for the tests of a module."""
    kubeconfig = control_plane.start(tmp_path_factory.mktemp("stack"))
    yield Cluster(kubeconfig)
    control_plane.stop()


@pytest.fixture
def declared() -> dict[str, Json]:
    """Return the manifests of the objects in the dev stack's namespace by `<kind>/<name>`."""
    encoded = manifests(declare_all("dev"))
    return {name: decode_value(manifest) for name, manifest in encoded.items()}


@pytest.fixture(scope="module")
def empty(cluster: Cluster) -> Generator[Cluster]:
    """Return the cluster without the program's namespace; delete the namespace again after the module."""
    cluster.delete_namespace()
    yield cluster
    cluster.delete_namespace()


@pytest.fixture
def guarded(empty: Cluster, declared: dict[str, Json]) -> Cluster:
    """Return the cluster with the namespace and the pods' PREREQUISITES, but without pods."""
    for kind in PREREQUISITES:
        for name, manifest in declared.items():
            if name.startswith(f"{kind}/"):
                empty.apply(manifest)
    quota = "/api/v1/namespaces/pipe/resourcequotas/quota"
    until(lambda: empty.object(quota).get("status", {}).get("used"))
    return empty


@pytest.fixture
def running(guarded: Cluster, declared: dict[str, Json]) -> Cluster:
    """Return the cluster with all declared objects and ready pods."""
    for name, manifest in declared.items():
        if not name.startswith(tuple(f"{kind}/" for kind in PREREQUISITES)):
            guarded.apply(manifest)
    for name in ("pipe-api", "pipe-proxy"):
        guarded.kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s")
    return guarded
