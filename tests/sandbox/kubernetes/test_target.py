"""The provider's work on the API server: previews, waits, reasons, drift, adoption, deletion."""

from collections.abc import Generator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from sandbox.providers import kubernetes_ready
from sandbox.providers.diff import changes
from sandbox.providers.kubernetes import Kubernetes
from sandbox.providers.kubernetes_target import KubernetesTarget
from sandbox.providers.target import Live, Refused, Resource, Unready
from sandbox.providers.values import UNKNOWN, Secret, plain
from sandbox.targets.kubernetes_api import ApiError, Json
from tests.sandbox.kubernetes.conftest import Cluster, until
from tests.sandbox.kubernetes.test_life import KUBECONFIG

BEFORE = Live("", {}, {})
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
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "pipe"},
    "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 443}]},
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
    """A manifest, with one value set at a dotted path, as a resource of a test's stack."""
    inputs = deepcopy(manifest)
    *parents, last = path.split(".")
    place: Any = inputs
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    if path:
        place[last] = value
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    token = f"kubernetes:{group or 'core'}/{version}:{manifest['kind']}"
    name = manifest["metadata"]["name"]
    urn = f"urn:pulumi:dev::pipe::{token}::{name}"
    return Resource(urn, token, inputs, {"kubeconfig": KUBECONFIG}, **options)


def image(word: str) -> tuple[str, str]:
    return "spec.template.spec.containers.0.image", f"web:1-{word}"


@pytest.fixture(scope="module")
def target(empty: Cluster) -> Generator[KubernetesTarget]:
    """With the namespace."""
    made = KubernetesTarget(empty.kubeconfig, patience=4)
    made.create(resource(NAMESPACE))
    until(lambda: empty.api.get("/api/v1/namespaces/pipe/serviceaccounts/default"))
    yield made


@pytest.fixture
def web(target: KubernetesTarget) -> Generator[Live]:
    live = target.create(resource(DEPLOYMENT))
    yield live
    target.delete(resource(DEPLOYMENT, id=live.id))


# Previews


def test_a_preview_shows_the_servers_defaults(target: KubernetesTarget) -> None:
    planned = target.plan(resource(DEPLOYMENT))
    assert planned["spec"]["progressDeadlineSeconds"] == 600
    assert planned["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert planned["metadata"]["uid"] is UNKNOWN
    assert "managedFields" not in planned["metadata"]
    service = target.plan(resource(SERVICE))
    assert service["spec"]["clusterIP"] is UNKNOWN
    assert service["status"]["loadBalancer"]["ingress"] is UNKNOWN
    assert target.read(resource(DEPLOYMENT, id="pipe/web"), {}) is None


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("spec.replica", 3, ".spec.replica: field not declared in schema"),
        ("spec.replicas", -1, "must be greater than or equal to 0"),
        ("spec.template.spec.containers.0.resources", {"limits": {"cpu": "1 core"}}, "quantities must match"),
        ("spec.template.metadata.labels", {"app": "other"}, "`selector` does not match template `labels`"),
    ],
)
def test_a_preview_shows_what_the_server_refuses(
    target: KubernetesTarget, path: str, value: Any, named: str
) -> None:
    with pytest.raises(Refused) as refused:
        target.plan(resource(DEPLOYMENT, path, value))
    assert named in str(refused.value)


def test_a_preview_of_an_update_shows_what_the_server_refuses(target: KubernetesTarget, web: Live) -> None:
    wrong = resource(DEPLOYMENT, "spec.replicas", -1, id=web.id)
    with pytest.raises(Refused, match=r"spec\.replicas: Invalid value: -1"):
        target.plan_update(wrong, web)
    planned = target.plan_update(resource(DEPLOYMENT, "spec.minReadySeconds", 3, id=web.id), web)
    assert (planned["spec"]["minReadySeconds"], planned["spec"]["revisionHistoryLimit"]) == (3, 10)
    assert planned["metadata"]["uid"] == web.outputs["metadata"]["uid"]
    assert target.read(resource(DEPLOYMENT, id=web.id), {}) == web


def test_what_is_not_known_yet_is_not_asked(target: KubernetesTarget) -> None:
    unknown = resource(DEPLOYMENT, "spec.replica", UNKNOWN)
    assert target.plan(unknown)["spec"]["replica"] is UNKNOWN
    elsewhere = replace(resource(DEPLOYMENT, "spec.replica", 3), config={"kubeconfig": UNKNOWN})
    assert target.plan(elsewhere)["spec"]["replica"] == 3


