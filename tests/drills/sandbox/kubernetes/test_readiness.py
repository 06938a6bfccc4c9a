"""Tests of the waits for objects, and of the reasons why an object does not become ready."""

import re
import threading
import time
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from sandbox.errors import ProviderError
from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.providers.kubernetes.target import KubernetesTarget
from sandbox.providers.target import LiveResource, NotReadyError
from sandbox.wire.kubernetes_api import Json
from sandbox.wire.values import plain
from tests.support.sandbox.kubernetes.fixtures import Cluster, until
from tests.support.sandbox.kubernetes.objects import (
    BEFORE,
    CLAIM,
    CUP,
    DAEMON_SET,
    DEFINITION,
    DEPLOYMENT,
    INGRESS,
    JOB,
    POD,
    SERVICE,
    STATEFUL_SET,
    STORAGE_CLASS,
    VOLUME,
    image,
    resource,
)
from tests.support.sandbox.kubernetes.objects import target as target
from tests.support.sandbox.kubernetes.objects import web as web
from tests.support.sandbox.providers.engine_calls import engine_calls


def test_an_update_waits_for_the_rollout(target: KubernetesTarget, web: LiveResource) -> None:
    reports: list[str] = []
    change = resource(DEPLOYMENT, *image("next"), id=web.id, report=reports.append)
    live = target.update(change, web)
    status = live.outputs["status"]
    assert (status["updatedReplicas"], status["availableReplicas"], status["replicas"]) == (2, 2, 2)
    assert reports


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
def test_a_stuck_rollout_reports_the_reason_and_keeps_the_old_pods(
    target: KubernetesTarget, web: LiveResource, empty: Cluster, path: str, value: Any, reason: str
) -> None:
    reports: list[str] = []
    with pytest.raises(NotReadyError) as stuck:
        target.update(resource(DEPLOYMENT, path, value, id=web.id, report=reports.append), web)
    assert reason in reports[-1] and len(reports[-1].splitlines()) == 1
    assert str(stuck.value).startswith("pipe/web: not ready after ")
    assert reason in str(stuck.value)
    assert stuck.value.live.id == web.id
    assert stuck.value.live.outputs["status"]["availableReplicas"] == 2
    live = target.update(resource(DEPLOYMENT, id=web.id), web)
    assert live.outputs["status"]["updatedReplicas"] == 2


