"""Tests of the states in which Kubernetes objects are ready. The drills test them on a control plane."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.providers.kubernetes.reasons import object_reasons, pod_reasons
from sandbox.providers.kubernetes.requirements import StuckError, unmet_requirement
from sandbox.wire.kubernetes_api import Api, Json
from tests.support.rows import each_row

SEEN: Json = {"observedGeneration": 2}
ROLLED_OUT: Json = SEEN | {
    "replicas": 2,
    "updatedReplicas": 2,
    "availableReplicas": 2,
    "readyReplicas": 2,
    "currentReplicas": 2,
}
DAEMONS: Json = SEEN | {
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
    "numberReady": 2,
}


def conditions(**states: str) -> Json:
    """Return a status with conditions of the given types and states."""
    return {"conditions": [{"type": name, "status": status} for name, status in states.items()]}


def progress(reason: str) -> Json:
    return {"conditions": [{"type": "Progressing", "status": "True", "reason": reason, "message": "late"}]}


COMPLETE = progress("NewReplicaSetAvailable")
RUNNING_POD = conditions(PodScheduled="True", Initialized="True", Ready="True")

STATES: list[tuple[str, Json, Json, str]] = [
    ("apps/v1 Deployment", {"replicas": 2}, ROLLED_OUT | COMPLETE, ""),
    ("apps/v1 Deployment", {"replicas": 2}, {}, "the controller has not seen it yet"),
    (
        "apps/v1 Deployment",
        {"replicas": 3},
        ROLLED_OUT | COMPLETE,
        "2 of 3 new pods are created, 2 pods are available, 0 old pods are left",
    ),
    (
        "apps/v1 Deployment",
        {"replicas": 2},
        ROLLED_OUT | COMPLETE | {"replicas": 3},
        "2 of 2 new pods are created, 2 pods are available, 1 old pods are left",
    ),
    ("apps/v1 Deployment", {"replicas": 2}, ROLLED_OUT, "the rollout is under way"),
    (
        "apps/v1 Deployment",
        {"replicas": 2},
        SEEN | progress("ProgressDeadlineExceeded"),
        "stuck: the rollout has failed: late",
    ),
    ("apps/v1 StatefulSet", {"replicas": 2}, ROLLED_OUT, ""),
    ("apps/v1 StatefulSet", {"replicas": 1}, ROLLED_OUT, "2 of 1 pods are ready"),
    (
        "apps/v1 StatefulSet",
        {"replicas": 2},
        ROLLED_OUT | {"updateRevision": "b", "updatedReplicas": 1},
        "1 of 2 pods have the new revision",
    ),
    (
        "apps/v1 StatefulSet",
        {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
        ROLLED_OUT | {"updateRevision": "b"},
        "",
    ),
    ("apps/v1 DaemonSet", {}, DAEMONS, ""),
    (
        "apps/v1 DaemonSet",
        {},
        DAEMONS | {"numberAvailable": 1},
        "2 of 2 new pods are created, 1 pods are available",
    ),
    (
        "apps/v1 DaemonSet",
        {},
        DAEMONS | {"numberReady": 1},
        "2 of 2 new pods are created, 2 pods are available",
    ),
    ("v1 ReplicationController", {"replicas": 2}, {"availableReplicas": 2}, ""),
    ("v1 ReplicationController", {"replicas": 2}, {}, "0 of 2 pods are available"),
    ("v1 Pod", {}, RUNNING_POD, ""),
    ("v1 Pod", {}, {"phase": "Failed"}, "stuck: the pod has failed"),
    ("v1 Pod", {}, conditions(PodScheduled="False"), "it is not scheduled yet"),
    ("v1 Pod", {}, conditions(PodScheduled="True", Ready="True"), "its containers are not ready yet"),
    (
        "v1 Pod",
        {},
        conditions(PodScheduled="True", Initialized="True", Ready="False"),
        "its containers are not ready yet",
    ),
    ("v1 Pod", {}, conditions(PodScheduled="True", Initialized="True") | {"phase": "Succeeded"}, ""),
    ("batch/v1 Job", {}, conditions(Complete="True"), ""),
    (
        "batch/v1 Job",
        {},
        {"active": 1, "failed": 2},
        "the job runs, pods: 1 active, 0 succeeded, 2 failed",
    ),
    ("batch/v1 Job", {"suspend": True}, {}, "the job is suspended, pods: 0 active, 0 succeeded, 0 failed"),
    (
        "batch/v1 Job",
        {},
        {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
        "stuck: the job has failed: BackoffLimitExceeded",
    ),
    ("v1 Service", {"type": "LoadBalancer"}, {"loadBalancer": {}}, "the load balancer has no address yet"),
    ("v1 Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, ""),
    ("v1 Service", {"type": "ExternalName", "selector": {"app": "web"}}, {}, ""),
    ("networking.k8s.io/v1 Ingress", {}, {}, "no load balancer has an address for it yet"),
    ("networking.k8s.io/v1 Ingress", {}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, ""),
    ("v1 PersistentVolume", {}, {"phase": "Available"}, ""),
    ("v1 PersistentVolume", {}, {}, "it is not seen yet"),
    ("v1 PersistentVolume", {}, {"phase": "Failed"}, "it is Failed"),
    ("v1 PersistentVolumeClaim", {}, {"phase": "Bound"}, ""),
    ("v1 PersistentVolumeClaim", {}, {"phase": "Pending"}, "no volume is bound to it"),
    ("v1 ResourceQuota", {"hard": {"pods": "2"}}, {"hard": {"pods": "2"}}, ""),
    ("v1 ResourceQuota", {"hard": {"pods": "3"}}, {}, "the controller has not seen it yet"),
    ("v1 Secret", {}, {}, ""),
    ("apiextensions.k8s.io/v1 CustomResourceDefinition", {}, conditions(Established="True"), ""),
    (
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        {},
        conditions(Established="False"),
        "the kind is not served yet",
    ),
    ("v1 ConfigMap", {}, {}, ""),
]


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """Return a client of a server that does not exist. These states need no request."""
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": "none"}
    config: Json = {"clusters": [{"cluster": cluster}], "users": [{"user": {"token": "none"}}]}
    kubeconfig.write_text(yaml.safe_dump(config))
    return Api(kubeconfig)


def reason(api: Api, api_object: Json) -> str:
    try:
        return unmet_requirement(api, api_object)
    except StuckError as stuck:
        return f"stuck: {stuck}"


@each_row(("kind", "spec", "status", "expected"), STATES)
def test_a_wait_ends_when_the_object_is_ready(api: Api, kind: str, spec: Json, status: Json, expected: str):
    version, _, name = kind.partition(" ")
    metadata = {"name": "web", "namespace": "pipe", "generation": 2}
    api_object = {"apiVersion": version, "kind": name, "metadata": metadata, "spec": spec, "status": status}
    assert reason(api, api_object) == expected


def test_the_secret_of_a_service_account_waits_for_its_token(api: Api):
    secret: Json = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}
    assert reason(api, secret) == "it has no token yet"
    assert reason(api, secret | {"data": {"token": "eA=="}}) == ""


def test_the_reasons_are_the_messages_of_conditions_that_report_a_problem():
    states = (("ReplicaFailure", "True"), ("ReplicaFailure", "False"), ("Ready", "True"), ("Ready", "False"))
    items = [{"type": kind, "status": status, "message": f"{status}\nend"} for kind, status in states]
    assert object_reasons({"status": {"conditions": items}}) == [
        "ReplicaFailure: True",
        "end",
        "Ready: False",
        "end",
    ]


def test_the_reasons_of_a_pod_name_its_containers():
    waiting: list[dict[str, Any]] = [
        {"name": "init", "state": {"terminated": {"exitCode": 3}}},
        {"name": "early", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}},
        {"name": "done", "state": {"terminated": {"exitCode": 0}}},
    ]
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "full"}
    status = {
        "conditions": [scheduled],
        "initContainerStatuses": waiting[:1],
        "containerStatuses": waiting[1:],
    }
    assert pod_reasons({"status": status}) == [
        "Unschedulable: full",
        "init: ended with exit code 3",
        "web: ImagePullBackOff: no image",
    ]
