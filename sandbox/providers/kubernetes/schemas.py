"""Strict checks of objects against the published schemas of Kubernetes 1.34."""

import functools
import json
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, cast

from sandbox.providers.resource_types import table
from sandbox.wire import json_schema
from sandbox.wire.values import UNKNOWN, Json, Secret, plain, show, show_path, value_at

FOLDER = "kubernetes-json-schema/v1.34.0-local-strict"

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
"""The name of the definition of a quantity, such as `512Mi`."""

CUSTOM = r"(?!.*\bk8s\.io/)[a-z0-9-]+(\.[a-z0-9-]+)+/v\d\w*"
"""The pattern of a custom resource's apiVersion, whose group is a domain other than k8s.io."""


def faults(manifest: Json) -> Iterator[str]:
    """Yield the faults for which the API server would refuse an object, each with its path."""
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    validator = _validator_of(manifest)
    if validator is not None:
        yield from json_schema.faults(validator, manifest)
        if "template" in _object_at(manifest, "spec"):
            yield from _selector_faults(manifest)
    elif not re.fullmatch(CUSTOM, str(version)):  # Only the server has the schemas of custom resources.
        yield f"kind: {show(kind)}, does not exist in Kubernetes 1.34 with apiVersion {show(version)}"


def _selector_faults(manifest: Json) -> Iterator[str]:
    """Yield a fault for each label of a pod template that does not match the selector."""
    selector = _object_at(plain(manifest), "spec", "selector", "matchLabels")
    labels = _object_at(plain(manifest), "spec", "template", "metadata", "labels")
    for key, value in selector.items():
        if value is not UNKNOWN and labels.get(key) not in (value, UNKNOWN):
            path = show_path(("spec", "template", "metadata", "labels", key))
            required = show(value_at(manifest, ("spec", "selector", "matchLabels", key)))
            yield f"{path}: does not match spec.selector, which requires {required}"


@functools.cache
def _folder() -> Any:
    return resources.files("kubernetes_validate").joinpath(FOLDER)


def with_quantities(manifest: Json, change: Callable[[Any], Any]) -> Json:
    """Return an object with `change` applied to its quantities; a custom resource unchanged."""
    validator = _validator_of(manifest)
    return manifest if validator is None else cast(Json, _with_quantities(manifest, validator.schema, change))


def _with_quantities(value: Any, rule: Json, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Secret):
        return Secret(_with_quantities(value.value, rule, change))
    if name := str(rule.get("$ref", "")).rpartition("/")[2]:
        rule = _definitions()["$defs"][name]
    if name == QUANTITY:
        return change(value)
    if isinstance(value, list):
        return [_with_quantities(item, rule.get("items", {}), change) for item in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    others = rule.get("additionalProperties")
    members = rule.get("properties", {})
    default = cast(Json, others) if isinstance(others, dict) else {}
    return {
        key: _with_quantities(item, members.get(key, default), change)
        for key, item in cast(Json, value).items()
    }


@functools.cache
def _definitions() -> Json:
    """Return the shared definitions of the schemas, with the further restrictions of resource_types.toml."""
    definitions = json.loads(_folder().joinpath("_definitions.json").read_text())
    types = cast(dict[str, Json], definitions["$defs"])
    strings, machinery = table("kubernetes")["strings"], "io.k8s.apimachinery.pkg"
    types[QUANTITY] = {"type": ["string", "number"], **strings["quantity"]}
    types[f"{machinery}.util.intstr.IntOrString"] = {"type": ["string", "integer"]}
    metadata = types[f"{machinery}.apis.meta.v1.ObjectMeta"]["properties"]
    metadata["name"].update(strings["name"])
    metadata["labels"]["additionalProperties"].update(strings["label"])
    for path, values in table("kubernetes")["values"].items():
        name, _, prop = path.rpartition(".")
        rule = types[f"io.k8s.api.{name}"]["properties"][prop]
        rule.get("items", rule)["enum"] = values
    return definitions


@functools.cache
def _registry() -> Any:
    from referencing import Registry, Resource

    return Resource.from_contents(_definitions()) @ cast(Any, Registry)()


def _validator_of(manifest: Json) -> Any:
    version, kind = manifest.get("apiVersion"), manifest.get("kind")
    return _validator(version, kind) if isinstance(version, str) and isinstance(kind, str) else None


@functools.cache
def _validator(api_version: str, kind: str) -> Any:
    """Return the validator for a kind; None if Kubernetes 1.34 has no such kind."""
    from jsonschema.validators import Draft202012Validator

    group, _, version = api_version.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], version)))
    file = _folder().joinpath(f"{name}.json")
    if not re.fullmatch(r"[\w-]+", name) or not file.is_file():
        return None
    schema = json.loads(file.read_text())
    versions = [
        (entry["group"], entry["version"]) for entry in schema.get("x-kubernetes-group-version-kind", ())
    ]
    return Draft202012Validator(schema, registry=_registry()) if (group, version) in versions else None


def _object_at(value: Any, *path: str) -> Json:
    """Return the object at a path; empty if there is no object at this path."""
    for part in path:
        value = cast(Json, value).get(part) if isinstance(value, dict) else None
    return cast(Json, value) if isinstance(value, dict) else {}
