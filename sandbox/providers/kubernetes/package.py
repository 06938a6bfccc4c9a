"""The rules of the Kubernetes provider, and simulated responses of an API server."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from sandbox.providers.diff import KINDS, Change, Kind
from sandbox.providers.kubernetes import quantities, schemas
from sandbox.providers.kubernetes.kubeconfig import active_cluster, active_user, default_namespace
from sandbox.providers.plan import Plan
from sandbox.providers.resource_types import TemplateVariables, resource_type, table
from sandbox.providers.target import DEFAULTS, Package, Resource, changed_settings, made_up_name
from sandbox.wire import json_schema, schema
from sandbox.wire.values import UNKNOWN, Json, Secret, known, merge, plain, show

RELEASE = "kubernetes:helm.sh/v3:Release"
JOB = "kubernetes:batch/v1:Job"
SERVICE = "kubernetes:core/v1:Service"
SECRET = "kubernetes:core/v1:Secret"
SECRET_FIELDS = ("data", "stringData")
"""The fields of a Secret that contain secret values."""

CLUSTER_SETTINGS = frozenset({"kubeconfig", "context", "cluster"})
"""The provider's settings that select a cluster and the user of it."""

IDENTIFIER = "clusterIdentifier"
"""The setting that identifies a cluster: while it stays the same, no other setting replaces the provider."""

RENDERED = "renderYamlToDirectory"
"""The setting for a folder into which the provider writes manifests; the cluster then gets no objects."""

PATCH = "Patch"
"""The end of a type that sets fields of an object, which another resource or somebody else has created."""

IDENTITY = ("apiVersion", "kind", "metadata")
"""The fields of an object that tell which object it is."""

STATUS = "status"
"""The field of an object that the controllers write."""

DEFAULT_NAMESPACE = "default"
"""The namespace of an object and of a release if nothing names another one."""

AUTONAMED = "pulumi.com/autonamed"
"""The annotation with which the provider marks objects whose name it generated."""


