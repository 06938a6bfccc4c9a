"""A target that creates and changes objects on a Kubernetes API server with server-side apply."""

import math
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml
from urllib3.exceptions import HTTPError

from sandbox.errors import ProviderError
from sandbox.providers.diff import Change
from sandbox.providers.kubernetes import managed_fields, readiness
from sandbox.providers.kubernetes.package import RELEASE, KubernetesPlan, metadata_of, namespace_of
from sandbox.providers.resource_types import digits, table
from sandbox.providers.target import LiveResource, NotReadyError, Resource
from sandbox.wire.kubernetes_api import Api, ApiError, Json, condition, dig
from sandbox.wire.values import known, mark_secrets, merge, plain

DEFAULT_SECONDS = 600.0
"""The provider's default timeout for a wait (pulumi-kubernetes, provider/pkg/await)."""

PATIENCE = 60.0
"""Seconds without any change after which the wait for an object ends.

Pods start at once in the sandbox, so a later change is unlikely. The real provider waits until its timeout.
"""

IMMUTABLE = r"immutable|updates to .+ forbidden|may not (be )?change|can(not| not) be (changed|updated)"
"""The pattern of the server's error messages for a field that cannot be changed."""

KUBECONFIG_PARTS = ("context", "cluster", "user")


class KubernetesTarget(KubernetesPlan):
    """The local control plane, used for every cluster of the stack. Helm releases are only simulated."""

    def __init__(self, kubeconfig: Path, patience: float = PATIENCE) -> None:
        self._api = Api(kubeconfig)
        self._patience = patience

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        """Find the object by its field manager.

        The server records no manager for an object of which only the name is set; such an object is found by
        its name.
        """
        api_object = self._get(resource)
        if api_object is None or managed_fields.object_id(api_object) in known:
            return []
        managers = {entry["manager"] for entry in api_object["metadata"].get("managedFields", ())}
        if _manager(resource) in managers or (not managers and _has_only_name(resource)):
            return [self._live(resource, api_object)]
        return []

    def create(self, resource: Resource) -> LiveResource:
        if resource.type == RELEASE:
            return super().create(resource)
        self._refuse_existing(resource)
        return self._put(resource)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        return super().update(resource, before) if resource.type == RELEASE else self._put(resource)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        if resource.type == RELEASE:
            return super().read(resource, state)
        if (api_object := self._get(resource)) is None:
            return None
        live = self._live(resource, api_object)
        try:
            if resource.inputs:  # An imported resource has no inputs yet.
                self._wait(resource, api_object, once=True)
        except readiness.StuckError as stuck:
            return replace(live, unready_reason=f"{live.id}: {stuck}")
        return live

    def delete(self, resource: Resource) -> None:
        if (api_object := self._get(resource)) is None:
            return
        path, uid = cast(str, self._path(resource)), api_object["metadata"]["uid"]
        policy = _annotation(resource, "deletionPropagationPolicy", "foreground").capitalize()
        try:
            self._api.call("DELETE", path, {"propagationPolicy": policy, "preconditions": {"uid": uid}})
            self._wait(resource, api_object, uid)
        except ApiError as error:
            if error.code != 404:
                raise _refused(resource, error) from None
        except readiness.StuckError as stuck:
            raise ProviderError(f"{resource.id} is not deleted: {stuck}") from None

    # Previews. The server handles them with a dry run if the cluster and all inputs are known.

    def plan(self, resource: Resource) -> Json:
        planned = super().plan(resource)
        # An existing object of this stack is deleted before its replacement is created.
        if not self._can_dry_run(resource) or self.find(resource):
            return planned
        self._refuse_existing(resource)
        try:
            result = self._apply(resource, dry_run=True)
        except ApiError as error:
            if error.code == 404:  # The same update creates the namespace.
                return planned
            raise _refused(resource, error) from None
        result["status"] = {}
        for part, names in table("kubernetes")["made_up"].items():
            result[part] = {key: value for key, value in result.get(part, {}).items() if key not in names}
        return merge(planned, managed_fields.without_managers(result))

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        planned = super().plan_update(resource, before)
        if not self._can_dry_run(resource):
            return planned
        try:
            result = self._apply(resource, dry_run=True)
        except ApiError as error:
            raise _refused(resource, error) from None
        body = {name: value for name, value in result.items() if name not in ("status", "metadata")}
        marks = {**before.outputs, **managed_fields.secret_marks(resource)}
        return cast(Json, mark_secrets(merge(plain(planned), body), marks))

    def immutable(self, resource: Resource, changes: Sequence[Change]) -> Sequence[str]:
        try:
            if resource.id and self._can_dry_run(resource) and self._get(resource):
                self._apply(resource, dry_run=True, force=True)
        except ApiError as error:
            return [
                cause["field"] for cause in error.causes if re.search(IMMUTABLE, cause.get("message", ""))
            ]
        return ()

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        """Return a path for a Job with the annotation replaceUnready that has not completed.

        This includes a Job that still runs (pulumi-kubernetes, provider/pkg/provider/provider.go, Diff).
        """
        if _annotation(resource, "replaceUnready") != "true" or not self._can_dry_run(resource):
            return ()
        job = self._get(resource)
        complete = condition(job, "Complete").get("status") == "True"
        return ("metadata",) if job and not complete else ()

    # Requests

    def _path(self, resource: Resource) -> str | None:
        """Return the path of the object, from its ID if there is one; None if the server lacks the kind."""
        group, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        version = resource.known.get("apiVersion") or group.removeprefix("core/")
        namespace, _, name = resource.id.rpartition("/")
        name, kind = name or metadata_of(resource.inputs).get("name", ""), resource.known.get("kind") or kind
        return self._api.path(version, kind, namespace or namespace_of(resource), name)

    def _get(self, resource: Resource) -> Json | None:
        path = None if resource.type == RELEASE else self._path(resource)
        return self._api.get(path) if path else None

    def _can_dry_run(self, resource: Resource) -> bool:
        """Return True if the server has the kind, and all inputs and the cluster are known."""
        required = {"inputs": resource.inputs, "kubeconfig": resource.config.get("kubeconfig")}
        if resource.type == RELEASE or known(required) != plain(required):
            return False
        return self._path(resource) is not None

    def _refuse_existing(self, resource: Resource) -> None:
        if self._get(resource) and not resource.config.get("upsertExistingObjects"):
            kind, name = resource.known.get("kind"), metadata_of(resource.inputs).get("name")
            raise ProviderError(
                f'{kind} "{name}" already exists, and this stack did not create it; delete it, or import it'
            )

    def _put(self, resource: Resource) -> LiveResource:
        """Create or change the object, and wait until the object is ready."""
        # Another resource of the same update may define the kind.
        end = time.monotonic() + min(_seconds(resource), self._patience)
        while self._path(resource) is None and time.monotonic() < end:
            resource.report(f"the server does not know the kind {_kind(resource, 'of')} yet")
            time.sleep(readiness.POLL_SECONDS)
        try:
            api_object = self._apply(resource)
        except ApiError as error:
            raise _refused(resource, error) from None
        live = managed_fields.to_live_resource(resource, api_object, resource.inputs, _manager(resource))
        try:
            return self._live(resource, self._wait(resource, api_object))
        except (readiness.StuckError, ApiError, HTTPError) as error:
            # The object exists. If the state did not record it, the engine would try to create it again.
            raise NotReadyError(live, f"{live.id}: {error}") from None

    def _wait(self, resource: Resource, api_object: Json, gone: str = "", *, once: bool = False) -> Json:
        """Wait as `readiness.wait` does and return the object. With `once`, check only once."""
        if _annotation(resource, "skipAwait") == "true":
            return api_object
        path = cast(str, self._path(resource))
        seconds, patience = 0 if once else _seconds(resource), self._patience
        if not once and not gone and _has_deadline(api_object):
            seconds = patience = math.inf
        return readiness.wait(self._api, path, seconds, patience, resource.report, gone)

    def _apply(self, resource: Resource, *, dry_run: bool = False, force: bool = False) -> Json:
        _check_kubeconfig(resource)
        if (path := self._path(resource)) is None:
            raise ProviderError(f"no matches for kind {_kind(resource, 'in')}; create its definition first")
        body, manager = resource.known, _manager(resource)
        if resource.ignored and (live := self._api.get(path)):
            for ignored_path in resource.ignored:
                managed_fields.apply_ignored_path(body, ignored_path, manager, live)
        default = str(resource.config.get("enablePatchForce") or False).lower()
        force = force or _annotation(resource, "patchForce", default) == "true"
        return self._api.apply(path, body, manager, force=force, dry_run=dry_run)

    def _live(self, resource: Resource, api_object: Json) -> LiveResource:
        """Return the live object, with the program's notation of each input that has not changed."""
        manager = _manager(resource)
        if not resource.known:  # An imported resource has no inputs yet.
            inputs = managed_fields.without_managers(api_object)
            return managed_fields.to_live_resource(resource, api_object, inputs, manager)
        with_id = replace(resource, id=managed_fields.object_id(api_object))
        try:
            stored = self._apply(with_id, dry_run=True, force=True)
        except (ApiError, ProviderError):  # A change by another client cannot be reverted in place.
            stored = resource.known
        inputs = managed_fields.respell(resource.known, stored, api_object)
        return managed_fields.to_live_resource(resource, api_object, inputs, manager)


