"""Objects on a Kubernetes API server, by server-side apply, as pulumi-kubernetes keeps them there."""

import math
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml
from urllib3.exceptions import HTTPError

from sandbox.clouds.kubernetes.api import Api, ApiError, Json, condition, dig
from sandbox.errors import RefusedError
from sandbox.providers.diff import Change
from sandbox.providers.kubernetes import managed_fields as fields
from sandbox.providers.kubernetes import readiness as ready
from sandbox.providers.kubernetes.package import RELEASE, KubernetesPlan, metadata_of, namespace_of
from sandbox.providers.resource_types import digits, table
from sandbox.providers.target import LiveResource, NotReadyError, Resource
from sandbox.wire.values import known, mark_secrets, merge, plain

DEFAULT_SECONDS = 600.0
"""How long the provider waits if neither the program nor the object says (pulumi-kubernetes, pkg/await)."""

PATIENCE = 60.0
"""Seconds without any change after which nothing will come, since pods start at once here. The provider would
wait for the whole of its timeout."""

IMMUTABLE = r"immutable|updates to .+ forbidden|may not (be )?change|can(not| not) be (changed|updated)"
"""What the server says of a field that it does not change."""

PARTS = ("context", "cluster", "user")  # of a kubeconfig


class KubernetesTarget(KubernetesPlan):
    """Every cluster of the stack is the control plane on this machine. A Helm release is only planned."""

    def __init__(self, kubeconfig: Path, patience: float = PATIENCE) -> None:
        self._api = Api(kubeconfig)
        self._patience = patience

    def find(self, resource: Resource, known: Collection[str] = ()) -> list[LiveResource]:
        """Find the object by its field manager. An apply of a bare name records none."""
        if (found := self._get(resource)) is None or fields.ident(found) in known:
            return []
        managers = {one["manager"] for one in found["metadata"].get("managedFields", ())}
        ours = _manager(resource) in managers or (not managers and _is_bare(resource))
        return [self._live(resource, found)] if ours else []

    def create(self, resource: Resource) -> LiveResource:
        if resource.type == RELEASE:
            return super().create(resource)
        self._refuse_taken(resource)
        return self._put(resource)

    def update(self, resource: Resource, before: LiveResource) -> LiveResource:
        return super().update(resource, before) if resource.type == RELEASE else self._put(resource)

    def read(self, resource: Resource, state: Json) -> LiveResource | None:
        if resource.type == RELEASE:
            return super().read(resource, state)
        if (found := self._get(resource)) is None:
            return None
        live = self._live(resource, found)
        try:
            if resource.inputs:  # else it is being imported
                self._wait(resource, found, once=True)
        except ready.StuckError as stuck:
            return replace(live, unready_reason=f"{live.id}: {stuck}")
        return live

    def delete(self, resource: Resource) -> None:
        if (found := self._get(resource)) is None:
            return
        path, uid = cast(str, self._path(resource)), found["metadata"]["uid"]
        policy = _annotation(resource, "deletionPropagationPolicy", "foreground").capitalize()
        try:
            self._api.call("DELETE", path, {"propagationPolicy": policy, "preconditions": {"uid": uid}})
            self._wait(resource, found, uid)
        except ApiError as error:
            if error.code != 404:
                raise _refused(resource, error) from None
        except ready.StuckError as stuck:
            raise RefusedError(f"{resource.id} is not deleted: {stuck}") from None

    # Previews, which the server is asked for once the cluster and all of the object are known

    def plan(self, resource: Resource) -> Json:
        planned = super().plan(resource)
        if not self._askable(resource) or self.find(resource):  # it is there until its replacement deletes it
            return planned
        self._refuse_taken(resource)
        try:
            made = self._apply(resource, dry_run=True)
        except ApiError as error:
            if error.code == 404:  # the same update makes its namespace
                return planned
            raise _refused(resource, error) from None
        made["status"] = {}
        for part, names in table("kubernetes")["made_up"].items():
            made[part] = {key: value for key, value in made.get(part, {}).items() if key not in names}
        return merge(planned, fields.without_managers(made))

    def plan_update(self, resource: Resource, before: LiveResource) -> Json:
        planned = super().plan_update(resource, before)
        if not self._askable(resource):
            return planned
        try:
            made = self._apply(resource, dry_run=True)
        except ApiError as error:
            raise _refused(resource, error) from None
        kept = {name: value for name, value in made.items() if name not in ("status", "metadata")}
        return cast(
            Json, mark_secrets(merge(plain(planned), kept), {**before.outputs, **fields.secrets(resource)})
        )

    def immutable(self, resource: Resource, differ: Sequence[Change]) -> Sequence[str]:
        try:
            if resource.id and self._askable(resource) and self._get(resource):
                self._apply(resource, dry_run=True, force=True)
        except ApiError as error:
            return [one["field"] for one in error.causes if re.search(IMMUTABLE, one.get("message", ""))]
        return ()

    def replacement_paths(self, resource: Resource) -> Sequence[str]:
        """Name what replaces a Job that has not completed, where the program asks for it (replaceUnready).

        A Job that still runs is replaced, too (pulumi-kubernetes, provider/pkg/provider/provider.go, Diff).
        """
        if _annotation(resource, "replaceUnready") != "true" or not self._askable(resource):
            return ()
        job = self._get(resource)
        complete = condition(job, "Complete").get("status") == "True"
        return ("metadata",) if job and not complete else ()

    # The server

    def _path(self, resource: Resource) -> str | None:
        """Return the path of the object, by its ID if it has one; None if the server lacks the kind."""
        group, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        version = resource.known.get("apiVersion") or group.removeprefix("core/")
        namespace, _, name = resource.id.rpartition("/")
        name, kind = name or metadata_of(resource.inputs).get("name", ""), resource.known.get("kind") or kind
        return self._api.path(version, kind, namespace or namespace_of(resource), name)

    def _get(self, resource: Resource) -> Json | None:
        path = None if resource.type == RELEASE else self._path(resource)
        return self._api.get(path) if path else None

    def _askable(self, resource: Resource) -> bool:
        needed = {"inputs": resource.inputs, "kubeconfig": resource.config.get("kubeconfig")}
        there = resource.type != RELEASE and known(needed) == plain(needed)
        return there and self._path(resource) is not None

    def _refuse_taken(self, resource: Resource) -> None:
        if self._get(resource) and not resource.config.get("upsertExistingObjects"):
            kind, name = resource.known.get("kind"), metadata_of(resource.inputs).get("name")
            raise RefusedError(
                f'{kind} "{name}" already exists, and not by this stack; delete it, or import it'
            )

    def _put(self, resource: Resource) -> LiveResource:
        end = time.monotonic() + min(_seconds(resource), self._patience)
        while self._path(resource) is None and time.monotonic() < end:  # somebody may be about to define it
            resource.report(f"the server does not know the kind {_kind(resource, 'of')} yet")
            time.sleep(ready.POLL_SECONDS)
        try:
            found = self._apply(resource)
        except ApiError as error:
            raise _refused(resource, error) from None
        kept = fields.live(resource, found, resource.inputs, _manager(resource))
        try:
            return self._live(resource, self._wait(resource, found))
        except (ready.StuckError, ApiError, HTTPError) as error:
            # It is there: an engine that does not know it would create another one.
            raise NotReadyError(kept, f"{kept.id}: {error}") from None

    def _wait(self, resource: Resource, found: Json, gone: str = "", *, once: bool = False) -> Json:
        if _annotation(resource, "skipAwait") == "true":
            return found
        path = cast(str, self._path(resource))
        seconds, patience = 0 if once else _seconds(resource), self._patience
        if not once and not gone and _ends_by_itself(found):
            seconds = patience = math.inf
        return ready.wait(self._api, path, seconds, patience, resource.report, gone)

    def _apply(self, resource: Resource, *, dry_run: bool = False, force: bool = False) -> Json:
        _check_kubeconfig(resource)
        if (path := self._path(resource)) is None:
            raise RefusedError(f"no matches for kind {_kind(resource, 'in')}; create its definition before")
        body, manager = resource.known, _manager(resource)
        if resource.ignored and (found := self._api.get(path)):
            for ignored in resource.ignored:
                fields.leave(body, ignored, manager, found)
        always = str(resource.config.get("enablePatchForce") or False).lower()
        force = force or _annotation(resource, "patchForce", always) == "true"
        return self._api.apply(path, body, manager, force=force, dry_run=dry_run)

    def _live(self, resource: Resource, found: Json) -> LiveResource:
        """Return the live object; its inputs are spelled as in the program where they mean the same."""
        if not (given := resource.known):  # it is being imported
            return fields.live(resource, found, fields.without_managers(found), _manager(resource))
        try:
            meant = self._apply(replace(resource, id=fields.ident(found)), dry_run=True, force=True)
        except (ApiError, RefusedError):  # changed by somebody to what cannot be changed back in place
            meant = given
        return fields.live(resource, found, fields.spelt(given, meant, found), _manager(resource))