def test_a_read_object_reports_why_it_is_not_ready(target: KubernetesTarget, web: LiveResource) -> None:
    bad = resource(DEPLOYMENT, *image("missing"), id=web.id)
    with pytest.raises(NotReadyError):
        target.update(bad, web)
    live = target.read(bad, web.outputs)
    assert live and live.unready_reason.startswith("pipe/web: not ready: 1 of 2 new pods are created")
    assert "ImagePullBackOff" in live.unready_reason
    bad.inputs["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    an_import = replace(bad, inputs={})
    for unwatched in (bad, an_import):
        live = target.read(unwatched, web.outputs)
        assert live and not live.unready_reason
    live = target.read(
        resource(DEPLOYMENT, id=web.id), target.update(resource(DEPLOYMENT, id=web.id), web).outputs
    )
    assert live and not live.unready_reason


def test_an_exhausted_quota_is_named(target: KubernetesTarget, empty: Cluster, web: LiveResource) -> None:
    empty.kubectl("create", "quota", "small", "--hard=pods=2")
    until(lambda: empty.object("/api/v1/namespaces/pipe/resourcequotas/small").get("status", {}).get("used"))
    try:
        with pytest.raises(
            NotReadyError, match=r"ReplicaFailure: .* exceeded quota: small, requested: pods=1"
        ):
            target.update(resource(DEPLOYMENT, "spec.replicas", 3, id=web.id), web)
    finally:
        empty.kubectl("delete", "quota", "small")


def test_a_creation_waits_for_the_job_and_a_failed_job_is_replaced(target: KubernetesTarget) -> None:
    done = target.create(resource(JOB))
    assert done.outputs["status"]["succeeded"] == 1
    assert target.replacement_paths(resource(JOB, id=done.id)) == ()
    target.delete(resource(JOB, id=done.id))
    reports: list[str] = []
    crashing = resource(
        JOB, "spec.template.spec.containers.0.image", "work:1-crashing", report=reports.append
    )
    with pytest.raises(
        NotReadyError, match=r"the job has failed: .* backoff limit\n  pod work-\w+: work: ended with .* 1"
    ):
        target.create(crashing)
    assert re.fullmatch(r"the job runs, pods: \d active, 0 succeeded, \d failed", reports[-1])
    failed = replace(crashing, id="pipe/work")
    assert target.replacement_paths(failed) == ("metadata",)
    assert target.replacement_paths(replace(failed, id="pipe/gone")) == ()
    calls = engine_calls(
        Kubernetes("kubernetes"), target, failed, LiveResource(failed.id, crashing.inputs, {})
    )
    assert calls.differences() == {"metadata": "update_replace"}
    target.delete(failed)


def test_a_creation_waits_for_a_job_without_an_image_until_the_jobs_deadline(
    target: KubernetesTarget,
) -> None:
    missing = resource(JOB, "spec.template.spec.containers.0.image", "work:1-missing")
    missing.inputs["spec"]["activeDeadlineSeconds"] = 8  # This is longer than the target's patience.
    started = time.monotonic()
    with pytest.raises(NotReadyError, match=r"the job has failed: Job was active longer than") as stuck:
        target.create(missing)
    assert time.monotonic() - started > 7
    assert "work: ImagePullBackOff: Back-off pulling image" in str(stuck.value)
    target.delete(replace(missing, id="pipe/work"))


def test_a_running_job_with_the_annotation_is_replaced(target: KubernetesTarget, empty: Cluster) -> None:
    missing = resource(JOB, "spec.template.spec.containers.0.image", "work:1-missing")
    with pytest.raises(NotReadyError, match="the provider waits 600 s"):
        target.create(missing)
    assert target.replacement_paths(replace(missing, id="pipe/work")) == ("metadata",)
    target.delete(replace(missing, id="pipe/work"))


def test_a_job_has_no_readiness_probe_to_fail(target: KubernetesTarget) -> None:
    done = target.create(resource(JOB, "spec.template.spec.containers.0.image", "work:1-unready"))
    assert done.outputs["status"]["succeeded"] == 1
    target.delete(resource(JOB, id=done.id))


def test_a_service_waits_for_its_pods_and_its_load_balancer(target: KubernetesTarget) -> None:
    # A service without pods waits for no pods.
    service = target.create(resource(SERVICE))
    with pytest.raises(NotReadyError):
        target.create(resource(DEPLOYMENT, *image("unready")))
    reports: list[str] = []
    with pytest.raises(NotReadyError, match="a pod that it selects is not ready"):
        target.update(resource(SERVICE, id="pipe/web", report=reports.append), BEFORE)
    assert set(reports) == {"a pod that it selects is not ready"}
    live = target.update(resource(DEPLOYMENT, id="pipe/web"), BEFORE)
    target.update(resource(SERVICE, id="pipe/web"), BEFORE)
    (ingress,) = service.outputs["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"].startswith("k8s-pipe-web-")
    assert ingress["hostname"].endswith(".elb.ap-northeast-1.amazonaws.com")
    target.delete(resource(SERVICE, id="pipe/web"))
    target.delete(resource(DEPLOYMENT, id=live.id))


@pytest.mark.parametrize(
    ("manifest", "ready"),
    [
        (STATEFUL_SET, {"replicas": 2, "readyReplicas": 2, "currentReplicas": 2}),
        (DAEMON_SET, {"desiredNumberScheduled": 6, "updatedNumberScheduled": 6, "numberAvailable": 6}),
    ],
)
def test_stateful_sets_and_daemon_sets_are_awaited(
    target: KubernetesTarget, manifest: Json, ready: Json
) -> None:
    image = "spec.template.spec.containers.0.image"
    live = target.create(resource(manifest))
    assert ready.items() <= live.outputs["status"].items()
    live = target.update(resource(manifest, image, "new:1", id=live.id), live)
    assert ready.items() <= live.outputs["status"].items()
    name, status = manifest["metadata"]["name"], live.outputs["status"]
    assert status.get("currentRevision") == status.get("updateRevision")
    with pytest.raises(NotReadyError, match=rf"(?s)pipe/{name}: not ready after .* of \d .*ImagePullBackOff"):
        target.update(resource(manifest, image, "new:2-missing", id=live.id), live)
    target.delete(resource(manifest, id=live.id))


def test_an_update_on_delete_does_not_wait_for_new_pods(target: KubernetesTarget) -> None:
    path, value = "spec.updateStrategy", {"type": "OnDelete"}
    live = target.create(resource(STATEFUL_SET, path, value))
    change = resource(STATEFUL_SET, path, value, id=live.id)
    change.inputs["spec"]["template"]["spec"]["containers"][0]["image"] = "store:2"
    status = target.update(change, live).outputs["status"]
    assert status["currentRevision"] != status["updateRevision"] and status["readyReplicas"] == 2
    target.delete(resource(STATEFUL_SET, id=live.id))


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        ("missing", "its containers are not ready yet\n  pod alone: alone: ImagePullBackOff"),
        ("unready", "its containers are not ready yet\n  pod alone: Readiness probe failed"),
    ],
)
def test_the_creation_of_a_pod_waits_for_its_readiness(
    target: KubernetesTarget, suffix: str, reason: str
) -> None:
    live = target.create(resource(POD))
    assert live.outputs["status"]["phase"] == "Running"
    target.delete(resource(POD, id=live.id))
    with pytest.raises(NotReadyError, match=reason):
        target.create(resource(POD, "spec.containers.0.image", f"alone:1-{suffix}"))
    target.delete(resource(POD, id=live.id))


