"""Manifests and fixtures for the tests of the Kubernetes stand-in."""

from collections.abc import Generator
from copy import deepcopy
from typing import Any

import pytest

from sandbox.providers.kubernetes.target import KubernetesTarget
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.kubernetes_api import Json
from tests.drills.sandbox.kubernetes.test_life import KUBECONFIG
from tests.support.sandbox.kubernetes.fixtures import Cluster, until

BEFORE = LiveResource("", {}, {})
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pipe"}}
DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "pipe"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
                    }
                ]
            },
        },
    },
}
JOB: Json = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "work", "namespace": "pipe", "annotations": {"pulumi.com/replaceUnready": "true"}},
    "spec": {
        "backoffLimit": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": "work:1"}]}},
    },
}
STATEFUL_SET: Json = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "store", "namespace": "pipe"},
    "spec": {
        "replicas": 2,
        "serviceName": "store",
        "selector": {"matchLabels": {"app": "store"}},
        "template": {
            "metadata": {"labels": {"app": "store"}},
            "spec": {"containers": [{"name": "store", "image": "store:1"}]},
        },
    },
}
DAEMON_SET: Json = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "agent", "namespace": "pipe"},
    "spec": {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"containers": [{"name": "agent", "image": "agent:1"}]},
        },
    },
}
POD: Json = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "alone", "namespace": "pipe"},
    "spec": {"containers": [{"name": "alone", "image": "alone:1"}]},
}
VOLUME: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "disk"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/disk"},
        "claimRef": {"name": "disk", "namespace": "pipe"},
    },
}
CLAIM: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "disk", "namespace": "pipe"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
STORAGE_CLASS: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "later"},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "pipe"},
    "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 443}]},
}
INGRESS: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web", "namespace": "pipe"},
    "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 443}}}},
}
CONFIG_MAP: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "pipe"},
    "data": {"LEVEL": "info"},
}
SECRET: Json = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "database", "namespace": "pipe"},
    "stringData": {"password": "hunter2"},
}
DEFINITION: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "cups.pipe.dev"},
    "spec": {
        "group": "pipe.dev",
        "scope": "Namespaced",
        "names": {"kind": "Cup", "plural": "cups"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {"size": {"type": "integer"}}}
                },
            }
        ],
    },
}
CUP: Json = {
    "apiVersion": "pipe.dev/v1",
    "kind": "Cup",
    "metadata": {"name": "cup", "namespace": "pipe"},
    "size": 1,
}


def resource(manifest: Json, path: str = "", value: Any = None, **options: Any) -> Resource:
    """Return a manifest as a resource, with `value` at the dotted `path` unless the path is empty."""
    inputs = deepcopy(manifest)
    *parents, last = path.split(".")
    node: Any = inputs
    for part in parents:
        node = node[int(part) if part.isdigit() else part]
    if path:
        node[last] = value
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    token = f"kubernetes:{group or 'core'}/{version}:{manifest['kind']}"
    name = manifest["metadata"]["name"]
    urn = f"urn:pulumi:dev::pipe::{token}::{name}"
    return Resource(urn, token, inputs, {"kubeconfig": KUBECONFIG}, **options)


def image(suffix: str) -> tuple[str, str]:
    """Return the path and a value for DEPLOYMENT's image; the value ends with `suffix`."""
    return "spec.template.spec.containers.0.image", f"web:1-{suffix}"


@pytest.fixture(scope="module")
def target(empty: Cluster) -> Generator[KubernetesTarget]:
    """Return a target whose cluster has the namespace."""
    kubernetes = KubernetesTarget(empty.kubeconfig, patience=4)
    kubernetes.create(resource(NAMESPACE))
    until(lambda: empty.api.get("/api/v1/namespaces/pipe/serviceaccounts/default"))
    yield kubernetes


@pytest.fixture
def web(target: KubernetesTarget) -> Generator[LiveResource]:
    """Return a Deployment with ready pods; delete it after the test."""
    live = target.create(resource(DEPLOYMENT))
    yield live
    target.delete(resource(DEPLOYMENT, id=live.id))