def test_a_namespace_that_the_same_update_makes_is_no_obstacle(target: KubernetesTarget) -> None:
    planned = target.plan(resource(CONFIG_MAP, "metadata", {"name": "settings", "namespace": "later"}))
    assert planned["data"] == {"LEVEL": "info"}


# Create, update


def test_what_is_there_already_is_refused(target: KubernetesTarget, web: Live, empty: Cluster) -> None:
    with pytest.raises(Refused, match='Deployment "web" already exists'):
        target.create(resource(DEPLOYMENT))
    empty.kubectl("create", "configmap", "theirs")
    theirs = resource(CONFIG_MAP, "metadata", {"name": "theirs", "namespace": "pipe"})
    for attempt in (target.create, target.plan):
        with pytest.raises(Refused, match='ConfigMap "theirs" already exists'):
            attempt(theirs)
    assert target.find(theirs) == []
    adopting = replace(theirs, config={**theirs.config, "upsertExistingObjects": True})
    assert target.create(adopting).outputs["data"] == {"LEVEL": "info"}
    target.delete(replace(theirs, id="pipe/theirs"))


def test_what_an_interrupted_create_left_is_found(target: KubernetesTarget, web: Live) -> None:
    assert target.find(resource(DEPLOYMENT)) == [web]
    other = replace(resource(DEPLOYMENT), urn="urn:pulumi:prod::pipe::kubernetes:apps/v1:Deployment::web")
    assert target.find(other) == []


def test_a_bare_namespace_that_an_interrupted_create_left_is_found(
    target: KubernetesTarget, empty: Cluster
) -> None:
    bare = resource(NAMESPACE, "metadata", {"name": "bare"})
    live = target.create(bare)
    assert [found.id for found in target.find(bare)] == [live.id] == ["bare"]
    empty.kubectl("create", "namespace", "theirs")
    assert target.find(resource(NAMESPACE, "metadata", {"name": "theirs"})) == []
    empty.kubectl("delete", "namespace", "bare", "theirs", "--wait=false")


def test_a_secret_that_an_interrupted_create_left_is_found_without_its_values(
    target: KubernetesTarget,
) -> None:
    live = target.create(resource(SECRET))
    hidden = dict.fromkeys(SECRET["stringData"], UNKNOWN)
    assert [found.id for found in target.find(resource(SECRET, "stringData", hidden))] == [live.id]
    target.delete(resource(SECRET, id=live.id))


def test_one_without_a_name_is_found_by_that_which_it_was_given(target: KubernetesTarget) -> None:
    unnamed = resource(CONFIG_MAP, "metadata", {"name": "", "namespace": "pipe"})
    del unnamed.inputs["metadata"]["name"]
    given = Kubernetes("kubernetes").complete(unnamed, {}, b"seed")
    live = target.create(replace(unnamed, inputs=given))
    assert [found.id for found in target.find(replace(unnamed, inputs=given))] == [live.id]
    target.delete(replace(unnamed, inputs=given, id=live.id))


