"""The rules of the Kubernetes provider, and made-up answers of an API server."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from sandbox.providers.diff import Change
from sandbox.providers.kubernetes import schemas
from sandbox.providers.plan import Plan, now
from sandbox.providers.resource_types import Words, digits, resource_type, table
from sandbox.providers.target import Package, Resource, made_up_name
from sandbox.wire import json_schema
from sandbox.wire.templates import broken_rules
from sandbox.wire.values import Json, Secret, known, merge, plain

RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = "kubernetes:core/v1:Secret"
HIDDEN = ("data", "stringData")  # of a Secret

AUTONAMED = "pulumi.com/autonamed"  # the provider's own annotation of objects to which it gave a name


class Kubernetes(Package):
    """pulumi-kubernetes, with server-side apply."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Add the provider's namespace and a made-up name, and mark a Secret's values."""
        inputs, made = resource.inputs, made_up_name(resource, seed, 8)
        namespace = resource.config.get("namespace")
        if resource.type == RELEASE:
            return {"namespace": namespace or "default", "name": before.get("name") or made, **inputs}
        if resource.type == SECRET:
            values = {key: plain(inputs[key]) for key in HIDDEN if key in inputs}
            if "stringData" in values and known(inputs) == plain(inputs):  # as the server will have it
                texts = values.pop("stringData").items()
                coded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts}
                values["data"] = {**values.get("data", {}), **coded}
            rest = {key: value for key, value in inputs.items() if key not in HIDDEN}
            inputs = rest | {key: Secret(value) for key, value in values.items()}
        if not isinstance(inputs.get("metadata", {}), dict):
            return inputs
        metadata = cast(Json, inputs.get("metadata", {}))
        if "name" not in metadata and "generateName" not in metadata:
            old = metadata_of(before)
            kept = old.get("name") if AUTONAMED in old.get("annotations", {}) else None
            metadata = merge({"name": kept or made, "annotations": {AUTONAMED: "true"}}, metadata)
        if namespace and namespace_of(resource):
            metadata = {"namespace": namespace, **metadata}
        return {**inputs, "metadata": metadata}

    def faults(self, resource: Resource) -> Iterator[str]:
        if resource.type != RELEASE:
            yield from schemas.faults(resource.inputs)
            yield from (rule["say"] for rule in broken_rules(table("kubernetes")["rules"], resource.known))
            return
        yield from super().faults(resource)
        yield from json_schema.faults(json_schema.grammar("helm_release"), resource.inputs)

    def forces_replacement(self, resource: Resource, change: Change) -> bool:
        setting, fields = table("kubernetes")["mutable"].get(resource.type, ("", ()))
        mutable = resource.config.get(setting) and not resource.known.get("immutable")
        return (change.path[0] in fields and not mutable) or super().forces_replacement(resource, change)

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Return True if the replacement would have the same name."""
        own = metadata_of(resource.inputs)  # a Release has none
        renamed = any(change.path in (("metadata", "name"), ("metadata", "namespace")) for change in changes)
        return not renamed and "name" in own and AUTONAMED not in own.get("annotations", {})


class KubernetesPlan(Plan):
    """A made-up API server with its controllers."""

    def identify(self, words: Words, resource: Resource) -> str:
        name = words["name"] if resource.type == RELEASE else metadata_of(resource.inputs).get("name")
        namespace = namespace_of(resource)
        return f"{namespace}/{name}" if namespace else str(name)

    def computed(self, resource: Resource, before: Json) -> Json:
        given, words = resource.inputs, self.words(resource, f"{resource.urn} {resource.id}")
        if resource.type == RELEASE:
            status = {name: given.get(name) for name in ("name", "namespace", "chart", "version")}
            return {"status": {**status, "status": "deployed"}, "resourceNames": {}}
        old, namespace = metadata_of(before), namespace_of(resource)
        metadata = {
            "uid": old.get("uid") or words["uuid"],
            "creationTimestamp": old.get("creationTimestamp") or now(),
            "resourceVersion": str(int(old.get("resourceVersion", 0)) + 1),
            "generation": int(old.get("generation", 0)) + 1,
        }
        made = {"metadata": metadata | ({"namespace": namespace} if namespace else {})}
        return merge(
            made, merge(words.fill(resource_type(resource.type).outputs), _reported(resource, words))
        )


def _reported(resource: Resource, words: Words) -> Json:
    """Return the status that the controllers of a healthy cluster would report."""
    spec = cast(Json, resource.inputs.get("spec") or {})
    if "template" in spec and "replicas" in spec:
        count = spec["replicas"]
        return {"status": {"replicas": count, "readyReplicas": count, "availableReplicas": count}}
    if resource.type != "kubernetes:core/v1:Service" or spec.get("type") != "LoadBalancer":
        return {}
    # The load balancer's name as AWS makes it; its region is the cluster's.
    found = re.search(r"\.([a-z0-9-]+)\.eks\.amazonaws\.com", str(resource.config.get("kubeconfig")))
    name = re.sub(r"[^a-z0-9]", "", resource.id)[:16]
    host = f"k8s-{name}-{digits(resource.id, 10)}.elb.{found[1] if found else words['region']}.amazonaws.com"
    return {"status": {"loadBalancer": {"ingress": [{"hostname": host}]}}}


def namespace_of(resource: Resource) -> str:
    """Return the namespace of a resource; empty for a cluster-scoped one."""
    if resource.type.rpartition(":")[2] in table("kubernetes")["scopes"]["cluster"]:
        return ""
    own = resource.known if resource.type == RELEASE else metadata_of(resource.inputs)
    return str(own.get("namespace") or resource.config.get("namespace") or "default")


def metadata_of(inputs: Any) -> Json:
    """Return an object's metadata; empty if it is missing or unknown."""
    found = plain(inputs).get("metadata")
    return cast(Json, found) if isinstance(found, dict) else {}