class Kubernetes(Package):
    """The Kubernetes package: checks, defaults and replacements of pulumi-kubernetes (server-side apply)."""

    def complete(self, resource: Resource, before: Json, seed: bytes) -> Json:
        """Add the provider's namespace and a generated name if missing, and mark a Secret's values.

        An existing release keeps its name without the program's (pulumi-kubernetes, adoptOldNameIfUnnamed in
        provider/pkg/provider/helm_release.go). `__defaults` records this, as for the other providers.
        """
        inputs, new_name = resource.inputs, made_up_name(resource, seed, 8)
        namespace = default_namespace(resource.config)
        if resource.type == RELEASE:
            named = {"namespace": namespace or DEFAULT_NAMESPACE, **inputs}
            if "name" in inputs:
                return named
            return {**named, "name": before.get("name") or new_name, DEFAULTS: ["name"]}
        if resource.type == SECRET:
            inputs = _with_marked_values(inputs)
        if not isinstance(inputs.get("metadata", {}), dict):
            return inputs
        metadata = cast(Json, inputs.get("metadata", {}))
        if "name" not in metadata and "generateName" not in metadata:
            old = metadata_of(before)
            old_name = old.get("name") if is_autonamed(old) else None
            metadata = merge({"name": old_name or new_name, "annotations": {}}, metadata)
            if isinstance(metadata["annotations"], dict):
                metadata = merge(metadata, {"annotations": {AUTONAMED: "true"}})
        if namespace and namespace_of(resource):
            metadata = {"namespace": namespace, **metadata}
        return {**inputs, "metadata": metadata}

    def faults(self, resource: Resource) -> Iterator[str]:
        if resource.type != RELEASE:
            yield from _type_faults(resource)
            yield from schemas.faults(resource.inputs)
            # Any other name may be a field of a custom resource, which the provider sends as it is.
            if DEFAULTS in resource.inputs:
                yield f"{DEFAULTS}: only providers of other packages set it; remove it"
            yield from _annotation_faults(resource)
            return
        yield from super().faults(resource)
        yield from json_schema.faults(json_schema.file_validator("helm_release"), resource.inputs)

    def faults_after(self, resource: Resource, before: Json) -> Iterator[str]:
        """Yield the faults of the inputs, also for an annotation AUTONAMED that the provider has not set.

        The real provider takes the program's (provider/pkg/provider/provider.go: Check, in version 4). Then
        it creates a replacement first, although the old object has the same name. The creation only changes
        that object (provider/pkg/await/await.go: Creation: "we currently always upsert the object"), and the
        deletion of the old one deletes it. An annotation that is in the state comes from `ignore_changes`.
        """
        yield from super().faults_after(resource, before)
        if resource.type == SECRET:
            for key in _hidden_keys(resource.inputs, before):
                yield f"data.{key}: stringData has this key, too, whose value the server takes; remove one"
        new_mark, old_mark = (_annotation(inputs, AUTONAMED) for inputs in (resource.inputs, before))
        if new_mark is not None and new_mark != old_mark:
            yield f"metadata.annotations: only the provider sets {AUTONAMED}; remove it"

    def replacing_paths(self, resource: Resource) -> Iterator[tuple[str, Sequence[Kind]]]:
        yield from super().replacing_paths(resource)
        setting, fields = table("kubernetes")["mutable"].get(resource.type, ("", ()))
        if resource.config.get(setting) is not True or resource.known.get("immutable"):
            for field in fields:
                yield field, KINDS

    def may_replace(self, resource: Resource, change: Change) -> bool:
        """Return False: the table has the provider's whole list of properties that replace an object."""
        return False

    def replaced_settings(self, before: Json, after: Json) -> Sequence[str]:
        """Return the changed settings that lead to another cluster, or to files.

        The rules are those of DiffConfig in pulumi-kubernetes (provider/pkg/provider/provider.go), with one
        exception: a cluster that a kubeconfig does not show counts as another one. The plugin also reads a
        kubeconfig from a file, whose content the review does not know.
        """
        changed = changed_settings(before, after)
        if IDENTIFIER in after and IDENTIFIER not in changed:
            return ()
        replaced = changed & {RENDERED}
        if IDENTIFIER in changed and IDENTIFIER in before and IDENTIFIER in after:
            replaced.add(IDENTIFIER)
        if not _is_same_cluster(before, after):
            replaced |= changed & CLUSTER_SETTINGS
        return sorted(replaced)

    def unexplained_settings(self, before: Json, after: Json) -> Sequence[str]:
        """Return them without those that select the same cluster and user, perhaps in another namespace.

        The entry of a user has credentials, or the command that the plugin runs to get some. A user that a
        kubeconfig does not show counts as another one.
        """
        unexplained = super().unexplained_settings(before, after)
        user = active_user(before)
        is_same = _is_same_cluster(before, after) and bool(user) and user == active_user(after)
        return [name for name in unexplained if not (is_same and name in CLUSTER_SETTINGS)]

    def delete_first(self, resource: Resource, changes: Sequence[Change]) -> bool:
        """Return True if the replacement would have the name of the old object.

        A Release has no metadata, so its replacement is created before the old one is deleted.
        """
        if any(change.path in (("metadata", "name"), ("metadata", "namespace")) for change in changes):
            return False
        metadata = metadata_of(resource.inputs)
        return "name" in metadata and not is_autonamed(metadata)


def _annotation(inputs: Json, name: str) -> Any:
    """Return the value of an object's annotation, or None if it is missing or all of them are unknown."""
    annotations = metadata_of(inputs).get("annotations")
    return cast(Json, annotations).get(name) if isinstance(annotations, dict) else None


def is_autonamed(metadata: Json) -> bool:
    """Return True if the provider has generated the name.

    (pulumi-kubernetes, provider/pkg/metadata/naming.go: IsAutonamed)
    """
    annotations = metadata.get("annotations")
    return isinstance(annotations, dict) and cast(Json, annotations).get(AUTONAMED) == "true"


def _is_same_cluster(before: Json, after: Json) -> bool:
    """Return True if the settings of a provider show the same cluster before and after a change."""
    old, new = active_cluster(before), active_cluster(after)
    return bool(old) and old == new


def _type_faults(resource: Resource) -> Iterator[str]:
    """Yield a fault if the object is not of the resource's type, by which policies judge it.

    pulumi-kubernetes creates the object that `apiVersion` and `kind` name, whatever the type is. It patches
    an object if the type is its kind with the ending PATCH (pkg/kinds/util.go: IsPatchResource).
    """
    version, kind = (resource.inputs.get(name) for name in ("apiVersion", "kind"))
    if not isinstance(version, str) or not isinstance(kind, str):
        return
    expected = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    if resource.type not in (expected, f"{expected}{PATCH}"):
        yield f"kind: {show(kind)}, makes the object one of the type {expected}, and not {resource.type}"


def _annotation_faults(resource: Resource) -> Iterator[str]:
    """Yield a fault if the object has annotations of the provider that have no effect here."""
    annotations: Any = metadata_of(resource.known).get("annotations")
    if not isinstance(annotations, dict):
        return
    handled = table("kubernetes")["annotations"]["handled"]
    names = [name for name in cast(Json, annotations) if name.startswith("pulumi.com/")]
    if unhandled := [name for name in names if name not in handled]:
        yield f"metadata.annotations: the sandbox does not support {', '.join(unhandled)}"