def _manager(resource: Resource) -> str:
    """Return the field manager: unique for each object of a stack, and the same in every run."""
    name = resource.id.rpartition("/")[2] or metadata_of(resource.inputs).get("name")
    identity = (*resource.urn.split("::")[:2], resource.known.get("kind"), namespace_of(resource), name)
    return f"pulumi-kubernetes-{digits(' '.join(map(str, identity)), 8)}"


def _kind(resource: Resource, preposition: str) -> str:
    """Return the kind and the apiVersion of an object, joined by a preposition."""
    return f"{resource.known.get('kind')} {preposition} {resource.known.get('apiVersion')}"


def _has_only_name(resource: Resource) -> bool:
    """Return True if a resource sets only the name and namespace of its object."""
    keys = resource.known.keys() | metadata_of(resource.inputs).keys()
    return keys <= {"apiVersion", "kind", "metadata", "name", "namespace"}


def _annotation(resource: Resource, name: str, default: str = "") -> str:
    return str(dig(metadata_of(resource.inputs), "annotations", f"pulumi.com/{name}") or default)


def _has_deadline(api_object: Json) -> bool:
    """Return True if an object is a Job with a deadline. Only the deadline ends the wait for such a Job.

    The provider's timer never expires: each event for the namespace's jobs and pods restarts the timer, and
    an informer repeats these events every minute (pulumi-kubernetes, provider/pkg/await/job.go and
    informers/factory.go).
    """
    return api_object["kind"] == "Job" and bool(dig(api_object, "spec", "activeDeadlineSeconds"))