def test_a_failed_pod_ends_the_wait(target: KubernetesTarget) -> None:
    failing = resource(POD, "spec.containers.0.image", "alone:1-crashing")
    failing.inputs["spec"]["restartPolicy"] = "Never"
    with pytest.raises(NotReadyError, match="the pod has failed\n  pod alone: alone: ended with exit code 1"):
        target.create(failing)
    target.delete(replace(failing, id="pipe/alone"))


def test_a_claim_is_awaited_unless_it_waits_for_a_pod(target: KubernetesTarget) -> None:
    with pytest.raises(
        NotReadyError, match=r"no volume is bound to it\n  .*: no persistent volumes available"
    ):
        target.create(resource(CLAIM))
    assert target.create(resource(VOLUME)).outputs["status"]["phase"] in ("Available", "Bound")
    bound = target.update(resource(CLAIM, id="pipe/disk"), BEFORE)
    assert bound.outputs["status"]["phase"] == "Bound"
    target.delete(resource(CLAIM, id="pipe/disk"))
    target.delete(resource(VOLUME, id="disk"))
    later = target.create(resource(STORAGE_CLASS))
    waiting = target.create(resource(CLAIM, "spec.storageClassName", later.id))
    assert waiting.outputs["status"]["phase"] == "Pending"
    target.delete(resource(CLAIM, id=waiting.id))
    target.delete(resource(STORAGE_CLASS, id=later.id))


def test_a_quota_and_a_token_are_awaited(target: KubernetesTarget) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "50"}}}
    live = target.create(resource({**quota, "metadata": {"name": "many", "namespace": "pipe"}}))
    assert live.outputs["status"]["hard"] == {"pods": "50"}
    target.delete(resource({**quota, "metadata": {"name": "many", "namespace": "pipe"}}, id=live.id))
    metadata = {
        "name": "token",
        "namespace": "pipe",
        "annotations": {"kubernetes.io/service-account.name": "default"},
    }
    kind = "kubernetes.io/service-account-token"
    token: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind}
    live = target.create(resource(token))
    assert "token" in plain(live.outputs["data"])
    target.delete(resource(token, id=live.id))