def _hidden_keys(inputs: Json, before: Json) -> list[str]:
    """Return the keys in the `data` of a Secret whose values those of `stringData` hide.

    The engine may have copied a value from the state, which has all values in `data`, for `ignore_changes`.
    """
    data, texts, kept = (
        cast(Json, value) if isinstance(value, dict) else {}
        for value in (plain(inputs.get("data")), plain(inputs.get("stringData")), plain(before.get("data")))
    )
    return sorted(key for key in data.keys() & texts.keys() if data[key] != kept.get(key))


def _with_marked_values(inputs: Json) -> Json:
    """Return the inputs of a Secret with marked values.

    If all values are known, `stringData` is encoded and merged into `data`, as the server does.
    """
    values = {key: plain(inputs[key]) for key in SECRET_FIELDS if key in inputs}
    if "stringData" in values and known(inputs) == plain(inputs):
        texts = values.pop("stringData").items()
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts}
        values["data"] = {**values.get("data", {}), **encoded}
    rest = {key: value for key, value in inputs.items() if key not in SECRET_FIELDS}
    return rest | {key: Secret(value) for key, value in values.items()}


class KubernetesPlan(Plan):
    """Simulated responses of the Kubernetes API server, with the changes of its controllers."""

    def identify(self, variables: TemplateVariables, resource: Resource) -> str:
        name = variables["name"] if resource.type == RELEASE else metadata_of(resource.inputs).get("name")
        namespace = namespace_of(resource)
        return f"{namespace}/{name}" if namespace else str(name)

    def stored(self, resource: Resource) -> Json:
        if resource.type == RELEASE:
            return resource.inputs
        return schemas.with_quantities(resource.inputs, quantities.canonical)

    def choose_names(self, resource: Resource, before: Json, seed: str) -> Json:
        """Return the name of an object for which the program sets only a beginning (`generateName`).

        The API server appends 5 characters (kubernetes, staging/src/k8s.io/apiserver/pkg/storage/names/
        generate.go). Here, there are more, since a program could declare objects until two names are equal.
        """
        if resource.type == RELEASE or "name" in metadata_of(resource.inputs):
            return {}
        prefix = metadata_of(resource.known).get("generateName") or ""
        new_name = f"{prefix}{self.variables(resource, seed)['hex12_name']}"
        return {"metadata": {"name": metadata_of(before).get("name") or new_name}}

    def computed(self, resource: Resource, before: Json) -> Json:
        inputs = resource.inputs
        if resource.type == RELEASE:
            names = {name: inputs.get(name) for name in ("name", "namespace")}
            if self._recognizable:
                return merge(super().computed(resource, before), {"status": names})
            status = {**names, "chart": inputs.get("chart"), "version": inputs.get("version")}
            return {"status": {**status, "status": "deployed"}, "resourceNames": {}}
        old, namespace = metadata_of(before), namespace_of(resource)
        seed = f"{resource.seed or resource.urn} {resource.id}"
        uid = old.get("uid") or self.variables(resource, seed)["uuid"]
        variables = self.variables(resource, uid)  # A renamed object keeps its values together with its uid.
        metadata = {
            "uid": uid,
            "creationTimestamp": old.get("creationTimestamp") or self.time(variables, "creationTimestamp"),
            # The versions are those of the whole cluster, so two objects have different ones.
            "resourceVersion": str(int(old.get("resourceVersion") or variables["dec12"]) + 1),
            "generation": int(old["generation"]) + 1 if "generation" in old else self._generation(resource),
        }
        if namespace:
            metadata["namespace"] = namespace
        outputs = merge(variables.fill(resource_type(resource.type).outputs), _status(resource, variables))
        outputs = merge(_job_labels(resource, uid), outputs)
        unset = self._unset(resource, outputs, variables) if self._recognizable else _counts(resource)
        return merge(unset, merge({"metadata": metadata}, outputs))

    def _unset(self, resource: Resource, outputs: Json, variables: TemplateVariables) -> Json:
        """Return unknown values for the fields that the program leaves out, since the API may set them.

        The server has defaults (kubernetes, pkg/apis/core/v1/defaults.go), and the controllers write the
        status, of which texts and numbers are recognizable. The metadata are complete, apart from what the
        server records about itself, and from the labels of a Job without any, which are those of its pods
        (SetDefaults_Job in pkg/apis/batch/v1/defaults.go). A custom resource has no class with its fields.
        """
        try:
            properties = schema.properties(schema.resource_class(resource.type))
        except schema.UnknownTypeError:
            return {}
        declared = resource.known
        fields = {
            name: _unset_fields(prop.hint, declared[name]) if name in declared else UNKNOWN
            for name, prop in properties.items()
            if name not in (*IDENTITY, STATUS)
        }
        if resource.type == JOB and "labels" not in metadata_of(declared):
            fields["metadata"] = {"labels": UNKNOWN}
        if STATUS in properties:
            fields[STATUS] = UNKNOWN
            if STATUS in outputs:
                status = schema.properties(next(iter(schema.value_hints(properties[STATUS].hint))))
                fields[STATUS] = {
                    name: self._plausible((STATUS, name), member.hint, variables, resource)
                    for name, member in status.items()
                    if schema.nouns(member.hint) in ("a string", "a whole number", "a number")
                }
        return {name: value for name, value in fields.items() if value is not None}

    def _generation(self, resource: Resource) -> int:
        """Return the generation of an object when the state gets it: in a cluster, each change adds one."""
        if not self._recognizable:
            return 1
        return int(self._invent("a whole number", ("metadata", "generation"), resource.seed or resource.urn))

    def invent_all(self, resource: Resource) -> Json:
        """Return a recognizable value for each property of an object that is only read, except for its name.

        The program names the object by its ID.
        """
        values = super().invent_all(resource)
        if resource.type == RELEASE:
            return values
        namespace, _, name = resource.id.rpartition("/")
        return merge(values, {"metadata": {"name": name} | ({"namespace": namespace} if namespace else {})})


