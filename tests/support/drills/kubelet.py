"""Real control plane on which Jobs run: this kubelet runs their pods, and KWOK simulates all other pods."""

import base64
import shutil
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import yaml

from sandbox.clouds.kubernetes import control_plane
from sandbox.wire.kubernetes_api import Api
from tests.support.drills.certificates import Authority
from tests.support.drills.pod import Pod

Manifest = dict[str, Any]
NOT_OWNED_BY_JOB = {"key": ".metadata.ownerReferences.[].kind", "operator": "NotIn", "values": ["Job"]}
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/pipe/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/pipe/configmaps",
    "Secret": "/api/v1/namespaces/pipe/secrets",
    "ResourceQuota": "/api/v1/namespaces/pipe/resourcequotas",
    "LimitRange": "/api/v1/namespaces/pipe/limitranges",
    "CronJob": "/apis/batch/v1/namespaces/pipe/cronjobs",
    "Job": "/apis/batch/v1/namespaces/pipe/jobs",
    "Deployment": "/apis/apps/v1/namespaces/pipe/deployments",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers",
}
"""API paths of the kinds of objects that the drills create, in the order of creation."""


class Cluster:
    """A cluster with one node on this machine; pod.py explains `variables`, `bin` and `home`."""

    def __init__(self, variables: Mapping[str, str], bin: Path, home: Path) -> None:
        self._pod = partial(Pod, variables=variables, bin=bin, home=home)
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-"))
        self._pods: dict[str, Pod] = {}
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._logs())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = Authority().issue("127.0.0.1")
        chain = self.folder / "kubelet.pem"
        chain.touch(0o600)
        chain.write_text(pair.certificate + pair.key)
        tls.load_cert_chain(chain)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def start(self) -> "Cluster":
        """Start the control plane and return once it accepts objects."""
        copied = self.folder / "kubernetes"
        copied.mkdir()
        (copied / "stages.yaml").write_text(yaml.safe_dump_all(stages()))
        (copied / "nodes.yaml").write_text(yaml.safe_dump(self._node()))
        for file in control_plane.HERE.iterdir():
            if not (copied / file.name).exists():
                (copied / file.name).symlink_to(file)
        original, control_plane.HERE = control_plane.HERE, copied
        try:
            self.kubeconfig = control_plane.start(self.folder)
        finally:
            control_plane.HERE = original
        self.api = Api(self.kubeconfig)
        for target in (self._server.serve_forever, self._watch):
            threading.Thread(target=target, daemon=True).start()
        return self

    def stop(self) -> None:
        self._over.set()
        for pod in self._pods.values():
            pod.kill()
        control_plane.stop()
        if hasattr(self, "api"):  # Without this, `start` failed before the server ran.
            self._server.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def apply(self, objects: Mapping[str, Manifest]) -> None:
        """Create or update the objects; replace Jobs that differ."""
        for kind, path in PATHS.items():
            for manifest in objects.values():
                if manifest["kind"] == kind and manifest["metadata"].get("namespace") in (None, "pipe"):
                    self._apply(path, manifest)

    def wait(self, path: str, condition: str) -> Manifest:
        """Wait until an object has the condition; return the object."""
        end = time.monotonic() + 180
        while True:
            manifest = self.api.call("GET", path)
            conditions = manifest.get("status", {}).get("conditions", [])
            if any(entry["type"] == condition and entry["status"] == "True" for entry in conditions):
                return manifest
            failed = [entry["message"] for entry in conditions if entry["type"] == "Failed"]
            logs = {name: pod.logs for name, pod in self._pods.items()}
            assert not failed and time.monotonic() < end, (path, failed or conditions, logs)
            time.sleep(0.1)

    def _apply(self, path: str, manifest: Manifest) -> None:
        object_path = f"{path}/{manifest['metadata']['name']}"
        existing = self.api.get(object_path)
        if manifest["kind"] == "Job" and existing:
            if annotations(existing) == annotations(manifest):
                return
            self.api.call("DELETE", object_path, propagationPolicy="Foreground")
            while self.api.get(object_path):
                time.sleep(0.05)
        self.api.call(
            "PATCH",
            object_path,
            manifest,
            "application/apply-patch+yaml",
            fieldManager="pulumi",
            force="true",
        )

    def _node(self) -> Manifest:
        [node, *_] = yaml.safe_load_all((control_plane.HERE / "nodes.yaml").read_text())
        node["status"]["addresses"] = [{"type": "InternalIP", "address": "127.0.0.1"}]
        node["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": self._server.server_port}}
        return node

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            for pod in self.api.items("/api/v1/namespaces/pipe/pods"):
                name, owners = pod["metadata"]["name"], pod["metadata"].get("ownerReferences", [])
                job_owners = [owner for owner in owners if owner["kind"] == "Job"]
                if job_owners and pod["spec"].get("nodeName") and name not in self._pods:
                    self._pods[name] = self._pod(pod, self._objects(pod["spec"]))
                    threading.Thread(target=self._run, args=[name, pod], daemon=True).start()

    def _run(self, name: str, manifest: Manifest) -> None:
        pod = self._pods[name]
        pod.on_change = lambda: self._report(name, manifest, pod, "Running")
        code = pod.run()
        self._report(name, manifest, pod, "Failed" if code else "Succeeded")

    def _report(self, name: str, manifest: Manifest, pod: Pod, phase: str) -> None:
        def statuses(kind: str) -> list[Manifest]:
            return [status(container, pod) for container in manifest["spec"].get(kind, [])]

        pod_status = {
            "phase": phase,
            "startTime": manifest["metadata"]["creationTimestamp"],
            "initContainerStatuses": statuses("initContainers"),
            "containerStatuses": statuses("containers"),
        }
        path = f"/api/v1/namespaces/pipe/pods/{name}/status"
        if not self._over.is_set():
            self.api.call("PATCH", path, {"status": pod_status}, "application/merge-patch+json")

    def _objects(self, spec: Manifest) -> dict[str, Manifest]:
        """Return the Secrets and ConfigMaps in the cluster that a pod's volumes name."""
        objects: dict[str, Manifest] = {}
        for volume in spec["volumes"]:
            if secret := volume.get("secret", {}).get("secretName"):
                data = self.api.call("GET", f"{PATHS['Secret']}/{secret}").get("data", {})
                decoded = {key: base64.b64decode(value).decode() for key, value in data.items()}
                objects[f"Secret/{secret}"] = {"stringData": decoded}
            if config := volume.get("configMap", {}).get("name"):
                objects[f"ConfigMap/{config}"] = self.api.call("GET", f"{PATHS['ConfigMap']}/{config}")
        return objects

    def _logs(self) -> type[BaseHTTPRequestHandler]:
        pods = self._pods

        class Logs(BaseHTTPRequestHandler):
            """A kubelet's /containerLogs/<namespace>/<pod>/<container>, which always follows the log."""

            def do_GET(self) -> None:
                *_, name, container = urlparse(self.path).path.split("/")
                pod, sent = pods[name], 0
                self.send_response(200)
                self.end_headers()
                while True:
                    ended = container in pod.ended
                    text = pod.logs.get(container, "")
                    self.wfile.write(text[sent:].encode())
                    sent = len(text)
                    if ended:
                        return
                    time.sleep(0.05)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Logs


def stages() -> list[Manifest]:
    """Return KWOK's stages with changes that make KWOK ignore the pods of Jobs."""
    result: list[Manifest] = []
    for stage in yaml.safe_load_all((control_plane.HERE / "stages.yaml").read_text()):
        name, kind = stage["metadata"]["name"], stage["spec"]["resourceRef"]["kind"]
        if kind == "Pod" and name != "pod-delete":
            if name == "pod-complete":
                continue
            stage["spec"]["selector"]["matchExpressions"].append(NOT_OWNED_BY_JOB)
        result.append(stage)
    return result


def status(container: Manifest, pod: Pod) -> Manifest:
    """Return a container's status, as a kubelet reports it."""
    name = container["name"]
    if name in pod.ended:
        code = pod.ended[name]
        state: Manifest = {"terminated": {"exitCode": code % 256, "reason": "Error" if code else "Completed"}}
    else:
        state = {"running": {}} if name in pod.logs else {"waiting": {"reason": "PodInitializing"}}
    return {
        "name": name,
        "image": container["image"],
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def annotations(job: Manifest) -> Manifest:
    """Return the annotations of a Job's pods, which change with every password and script."""
    return job["spec"]["template"]["metadata"].get("annotations", {})
