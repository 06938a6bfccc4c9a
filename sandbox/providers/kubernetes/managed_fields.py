"""Conversions between the objects of the program, of a request and of the API server."""

from typing import Any, cast

from sandbox.providers.kubernetes.package import HIDDEN, SECRET
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, Secret, mark_secrets


def ident(found: Json) -> str:
    """Return the ID of an object: namespace/name, or the name of a cluster-scoped one."""
    return "/".join(filter(None, (found["metadata"].get("namespace"), found["metadata"]["name"])))


def leave(body: Json, path: str, manager: str, found: Json) -> None:
    """Leave an ignored field out if others own it, else send what is there (handleSSAIgnoreFields)."""
    *parents, last = path.split(".")
    fields = [one.get("fieldsV1") for one in found["metadata"]["managedFields"] if one["manager"] != manager]
    for part in parents:
        body, found = body.get(part, {}), found.get(part, {})
        fields = [each[f"f:{part}"] for each in fields if each and f"f:{part}" in each]
    if last in body and any(f"f:{last}" in each for each in fields):
        del body[last]
    elif last in body and last in found:
        body[last] = found[last]


def live(resource: Resource, found: Json, inputs: Json, manager: str) -> LiveResource:
    """Return an object for the engine's state, as checkpointObject does, with a Secret's values marked."""
    kept = cast(Json, mark_secrets(without_managers(found), secrets(resource)))
    given = mark_secrets(mark_secrets(inputs, resource.inputs), secrets(resource))
    own = {"__inputs": given, "__initialApiVersion": found["apiVersion"], "__fieldManager": manager}
    return LiveResource(ident(found), inputs, kept | own)


def secrets(resource: Resource) -> Json:
    """Return the marks of values that are always secret, for `values.mark`."""
    return dict.fromkeys(HIDDEN, Secret(None)) if resource.type == SECRET else {}


def without_managers(found: Json) -> Json:
    """Return an object without its managedFields."""
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    return {**found, "metadata": metadata}


def spelt(given: Any, meant: Any, found: Any) -> Any:
    """Return `found` in the spelling of `given`; `meant` is `given` as the server stores it."""
    if meant == found:
        return given
    if all(isinstance(one, dict) for one in (given, meant, found)):
        there = [key for key in given if key in found or key not in meant]
        return {key: spelt(given[key], meant.get(key), found.get(key)) for key in there}
    if all(isinstance(one, list) for one in (given, meant, found)) and len(given) == len(meant) == len(found):
        return [spelt(*each) for each in zip(given, meant, found, strict=True)]
    return found