def _unset_fields(hint: Any, value: Any) -> Any:
    """Return an unknown value for each field that an object, or one in a list, may have and lacks."""
    option = next(iter(schema.value_hints(hint)), Any)
    inner = get_args(option)
    if isinstance(value, list) and inner:
        return [_unset_fields(inner[0], item) for item in cast(list[Any], value)]
    if not isinstance(value, dict) or not schema.is_object(option):
        return None
    declared = cast(Json, value)
    fields = {
        name: _unset_fields(member.hint, declared[name]) if name in declared else UNKNOWN
        for name, member in schema.properties(option).items()
    }
    return {name: field for name, field in fields.items() if field is not None}


def _job_labels(resource: Resource, uid: str) -> Json:
    """Return the labels that the server gives the pods of a Job.

    Source: kubernetes, pkg/registry/batch/job/strategy.go: generateSelector.
    """
    spec: Any = resource.known.get("spec")
    if resource.type != JOB or not isinstance(spec, dict) or cast(Json, spec).get("manualSelector"):
        return {}
    facts = {"controller-uid": uid, "job-name": metadata_of(resource.known).get("name")}
    labels = facts | {f"batch.kubernetes.io/{name}": fact for name, fact in facts.items()}
    return {"spec": {"template": {"metadata": {"labels": labels}}}}


def _counts(resource: Resource) -> Json:
    """Return the number of pods that a workload has, unless something scales it."""
    spec = cast(Json, resource.inputs.get("spec") or {})
    if "template" not in spec or "replicas" not in spec:
        return {}
    return {"status": dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), spec["replicas"])}


def _status(resource: Resource, variables: TemplateVariables) -> Json:
    """Return the status that the controllers of a healthy cluster would report."""
    spec = cast(Json, resource.inputs.get("spec") or {})
    if resource.type != SERVICE or spec.get("type") != "LoadBalancer":
        return {}
    # The name has the form of an AWS load balancer's name, with the region of the cluster.
    endpoint = re.search(r"\.([a-z0-9-]+)\.eks\.amazonaws\.com", str(resource.config.get("kubeconfig")))
    region = endpoint[1] if endpoint else variables["region"]
    name = re.sub(r"[^a-z0-9]", "", resource.id)[:16]
    host = f"k8s-{name}-{variables['hex10']}.elb.{region}.amazonaws.com"
    return {"status": {"loadBalancer": {"ingress": [{"hostname": host}]}}}


def namespace_of(resource: Resource) -> str:
    """Return the namespace of a resource; empty for a cluster-scoped resource and for a patch of one."""
    kind = resource.type.rpartition(":")[2].removesuffix(PATCH)
    if kind in table("kubernetes")["scopes"]["cluster"]:
        return ""
    fields = resource.known if resource.type == RELEASE else metadata_of(resource.inputs)
    return str(fields.get("namespace") or default_namespace(resource.config) or DEFAULT_NAMESPACE)


def metadata_of(inputs: Any) -> Json:
    """Return an object's metadata; empty if it is missing or unknown."""
    metadata = plain(inputs).get("metadata")
    return cast(Json, metadata) if isinstance(metadata, dict) else {}
