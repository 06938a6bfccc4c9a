"""When an object counts as there, and what is said of one that does not get there."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.providers.kubernetes_target import KubernetesTarget
from sandbox.providers.target import Live, Refused, Unready
from sandbox.targets.kubernetes_api import Json
from tests.sandbox.kubernetes.conftest import Cluster, until
from tests.sandbox.kubernetes.objects import (
    BEFORE,
    CUP,
    DEFINITION,
    DEPLOYMENT,
    JOB,
    SERVICE,
    image,
    resource,
)
from tests.sandbox.kubernetes.objects import target as target
from tests.sandbox.kubernetes.objects import web as web


def test_a_rollout_is_waited_for(target: KubernetesTarget, web: Live) -> None:
    said: list[str] = []
    change = resource(DEPLOYMENT, *image("next"), id=web.id, say=said.append)
    live = target.update(change, web)
    status = live.outputs["status"]
    assert (status["updatedReplicas"], status["availableReplicas"], status["replicas"]) == (2, 2, 2)
    assert said


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (*image("missing"), 'web: ImagePullBackOff: Back-off pulling image "web:1-missing"'),
        (*image("crashing"), "web: CrashLoopBackOff: back-off 40s restarting failed container"),
        (*image("unready"), "Readiness probe failed: HTTP probe failed with statuscode: 503"),
        (
            "spec.template.spec.nodeSelector",
            {"kubernetes.io/arch": "arm64"},
            "Unschedulable: 0/6 nodes are available: 6 node(s) didn't match Pod's node affinity/selector",
        ),
    ],
)
def test_a_rollout_that_is_stuck_says_why_and_keeps_the_old_pods(
    target: KubernetesTarget, web: Live, empty: Cluster, path: str, value: Any, reason: str
) -> None:
    said: list[str] = []
    with pytest.raises(Unready) as stuck:
        target.update(resource(DEPLOYMENT, path, value, id=web.id, say=said.append), web)
    assert reason in said[-1] and len(said[-1].splitlines()) == 1
    assert str(stuck.value).startswith("pipe/web: not ready after ")
    assert reason in str(stuck.value)
    assert stuck.value.live.id == web.id
    assert stuck.value.live.outputs["status"]["availableReplicas"] == 2
    live = target.update(resource(DEPLOYMENT, id=web.id), web)
    assert live.outputs["status"]["updatedReplicas"] == 2


def test_a_quota_that_is_used_up_is_named(target: KubernetesTarget, empty: Cluster, web: Live) -> None:
    empty.kubectl("create", "quota", "small", "--hard=pods=2")
    until(lambda: empty.object("/api/v1/namespaces/pipe/resourcequotas/small").get("status", {}).get("used"))
    try:
        with pytest.raises(Unready, match=r"ReplicaFailure: .* exceeded quota: small, requested: pods=1"):
            target.update(resource(DEPLOYMENT, "spec.replicas", 3, id=web.id), web)
    finally:
        empty.kubectl("delete", "quota", "small")


def test_a_job_is_waited_for_and_a_failed_one_is_run_anew(target: KubernetesTarget) -> None:
    done = target.create(resource(JOB))
    assert done.outputs["status"]["succeeded"] == 1
    assert target.spoilt(resource(JOB, id=done.id)) == ()
    target.delete(resource(JOB, id=done.id))
    wrong = resource(JOB, "spec.template.spec.containers.0.image", "work:1-crashing")
    with pytest.raises(
        Unready, match=r"the job has failed: .* backoff limit\n  pod work-\w+: work: ended with .* 1"
    ):
        target.create(wrong)
    assert target.spoilt(replace(wrong, id="pipe/work")) == ("metadata",)
    target.delete(replace(wrong, id="pipe/work"))


def test_a_service_waits_for_pods_and_for_its_load_balancer(target: KubernetesTarget) -> None:
    with pytest.raises(Unready, match="no pod that it selects is ready"):
        target.create(resource(SERVICE))
    live = target.create(resource(DEPLOYMENT))
    served = target.update(resource(SERVICE, id="pipe/web"), BEFORE)
    (ingress,) = served.outputs["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"].startswith("k8s-pipe-web-")
    assert ingress["hostname"].endswith(".elb.ap-northeast-1.amazonaws.com")
    target.delete(resource(SERVICE, id="pipe/web"))
    target.delete(resource(DEPLOYMENT, id=live.id))


def of_kind(kind: str, **spec: Any) -> Json:
    """Something that makes pods from the template of the Deployment, or is one."""
    template = DEPLOYMENT["spec"]["template"]
    inner = {"selector": DEPLOYMENT["spec"]["selector"], "template": template, **spec}
    if kind == "Pod":
        inner = {**template["spec"], **spec}
    version = "v1" if kind == "Pod" else "apps/v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "one", "namespace": "pipe"},
        "spec": inner,
    }


@pytest.mark.parametrize(
    ("manifest", "count", "ready"),
    [
        (of_kind("DaemonSet"), "numberAvailable", 6),
        (of_kind("StatefulSet", serviceName="one", replicas=2), "readyReplicas", 2),
    ],
)
def test_other_kinds_with_pods_are_waited_for(
    target: KubernetesTarget, manifest: Json, count: str, ready: int
) -> None:
    live = target.create(resource(manifest))
    assert live.outputs["status"][count] == ready
    with pytest.raises(Unready, match="ImagePullBackOff"):
        target.update(resource(manifest, *image("missing"), id=live.id), live)
    target.delete(resource(manifest, id=live.id))


CLAIM: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "one", "namespace": "pipe"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (of_kind("Pod", nodeSelector={"kubernetes.io/arch": "arm64"}), "the pod is Pending; Unschedulable"),
        (of_kind("Pod", containers=[{"name": "one", "image": "one:missing"}]), "one: ImagePullBackOff"),
        (CLAIM, "no volume is bound to the claim"),
    ],
)
def test_what_never_gets_ready_says_why(target: KubernetesTarget, manifest: Json, reason: str) -> None:
    with pytest.raises(Unready) as stuck:
        target.create(resource(manifest))
    assert reason in str(stuck.value)
    target.delete(resource(manifest, id="pipe/one"))


def test_a_claim_that_waits_for_its_first_pod_is_not_waited_for(target: KubernetesTarget) -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "later"},
        "provisioner": "ebs.csi.eks.amazonaws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    target.create(resource(storage))
    live = target.create(resource(CLAIM, "spec.storageClassName", "later"))
    assert live.outputs["status"]["phase"] == "Pending"
    target.delete(resource(CLAIM, id=live.id))
    target.delete(resource(storage, id="later"))


def test_a_name_outside_the_cluster_needs_no_pods(target: KubernetesTarget) -> None:
    external = resource(SERVICE, "spec", {"type": "ExternalName", "externalName": "db.example"})
    assert target.create(external).id == "pipe/web"
    target.delete(resource(SERVICE, id="pipe/web"))


def test_skip_await_is_honoured_and_the_timeout_is_the_programs(target: KubernetesTarget) -> None:
    skipping = resource(
        SERVICE, "metadata", {**SERVICE["metadata"], "annotations": {"pulumi.com/skipAwait": "true"}}
    )
    assert target.create(skipping).id == "pipe/web"
    target.delete(resource(SERVICE, id="pipe/web"))
    short = {**SERVICE["metadata"], "annotations": {"pulumi.com/timeoutSeconds": "1"}}
    with pytest.raises(Unready, match="not ready after 1 s"):
        target.create(resource(SERVICE, "metadata", short))
    with pytest.raises(Unready, match="not ready after 2 s"):
        target.update(resource(SERVICE, "metadata", short, id="pipe/web", timeout=2), BEFORE)
    target.delete(resource(SERVICE, id="pipe/web"))


def test_custom_resources_need_their_definition_first(target: KubernetesTarget) -> None:
    assert target.plan(resource(CUP))["size"] == 1
    with pytest.raises(Refused, match=r"no matches for kind Cup in pipe\.dev/v1"):
        target.create(resource(CUP))
    target.create(resource(DEFINITION))
    live = target.create(resource(CUP))
    with pytest.raises(Refused, match="field not declared in schema"):
        target.plan_update(resource(CUP, "colour", "red", id=live.id), live)
    # In the foreground it would wait until the garbage collector has heard of the kind.
    at_once = {**CUP["metadata"], "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}}
    target.delete(resource(CUP, "metadata", at_once, id=live.id))
    target.delete(resource(DEFINITION, id="cups.pipe.dev"))
    assert target.read(resource(CUP, id=live.id), {}) is None