@pytest.mark.parametrize("error", [ProtocolError("gone"), ApiError({"code": 500, "message": "gone"})])
def test_what_was_created_is_kept_although_the_server_is_gone_meanwhile(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(kubernetes_ready, "wait", fail)
        with pytest.raises(Unready, match=r"^pipe/settings: gone$") as unready:
            target.create(resource(CONFIG_MAP))
    live = unready.value.live
    assert (live.id, live.inputs) == ("pipe/settings", CONFIG_MAP)
    assert target.update(resource(CONFIG_MAP, id=live.id), live).outputs["data"] == CONFIG_MAP["data"]
    target.delete(resource(CONFIG_MAP, id=live.id))


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


@pytest.mark.parametrize("kubeconfig", [None, "{}", {**KUBECONFIG, "users": []}])
def test_a_kubeconfig_that_leads_nowhere_is_refused(target: KubernetesTarget, kubeconfig: Any) -> None:
    with pytest.raises(Refused, match="kubeconfig leads to no cluster"):
        target.create(replace(resource(CONFIG_MAP), config={"kubeconfig": kubeconfig}))


# Fields


@pytest.mark.parametrize(
    ("manifest", "path", "value", "found"),
    [
        (DEPLOYMENT, "spec.selector", {"matchLabels": {"app": "web", "tier": "x"}}, "spec.selector"),
        (JOB, "spec.template.spec.containers.0.image", "work:2", "spec.template"),
        (SECRET, "type", "kubernetes.io/basic-auth", "type"),
        ({**CONFIG_MAP, "immutable": True}, "data.LEVEL", "debug", "data"),
    ],
)
def test_fields_that_the_server_does_not_change_are_told(
    target: KubernetesTarget, manifest: Json, path: str, value: Any, found: str
) -> None:
    live = target.create(resource(manifest))
    changed = resource(manifest, path, value, id=live.id)
    if path == "spec.selector":
        changed.inputs["spec"]["template"]["metadata"]["labels"]["tier"] = "x"
    assert found in target.immutable(changed, changes(manifest, changed.inputs))
    assert target.immutable(resource(manifest, id=live.id), []) == ()
    target.delete(resource(manifest, id=live.id))


def test_ignored_fields_stay_with_who_set_them(target: KubernetesTarget, web: Live, empty: Cluster) -> None:
    ignoring = resource(DEPLOYMENT, id=web.id, ignored=("spec.replicas",))
    empty.kubectl("scale", "deployment/web", "--replicas=3")
    assert target.update(ignoring, web).outputs["spec"]["replicas"] == 3
    assert (
        target.update(resource(DEPLOYMENT, *image("2"), id=web.id, ignored=ignoring.ignored), web).outputs[
            "spec"
        ]["replicas"]
        == 3
    )


def test_what_somebody_else_took_over_is_a_conflict_unless_forced(
    target: KubernetesTarget, web: Live, empty: Cluster
) -> None:
    empty.kubectl("set", "image", "deployment/web", "web=web:theirs", "--field-manager=theirs")
    with pytest.raises(Refused, match=r'conflict with "theirs".*patchForce: "true" takes the fields over'):
        target.update(resource(DEPLOYMENT, id=web.id), web)
    forced = {**DEPLOYMENT["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    live = target.update(resource(DEPLOYMENT, "metadata", forced, id=web.id), web)
    assert live.outputs["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    empty.kubectl("set", "image", "deployment/web", "web=web:theirs", "--field-manager=theirs")
    always = replace(
        resource(DEPLOYMENT, id=web.id), config={"kubeconfig": KUBECONFIG, "enablePatchForce": True}
    )
    assert target.update(always, web).inputs == DEPLOYMENT


# Read


def test_the_programs_spelling_is_no_drift(target: KubernetesTarget, web: Live) -> None:
    assert web.outputs["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "500m",
        "memory": "1Gi",
    }
    assert web.inputs == DEPLOYMENT


def test_drift_is_found_where_it_is(target: KubernetesTarget, web: Live, empty: Cluster) -> None:
    empty.kubectl("set", "resources", "deployment/web", "--limits=cpu=600m")
    live = target.read(resource(DEPLOYMENT, id=web.id), web.outputs)
    assert live
    (change,) = changes(DEPLOYMENT, live.inputs)
    assert (change.path[-3:], change.old, change.new) == (("resources", "limits", "cpu"), "0.5", "600m")


def test_a_secret_is_read_in_the_programs_words_and_marked(target: KubernetesTarget, empty: Cluster) -> None:
    live = target.create(resource(SECRET))
    assert live.inputs == SECRET
    assert isinstance(live.outputs["data"], Secret) and isinstance(live.outputs["stringData"], Secret)
    empty.kubectl("patch", "secret", "database", "-p", '{"stringData": {"password": "changed"}}')
    found = target.read(resource(SECRET, id=live.id), live.outputs)
    assert found and plain(found.inputs)["stringData"] == {"password": "changed"}
    fewer = resource(SECRET, "stringData", {"user": "pipe"}, id=live.id)
    fewer.inputs["metadata"] = {**SECRET["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    target.update(fewer, live)
    assert "user" in empty.object("/api/v1/namespaces/pipe/secrets/database")["data"]
    target.delete(resource(SECRET, id=live.id))


# Delete


def test_a_deletion_is_waited_for_and_says_what_holds_it(target: KubernetesTarget, empty: Cluster) -> None:
    live = target.create(resource(CONFIG_MAP))
    empty.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": ["pipe.dev/hold"]}}')
    with pytest.raises(
        Refused, match=r"pipe/settings is not deleted: not gone after 4 s; it waits for pipe.dev/hold"
    ):
        target.delete(resource(CONFIG_MAP, id=live.id))
    empty.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": null}}')
    target.delete(resource(CONFIG_MAP, id=live.id))
    assert target.read(resource(CONFIG_MAP, id=live.id), {}) is None
    target.delete(resource(CONFIG_MAP, id=live.id))
