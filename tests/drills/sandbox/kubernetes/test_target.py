"""Tests of the Kubernetes stand-in with an API server: previews, drift, adoption and deletion."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from urllib3.exceptions import ProtocolError

from sandbox.errors import ProviderError
from sandbox.providers.diff import changes
from sandbox.providers.kubernetes import readiness
from sandbox.providers.kubernetes.package import Kubernetes
from sandbox.providers.kubernetes.target import KubernetesTarget
from sandbox.providers.target import LiveResource, NotReadyError, Resource
from sandbox.wire.kubernetes_api import ApiError, Json
from sandbox.wire.values import UNKNOWN, Secret, plain
from tests.drills.sandbox.kubernetes.test_life import KUBECONFIG
from tests.support.sandbox.kubernetes.fixtures import Cluster
from tests.support.sandbox.kubernetes.objects import (
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    NAMESPACE,
    SECRET,
    SERVICE,
    image,
    resource,
)
from tests.support.sandbox.kubernetes.objects import target as target
from tests.support.sandbox.kubernetes.objects import web as web
from tests.support.sandbox.providers.engine_calls import engine_calls

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
    with pytest.raises(ProviderError) as refused:
        target.plan(resource(DEPLOYMENT, path, value))
    assert named in str(refused.value)


def test_a_preview_of_an_update_shows_what_the_server_refuses(
    target: KubernetesTarget, web: LiveResource
) -> None:
    invalid = resource(DEPLOYMENT, "spec.replicas", -1, id=web.id)
    with pytest.raises(ProviderError, match=r"spec\.replicas: Invalid value: -1"):
        target.plan_update(invalid, web)
    planned = target.plan_update(resource(DEPLOYMENT, "spec.minReadySeconds", 3, id=web.id), web)
    assert (planned["spec"]["minReadySeconds"], planned["spec"]["revisionHistoryLimit"]) == (3, 10)
    assert planned["metadata"]["uid"] == web.outputs["metadata"]["uid"]
    assert target.read(resource(DEPLOYMENT, id=web.id), {}) == web


def test_a_preview_with_unknown_values_does_not_ask_the_server(target: KubernetesTarget) -> None:
    unknown = resource(DEPLOYMENT, "spec.replica", UNKNOWN)
    assert target.plan(unknown)["spec"]["replica"] is UNKNOWN
    without_cluster = replace(resource(DEPLOYMENT, "spec.replica", 3), config={"kubeconfig": UNKNOWN})
    assert target.plan(without_cluster)["spec"]["replica"] == 3


def test_a_preview_allows_a_namespace_that_does_not_exist_yet(target: KubernetesTarget) -> None:
    planned = target.plan(resource(CONFIG_MAP, "metadata", {"name": "settings", "namespace": "later"}))
    assert planned["data"] == {"LEVEL": "info"}


def test_the_creation_of_an_existing_object_is_refused(
    target: KubernetesTarget, web: LiveResource, empty: Cluster
) -> None:
    with pytest.raises(ProviderError, match='Deployment "web" already exists'):
        target.create(resource(DEPLOYMENT))
    empty.kubectl("create", "configmap", "theirs")
    theirs = resource(CONFIG_MAP, "metadata", {"name": "theirs", "namespace": "pipe"})
    for attempt in (target.create, target.plan):
        with pytest.raises(ProviderError, match='ConfigMap "theirs" already exists'):
            attempt(theirs)
    assert target.find(theirs) == []
    adopting = replace(theirs, config={**theirs.config, "upsertExistingObjects": True})
    assert target.create(adopting).outputs["data"] == {"LEVEL": "info"}
    target.delete(replace(theirs, id="pipe/theirs"))


def test_an_interrupted_creation_is_found(target: KubernetesTarget, web: LiveResource) -> None:
    assert target.find(resource(DEPLOYMENT)) == [web]
    assert target.find(resource(DEPLOYMENT), [web.id]) == []
    other = replace(resource(DEPLOYMENT), urn="urn:pulumi:prod::pipe::kubernetes:apps/v1:Deployment::web")
    assert target.find(other) == []


def test_an_interrupted_creation_of_a_bare_namespace_is_found(
    target: KubernetesTarget, empty: Cluster
) -> None:
    bare = resource(NAMESPACE, "metadata", {"name": "bare"})
    live = target.create(bare)
    assert [match.id for match in target.find(bare)] == [live.id] == ["bare"]
    empty.kubectl("create", "namespace", "theirs")
    assert target.find(resource(NAMESPACE, "metadata", {"name": "theirs"})) == []
    empty.kubectl("delete", "namespace", "bare", "theirs", "--wait=false")


def test_an_interrupted_creation_of_a_secret_is_found_without_its_values(
    target: KubernetesTarget,
) -> None:
    live = target.create(resource(SECRET))
    unknown = dict.fromkeys(SECRET["stringData"], UNKNOWN)
    assert [match.id for match in target.find(resource(SECRET, "stringData", unknown))] == [live.id]
    target.delete(resource(SECRET, id=live.id))


def test_an_object_without_a_name_is_found_by_its_generated_name(target: KubernetesTarget) -> None:
    unnamed = resource(CONFIG_MAP, "metadata", {"name": "", "namespace": "pipe"})
    del unnamed.inputs["metadata"]["name"]
    named = replace(unnamed, inputs=Kubernetes("kubernetes").complete(unnamed, {}, b"seed"))
    live = target.create(named)
    assert [match.id for match in target.find(named)] == [live.id]
    target.delete(replace(named, id=live.id))


@pytest.mark.parametrize("error", [ProtocolError("gone"), ApiError({"code": 500, "message": "gone"})])
def test_a_created_object_is_recorded_if_the_server_fails_during_the_wait(
    target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(readiness, "wait", fail)
        with pytest.raises(NotReadyError, match=r"^pipe/settings: gone$") as unready:
            target.create(resource(CONFIG_MAP))
    live = unready.value.live
    assert (live.id, live.inputs) == ("pipe/settings", CONFIG_MAP)
    assert target.update(resource(CONFIG_MAP, id=live.id), live).outputs["data"] == CONFIG_MAP["data"]
    target.delete(resource(CONFIG_MAP, id=live.id))


@pytest.mark.parametrize("kubeconfig", [None, "{}", {**KUBECONFIG, "users": []}])
def test_an_invalid_kubeconfig_is_refused(target: KubernetesTarget, kubeconfig: Any) -> None:
    with pytest.raises(ProviderError, match="kubeconfig names no cluster"):
        target.create(replace(resource(CONFIG_MAP), config={"kubeconfig": kubeconfig}))


@pytest.mark.parametrize(
    ("manifest", "path", "value", "immutable_path"),
    [
        (DEPLOYMENT, "spec.selector", {"matchLabels": {"app": "web", "tier": "x"}}, "spec.selector"),
        (JOB, "spec.template.spec.containers.0.image", "work:2", "spec.template"),
        (SECRET, "type", "kubernetes.io/basic-auth", "type"),
        ({**CONFIG_MAP, "immutable": True}, "data.LEVEL", "debug", "data"),
    ],
)
def test_immutable_fields_are_reported(
    target: KubernetesTarget, manifest: Json, path: str, value: Any, immutable_path: str
) -> None:
    live = target.create(resource(manifest))
    changed = resource(manifest, path, value, id=live.id)
    if path == "spec.selector":
        changed.inputs["spec"]["template"]["metadata"]["labels"]["tier"] = "x"
    assert immutable_path in target.immutable(changed, changes(manifest, changed.inputs))
    assert target.immutable(resource(manifest, id=live.id), []) == ()
    target.delete(resource(manifest, id=live.id))


def test_a_change_that_only_the_server_refuses_replaces_the_object(target: KubernetesTarget) -> None:
    urgent: Json = {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "value": 1,
        "description": "x",
        "metadata": {"name": "urgent"},
    }
    live = target.create(resource(urgent))
    calls = engine_calls(Kubernetes("kubernetes"), target, resource(urgent, id=live.id), live)
    for name, value, operation in (("description", "y", "update"), ("value", 2, "update_replace")):
        calls.resource = resource(urgent, name, value, id=live.id)
        assert calls.differences() == {name: operation}
    target.delete(resource(urgent, id=live.id))


def test_an_update_leaves_ignored_fields_unchanged(
    target: KubernetesTarget, web: LiveResource, empty: Cluster
) -> None:
    ignoring = resource(DEPLOYMENT, id=web.id, ignored=("spec.replicas",))
    empty.kubectl("scale", "deployment/web", "--replicas=3")
    assert target.update(ignoring, web).outputs["spec"]["replicas"] == 3
    change = resource(DEPLOYMENT, *image("2"), id=web.id, ignored=ignoring.ignored)
    assert target.update(change, web).outputs["spec"]["replicas"] == 3


def test_a_field_of_another_manager_is_a_conflict_unless_forced(
    target: KubernetesTarget, web: LiveResource, empty: Cluster
) -> None:
    empty.kubectl("set", "image", "deployment/web", "web=web:theirs", "--field-manager=theirs")
    with pytest.raises(
        ProviderError, match=r'conflict with "theirs".*patchForce: "true" takes over the fields'
    ):
        target.update(resource(DEPLOYMENT, id=web.id), web)
    forced = {**DEPLOYMENT["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    live = target.update(resource(DEPLOYMENT, "metadata", forced, id=web.id), web)
    assert live.outputs["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    empty.kubectl("set", "image", "deployment/web", "web=web:theirs", "--field-manager=theirs")
    always = replace(
        resource(DEPLOYMENT, id=web.id), config={"kubeconfig": KUBECONFIG, "enablePatchForce": True}
    )
    assert target.update(always, web).inputs == DEPLOYMENT


def test_another_spelling_of_a_quantity_is_no_drift(target: KubernetesTarget, web: LiveResource) -> None:
    assert web.outputs["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "500m",
        "memory": "1Gi",
    }
    assert web.inputs == DEPLOYMENT


def test_drift_is_reported_with_its_path(target: KubernetesTarget, web: LiveResource, empty: Cluster) -> None:
    empty.kubectl("set", "resources", "deployment/web", "--limits=cpu=600m")
    live = target.read(resource(DEPLOYMENT, id=web.id), web.outputs)
    assert live
    (change,) = changes(DEPLOYMENT, live.inputs)
    assert (change.path[-3:], change.old, change.new) == (("resources", "limits", "cpu"), "0.5", "600m")


def checked(resource: Resource) -> Resource:
    """Return the resource with its checked inputs, as the engine stores them."""
    return replace(resource, inputs=Kubernetes("kubernetes").complete(resource, {}, b""))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_texts_of_a_secret_are_encoded_and_marked_as_secret(
    target: KubernetesTarget, empty: Cluster
) -> None:
    live = target.create(checked(resource(SECRET)))
    assert plain(live.inputs)["data"] == {"password": encoded("hunter2")} and "stringData" not in live.inputs
    assert isinstance(live.outputs["data"], Secret) and "stringData" not in live.outputs
    empty.kubectl("patch", "secret", "database", "-p", '{"stringData": {"password": "changed"}}')
    changed = target.read(checked(resource(SECRET, id=live.id)), live.outputs)
    assert changed and plain(changed.inputs)["data"] == {"password": encoded("changed")}
    fewer = resource(SECRET, "stringData", {"user": "pipe"}, id=live.id)
    fewer.inputs["metadata"] = {**SECRET["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
    target.update(checked(fewer), live)
    assert "user" in empty.object("/api/v1/namespaces/pipe/secrets/database")["data"]
    target.delete(resource(SECRET, id=live.id))


def test_the_state_has_the_members_that_the_plugin_reads(target: KubernetesTarget, empty: Cluster) -> None:
    live = target.create(checked(resource(SECRET)))
    secret = empty.object("/api/v1/namespaces/pipe/secrets/database")
    (manager,) = (entry["manager"] for entry in secret["metadata"]["managedFields"])
    assert (live.outputs["__initialApiVersion"], live.outputs["__fieldManager"]) == ("v1", manager)
    assert plain(live.outputs["__inputs"]) == plain(live.inputs)
    assert isinstance(live.outputs["__inputs"]["data"], Secret)
    target.delete(resource(SECRET, id=live.id))


def test_a_deletion_first_deletes_the_dependents(target: KubernetesTarget, empty: Cluster) -> None:
    live = target.create(resource(DEPLOYMENT))
    dependents = ("/apis/apps/v1/namespaces/pipe/replicasets", "/api/v1/namespaces/pipe/pods")
    assert all(empty.api.items(path, labelSelector="app=web") for path in dependents)
    target.delete(resource(DEPLOYMENT, id=live.id))
    assert [empty.api.items(path, labelSelector="app=web") for path in dependents] == [[], []]


def test_a_deletion_waits_and_reports_the_finalizer_that_blocks_it(
    target: KubernetesTarget, empty: Cluster
) -> None:
    live = target.create(resource(CONFIG_MAP))
    empty.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": ["pipe.dev/hold"]}}')
    reports: list[str] = []
    with pytest.raises(
        ProviderError, match=r"pipe/settings is not deleted: not gone after 4 s: it waits for pipe.dev/hold"
    ):
        target.delete(resource(CONFIG_MAP, id=live.id, report=reports.append))
    assert reports[-1] == "it waits for pipe.dev/hold"
    empty.kubectl("patch", "configmap", "settings", "-p", '{"metadata": {"finalizers": null}}')
    target.delete(resource(CONFIG_MAP, id=live.id))
    assert target.read(resource(CONFIG_MAP, id=live.id), {}) is None
    target.delete(resource(CONFIG_MAP, id=live.id))