def test_a_custom_service_does_not_count_as_a_service_of_kubernetes(target: KubernetesTarget) -> None:
    definition = deepcopy(DEFINITION)
    definition["metadata"]["name"] = "services.pipe.dev"
    definition["spec"]["names"] = {"kind": "Service", "plural": "services"}
    target.create(resource(definition))
    live = target.create(resource({**CUP, "kind": "Service"}))
    assert live.id == "pipe/cup"
    target.delete(resource(definition, id="services.pipe.dev"))


def test_an_ingress_waits_for_a_load_balancer_of_its_class(target: KubernetesTarget) -> None:
    with pytest.raises(NotReadyError, match="no load balancer has an address for it yet"):
        target.create(resource(INGRESS))
    live = target.update(resource(INGRESS, "spec.ingressClassName", "alb", id="pipe/web"), BEFORE)
    (ingress,) = live.outputs["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"].endswith(".ap-northeast-1.elb.amazonaws.com")
    target.delete(resource(INGRESS, id="pipe/web"))


def test_a_service_without_a_selector_waits_for_no_pods(target: KubernetesTarget) -> None:
    for spec in ({"ports": [{"port": 443}]}, {"clusterIP": "None", "ports": [{"port": 443}]}):
        live = target.create(resource(SERVICE, "spec", spec))
        target.delete(resource(SERVICE, id=live.id))


def test_a_suspended_job_is_not_ready(target: KubernetesTarget) -> None:
    with pytest.raises(NotReadyError, match="the job is suspended, pods: 0 active"):
        target.create(resource(JOB, "spec.suspend", True))
    target.delete(resource(JOB, id="pipe/work"))


def test_an_external_name_needs_no_pods(target: KubernetesTarget) -> None:
    external = resource(SERVICE, "spec", {"type": "ExternalName", "externalName": "db.example"})
    assert target.create(external).id == "pipe/web"
    target.delete(resource(SERVICE, id="pipe/web"))


def test_skip_await_and_the_timeout_of_the_program_apply(target: KubernetesTarget) -> None:
    skipping = resource(
        INGRESS, "metadata", {**INGRESS["metadata"], "annotations": {"pulumi.com/skipAwait": "true"}}
    )
    assert target.create(skipping).id == "pipe/web"
    target.delete(resource(INGRESS, id="pipe/web"))
    short = {**INGRESS["metadata"], "annotations": {"pulumi.com/timeoutSeconds": "1"}}
    with pytest.raises(NotReadyError, match="not ready after 1 s"):
        target.create(resource(INGRESS, "metadata", short))
    with pytest.raises(NotReadyError, match="not ready after 2 s"):
        target.update(resource(INGRESS, "metadata", short, id="pipe/web", timeout=2), BEFORE)
    target.delete(resource(INGRESS, id="pipe/web"))


def test_custom_resources_need_their_definition_first(target: KubernetesTarget) -> None:
    assert target.plan(resource(CUP))["size"] == 1
    with pytest.raises(ProviderError, match=r"no matches for kind Cup in pipe\.dev/v1"):
        target.create(resource(CUP, timeout=1))
    later = threading.Timer(1.5, target.create, [resource(DEFINITION)])
    later.start()
    reports: list[str] = []
    live = target.create(resource(CUP, report=reports.append))
    later.join()
    assert reports[0] == "the server does not know the kind Cup of pipe.dev/v1 yet"
    with pytest.raises(ProviderError, match="field not declared in schema"):
        target.plan_update(resource(CUP, "colour", "red", id=live.id), live)
    # A foreground deletion would wait until the garbage collector knows the kind.
    background = {**CUP["metadata"], "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}}
    target.delete(resource(CUP, "metadata", background, id=live.id))
    target.delete(resource(DEFINITION, id="cups.pipe.dev"))
    assert target.read(resource(CUP, id=live.id), {}) is None
