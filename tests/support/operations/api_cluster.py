"""Control plane that runs the API, for tests of deployments."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.clouds.kubernetes import control_plane
from sandbox.wire.kubernetes_api import Api

PODS = "/api/v1/namespaces/pipe/pods"
DEPLOYMENT = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/pipe/endpointslices"
RELEASES = "/api/v1/namespaces/pipe/configmaps/pipe-releases"
JOURNAL = "/api/v1/namespaces/pipe/configmaps/pipe-deployment"
REPLICAS = 3


class Cluster:
    """A control plane with the API's Deployment."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-"))
        self.kubeconfig = control_plane.start(self.folder)
        self.api = Api(self.kubeconfig)
        labels = {"tags.datadoghq.com/env": "dev"}
        self.make("/api/v1/namespaces", "v1", "Namespace", "pipe", {}, labels)

    def stop(self) -> None:
        control_plane.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(
        self, path: str, version: str, kind: str, name: str, content: dict[str, Any], labels: dict[str, str]
    ) -> dict[str, Any]:
        metadata = {"name": name, "labels": labels}
        return self.api.call(
            "POST", path, {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
        )

    def deploy(self, image: str, replicas: int = REPLICAS) -> None:
        """Create the Deployment and its Service, as the program declares them."""
        labels = {"app": "pipe-api"}
        container = {"name": "api", "image": image}
        spec = {
            "replicas": replicas,
            "minReadySeconds": 1,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        self.make(DEPLOYMENT.rpartition("/")[0], "apps/v1", "Deployment", "pipe-api", {"spec": spec}, labels)
        ports = [{"name": "http", "port": 3000}]
        service = {"spec": {"selector": labels, "ports": ports}}
        self.make("/api/v1/namespaces/pipe/services", "v1", "Service", "pipe-api", service, labels)
        self.wait(lambda: self.ready() == replicas)

    def forget(self) -> None:
        """Delete the objects that `deploy` created."""
        self.api.call("DELETE", DEPLOYMENT, propagationPolicy="Foreground")
        self.api.call("DELETE", "/api/v1/namespaces/pipe/services/pipe-api")
        for config_map in (RELEASES, JOURNAL):
            if self.api.get(config_map) is not None:
                self.api.call("DELETE", config_map)
        self.wait(lambda: self.api.get(DEPLOYMENT) is None and not list(self.api.items(PODS)))

    def releases(self) -> list[dict[str, Any]]:
        """Return the recorded releases, the newest last."""
        config_map = self.api.get(RELEASES)
        return json.loads(config_map["data"]["releases.json"]) if config_map else []

    def journal(self) -> str:
        """Return the journal of an interrupted deployment; empty if there is none."""
        config_map = self.api.get(JOURNAL)
        return config_map["data"]["journal.json"] if config_map else ""

    def record(self, image: str, migrations: Sequence[str] | None, verdict: str) -> None:
        """Record a release, as a deployment does."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        release = {"image": image, "deployed_at": at, "migrations": migrations, "verdict": verdict}
        data = {"releases.json": json.dumps([*self.releases(), release])}
        if self.api.get(RELEASES) is None:
            self.make(RELEASES.rpartition("/")[0], "v1", "ConfigMap", "pipe-releases", {"data": data}, {})
        else:
            self.api.call("PATCH", RELEASES, {"data": data}, "application/merge-patch+json")

    def image(self) -> str:
        return self.api.call("GET", DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"]

    def set_image(self, image: str) -> None:
        """Roll out another image, and wait for it."""
        container = {"name": "api", "image": image}
        change = {"spec": {"template": {"spec": {"containers": [container]}}}}
        self.api.call("PATCH", DEPLOYMENT, change, "application/strategic-merge-patch+json")
        self.wait(lambda: self.settled(image))

    def settled(self, image: str) -> bool:
        """Return True if all pods run the image and are available."""
        deployment = self.api.call("GET", DEPLOYMENT)
        status = deployment["status"]
        same = status.get("observedGeneration") == deployment["metadata"]["generation"]
        counts = {status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")}
        return same and self.image() == image and counts == {REPLICAS}

    def ready(self) -> int:
        """Return the number of pods that receive requests."""
        slices = self.api.items(SLICES, labelSelector="kubernetes.io/service-name=pipe-api")
        ends = [end for endpoint_slice in slices for end in endpoint_slice.get("endpoints") or ()]
        return sum(1 for end in ends if end["conditions"].get("ready") is not False)

    @staticmethod
    def wait(condition: Any, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "not within the time"
            time.sleep(0.1)

    @contextmanager
    def watched(self) -> Generator[list[int]]:
        """Yield a list to which a thread appends the number of pods that receive requests every 0.1 s."""
        seen, over = [self.ready()], threading.Event()

        def look() -> None:
            while not over.wait(0.1):
                seen.append(self.ready())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()
