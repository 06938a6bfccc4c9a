"""When an object counts as there, and what is said of one that does not get there."""

import re
import threading
import time
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from sandbox.clouds.kubernetes.api import Json
from sandbox.errors import ProviderError
from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.providers.kubernetes.target import KubernetesTarget
from sandbox.providers.target import LiveResource, NotReadyError
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


def test_a_rollout_is_waited_for(target: KubernetesTarget, web: LiveResource) -> None:
    said: list[str] = []
    change = resource(DEPLOYMENT, *image("next"), id=web.id, report=said.append)
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
    target: KubernetesTarget, web: LiveResource, empty: Cluster, path: str, value: Any, reason: str
) -> None:
    said: list[str] = []
    with pytest.raises(NotReadyError) as stuck:
        target.update(resource(DEPLOYMENT, path, value, id=web.id, report=said.append), web)
    assert reason in said[-1] and len(said[-1].splitlines()) == 1
    assert str(stuck.value).startswith("pipe/web: not ready after ")
    assert reason in str(stuck.value)
    assert stuck.value.live.id == web.id
    assert stuck.value.live.outputs["status"]["availableReplicas"] == 2
    live = target.update(resource(DEPLOYMENT, id=web.id), web)
    assert live.outputs["status"]["updatedReplicas"] == 2


def test_what_is_read_tells_what_it_lacks(target: KubernetesTarget, web: LiveResource) -> None:
    bad = resource(DEPLOYMENT, *image("missing"), id=web.id)
    with pytest.raises(NotReadyError):
        target.update(bad, web)
    live = target.read(bad, web.outputs)
    assert live and live.unready_reason.startswith("pipe/web: not ready: 1 of 2 new pods are made")
    assert "ImagePullBackOff" in live.unready_reason
    bad.inputs["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    for unwatched in (bad, replace(bad, inputs={})):  # the latter is an import
        assert (live := target.read(unwatched, web.outputs)) and not live.unready_reason
    live = target.read(
        resource(DEPLOYMENT, id=web.id), target.update(resource(DEPLOYMENT, id=web.id), web).outputs
    )
    assert live and not live.unready_reason


def test_a_quota_that_is_used_up_is_named(
    target: KubernetesTarget, empty: Cluster, web: LiveResource
) -> None:
    empty.kubectl("create", "quota", "small", "--hard=pods=2")
    until(lambda: empty.object("/api/v1/namespaces/pipe/resourcequotas/small").get("status", {}).get("used"))
    try:
        with pytest.raises(
            NotReadyError, match=r"ReplicaFailure: .* exceeded quota: small, requested: pods=1"
        ):
            target.update(resource(DEPLOYMENT, "spec.replicas", 3, id=web.id), web)
    finally:
        empty.kubectl("delete", "quota", "small")


def test_a_job_is_waited_for_and_a_failed_one_is_run_anew(target: KubernetesTarget) -> None:
    done = target.create(resource(JOB))
    assert done.outputs["status"]["succeeded"] == 1
    assert target.replacement_paths(resource(JOB, id=done.id)) == ()
    target.delete(resource(JOB, id=done.id))
    said: list[str] = []
    wrong = resource(JOB, "spec.template.spec.containers.0.image", "work:1-crashing", report=said.append)
    with pytest.raises(
        NotReadyError, match=r"the job has failed: .* backoff limit\n  pod work-\w+: work: ended with .* 1"
    ):
        target.create(wrong)
    assert re.fullmatch(r"the job runs, pods: \d active, 0 succeeded, \d failed", said[-1])
    failed = replace(wrong, id="pipe/work")
    assert target.replacement_paths(failed) == ("metadata",)
    assert target.replacement_paths(replace(failed, id="pipe/gone")) == ()
    asked = engine_calls(Kubernetes("kubernetes"), target, failed, LiveResource(failed.id, wrong.inputs, {}))
    assert asked.differences() == {"metadata": "update_replace"}
    target.delete(failed)


def test_a_job_whose_image_is_missing_is_waited_for_until_its_deadline(target: KubernetesTarget) -> None:
    missing = resource(JOB, "spec.template.spec.containers.0.image", "work:1-missing")
    missing.inputs["spec"]["activeDeadlineSeconds"] = 8  # longer than the target waits without a change
    started = time.monotonic()
    with pytest.raises(NotReadyError, match=r"the job has failed: Job was active longer than") as stuck:
        target.create(missing)
    assert time.monotonic() - started > 7
    assert "work: ImagePullBackOff: Back-off pulling image" in str(stuck.value)
    target.delete(replace(missing, id="pipe/work"))


def test_a_job_that_still_runs_is_replaced_where_the_program_asks_for_it(
    target: KubernetesTarget, empty: Cluster
) -> None:
    missing = resource(JOB, "spec.template.spec.containers.0.image", "work:1-missing")
    with pytest.raises(NotReadyError, match="the provider waits 600 s"):
        target.create(missing)
    assert target.replacement_paths(replace(missing, id="pipe/work")) == ("metadata",)
    target.delete(replace(missing, id="pipe/work"))


def test_a_job_has_no_readiness_probe_to_fail(target: KubernetesTarget) -> None:
    done = target.create(resource(JOB, "spec.template.spec.containers.0.image", "work:1-unready"))
    assert done.outputs["status"]["succeeded"] == 1
    target.delete(resource(JOB, id=done.id))


def test_a_service_waits_for_pods_and_for_its_load_balancer(target: KubernetesTarget) -> None:
    served = target.create(resource(SERVICE))  # without pods: only those that are not ready are waited for
    with pytest.raises(NotReadyError):
        target.create(resource(DEPLOYMENT, *image("unready")))
    said: list[str] = []
    with pytest.raises(NotReadyError, match="a pod that it selects is not ready"):
        target.update(resource(SERVICE, id="pipe/web", report=said.append), BEFORE)
    assert set(said) == {"a pod that it selects is not ready"}
    live = target.update(resource(DEPLOYMENT, id="pipe/web"), BEFORE)
    target.update(resource(SERVICE, id="pipe/web"), BEFORE)
    (ingress,) = served.outputs["status"]["loadBalancer"]["ingress"]
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
def test_sets_of_pods_are_waited_for(target: KubernetesTarget, manifest: Json, ready: Json) -> None:
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


def test_an_update_on_delete_waits_for_nobody_to_delete_pods(target: KubernetesTarget) -> None:
    path, value = "spec.updateStrategy", {"type": "OnDelete"}
    live = target.create(resource(STATEFUL_SET, path, value))
    change = resource(STATEFUL_SET, path, value, id=live.id)
    change.inputs["spec"]["template"]["spec"]["containers"][0]["image"] = "store:2"
    status = target.update(change, live).outputs["status"]
    assert status["currentRevision"] != status["updateRevision"] and status["readyReplicas"] == 2
    target.delete(resource(STATEFUL_SET, id=live.id))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("missing", "its containers are not ready yet\n  pod alone: alone: ImagePullBackOff"),
        ("unready", "its containers are not ready yet\n  pod alone: Readiness probe failed"),
    ],
)
def test_a_bare_pod_is_waited_for(target: KubernetesTarget, word: str, reason: str) -> None:
    live = target.create(resource(POD))
    assert live.outputs["status"]["phase"] == "Running"
    target.delete(resource(POD, id=live.id))
    with pytest.raises(NotReadyError, match=reason):
        target.create(resource(POD, "spec.containers.0.image", f"alone:1-{word}"))
    target.delete(resource(POD, id=live.id))