def _manager(resource: Resource) -> str:
    """Return the field manager: unique for each object of a stack, and the same in every run."""
    name = resource.id.rpartition("/")[2] or metadata_of(resource.inputs).get("name")
    own = (*resource.urn.split("::")[:2], resource.known.get("kind"), namespace_of(resource), name)
    return f"pulumi-kubernetes-{digits(' '.join(map(str, own)), 8)}"


def _kind(resource: Resource, word: str) -> str:
    return f"{resource.known.get('kind')} {word} {resource.known.get('apiVersion')}"


def _is_bare(resource: Resource) -> bool:
    """Return True if a resource sets only the name of its object."""
    given = resource.known.keys() | metadata_of(resource.inputs).keys()
    return given <= {"apiVersion", "kind", "metadata", "name", "namespace"}


def _annotation(resource: Resource, name: str, default: str = "") -> str:
    return str(dig(metadata_of(resource.inputs), "annotations", f"pulumi.com/{name}") or default)


def _ends_by_itself(found: Json) -> bool:
    """Return True if an object is a Job with a deadline; only the deadline ends the wait for it.

    The provider starts its timer anew with each event of the namespace's jobs and pods, and an informer
    repeats them every minute (pulumi-kubernetes, provider/pkg/await/job.go and informers/factory.go).
    """
    return found["kind"] == "Job" and bool(dig(found, "spec", "activeDeadlineSeconds"))


def _seconds(resource: Resource) -> float:
    return resource.timeout or float(_annotation(resource, "timeoutSeconds") or DEFAULT_SECONDS)


def _refused(resource: Resource, error: ApiError) -> RefusedError:
    taken = any(one.get("reason") == "FieldManagerConflict" for one in error.causes)
    remedy = '; the annotation pulumi.com/patchForce: "true" takes the fields over' if taken else ""
    return RefusedError(f"{resource.id or resource.name}: {error}{remedy}")


def _check_kubeconfig(resource: Resource) -> None:
    given = resource.config.get("kubeconfig")
    try:
        config: Any = yaml.safe_load(given) if isinstance(given, str) else given
        named = {(part, one["name"]): one[part] for part in PARTS for one in config[f"{part}s"]}
        context = named["context", config["current-context"]]
        sound = ("user", context["user"]) in named and named["cluster", context["cluster"]]["server"]
    except (KeyError, TypeError, yaml.YAMLError):
        sound = False
    if not sound:
        raise RefusedError(
            f"the provider's kubeconfig leads to no cluster: current-context, {', '.join(PARTS)}"
        )