def _seconds(resource: Resource) -> float:
    return resource.timeout or float(_annotation(resource, "timeoutSeconds") or DEFAULT_SECONDS)


def _refused(resource: Resource, error: ApiError) -> ProviderError:
    conflict = any(cause.get("reason") == "FieldManagerConflict" for cause in error.causes)
    remedy = '; the annotation pulumi.com/patchForce: "true" takes over the fields' if conflict else ""
    return ProviderError(f"{resource.id or resource.name}: {error}{remedy}")


def _check_kubeconfig(resource: Resource) -> None:
    """Raise ProviderError unless the kubeconfig's current context has a user and a cluster's address."""
    setting = resource.config.get("kubeconfig")
    try:
        config: Any = yaml.safe_load(setting) if isinstance(setting, str) else setting
        contexts, clusters, users = (_entries(config, part) for part in KUBECONFIG_PARTS)
        context = contexts[config["current-context"]]
        complete = context["user"] in users and clusters[context["cluster"]]["server"]
    except (KeyError, TypeError, yaml.YAMLError):
        complete = False
    if not complete:
        raise ProviderError(
            "the provider's kubeconfig names no cluster; it needs a current-context, and entries for its "
            f"{', '.join(KUBECONFIG_PARTS)}"
        )


def _entries(config: Any, part: str) -> Json:
    """Return the entries of a section of a kubeconfig, by name."""
    return {entry["name"]: entry[part] for entry in config[f"{part}s"]}