def test_a_pod_that_has_failed_is_not_waited_for(target: KubernetesTarget) -> None:
    failing = resource(POD, "spec.containers.0.image", "alone:1-crashing")
    failing.inputs["spec"]["restartPolicy"] = "Never"
    with pytest.raises(NotReadyError, match="the pod has failed\n  pod alone: alone: ended with exit code 1"):
        target.create(failing)
    target.delete(replace(failing, id="pipe/alone"))


def test_a_claim_is_waited_for_unless_it_waits_for_a_pod(target: KubernetesTarget) -> None:
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


def test_a_quota_and_a_token_are_waited_for(target: KubernetesTarget) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "50"}}}
    live = target.create(resource({**quota, "metadata": {"name": "many", "namespace": "pipe"}}))
    assert live.outputs["status"]["hard"] == {"pods": "50"}
    target.delete(resource({**quota, "metadata": {"name": "many", "namespace": "pipe"}}, id=live.id))
    of = {
        "name": "token",
        "namespace": "pipe",
        "annotations": {"kubernetes.io/service-account.name": "default"},
    }
    kind = "kubernetes.io/service-account-token"
    token: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": of, "type": kind}
    live = target.create(resource(token))
    assert "token" in plain(live.outputs["data"])
    target.delete(resource(token, id=live.id))


def test_a_kind_of_somebodys_own_is_not_taken_for_kubernetes_own(target: KubernetesTarget) -> None:
    mine = deepcopy(DEFINITION)
    mine["metadata"]["name"] = "services.pipe.dev"
    mine["spec"]["names"] = {"kind": "Service", "plural": "services"}
    target.create(resource(mine))
    live = target.create(resource({**CUP, "kind": "Service"}))
    assert live.id == "pipe/cup"
    target.delete(resource(mine, id="services.pipe.dev"))


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


def test_a_suspended_job_is_not_done(target: KubernetesTarget) -> None:
    with pytest.raises(NotReadyError, match="the job is suspended, pods: 0 active"):
        target.create(resource(JOB, "spec.suspend", True))
    target.delete(resource(JOB, id="pipe/work"))


def test_a_name_outside_the_cluster_needs_no_pods(target: KubernetesTarget) -> None:
    external = resource(SERVICE, "spec", {"type": "ExternalName", "externalName": "db.example"})
    assert target.create(external).id == "pipe/web"
    target.delete(resource(SERVICE, id="pipe/web"))


def test_skip_await_is_honoured_and_the_timeout_is_the_programs(target: KubernetesTarget) -> None:
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
    said: list[str] = []
    live = target.create(resource(CUP, report=said.append))
    later.join()
    assert said[0] == "the server does not know the kind Cup of pipe.dev/v1 yet"
    with pytest.raises(ProviderError, match="field not declared in schema"):
        target.plan_update(resource(CUP, "colour", "red", id=live.id), live)
    # In the foreground it would wait until the garbage collector has heard of the kind.
    at_once = {**CUP["metadata"], "annotations": {"pulumi.com/deletionPropagationPolicy": "background"}}
    target.delete(resource(CUP, "metadata", at_once, id=live.id))
    target.delete(resource(DEFINITION, id="cups.pipe.dev"))
    assert target.read(resource(CUP, id=live.id), {}) is None
