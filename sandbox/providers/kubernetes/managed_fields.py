"""Conversions between an object in the program, in a request and on the API server."""

from typing import Any, cast

from sandbox.providers.kubernetes.package import SECRET, SECRET_FIELDS
from sandbox.providers.target import LiveResource, Resource
from sandbox.wire.values import Json, Secret, mark_secrets


def object_id(api_object: Json) -> str:
    """Return the ID of an object: namespace/name, or only the name of a cluster-scoped object."""
    metadata = api_object["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def apply_ignored_path(body: Json, path: str, manager: str, live: Json) -> None:
    """Edit the body of a request so that the request leaves an ignored field unchanged.

    If another manager owns the field, it is removed from the body. Otherwise, it gets the live value
    (pulumi-kubernetes, handleSSAIgnoreFields).
    """
    *parents, last = path.split(".")
    owned_fields = [
        entry.get("fieldsV1") for entry in live["metadata"]["managedFields"] if entry["manager"] != manager
    ]
    for part in parents:
        body, live = body.get(part, {}), live.get(part, {})
        owned_fields = [fields[f"f:{part}"] for fields in owned_fields if fields and f"f:{part}" in fields]
    if last not in body:
        return
    if any(f"f:{last}" in fields for fields in owned_fields):
        del body[last]
    elif last in live:
        body[last] = live[last]


def to_live_resource(resource: Resource, api_object: Json, inputs: Json, manager: str) -> LiveResource:
    """Return an object in the form for the engine's state, in which a Secret's values are marked.

    The outputs include the properties that pulumi-kubernetes adds (checkpointObject).
    """
    outputs = cast(Json, mark_secrets(without_managers(api_object), secret_marks(resource)))
    marked_inputs = mark_secrets(mark_secrets(inputs, resource.inputs), secret_marks(resource))
    outputs |= {
        "__inputs": marked_inputs,
        "__initialApiVersion": api_object["apiVersion"],
        "__fieldManager": manager,
    }
    return LiveResource(object_id(api_object), inputs, outputs)


def secret_marks(resource: Resource) -> Json:
    """Return marks for the values that are always secret, as an argument of `values.mark_secrets`."""
    return dict.fromkeys(SECRET_FIELDS, Secret(None)) if resource.type == SECRET else {}


def without_managers(api_object: Json) -> Json:
    """Return an object without its managedFields."""
    metadata = {key: value for key, value in api_object["metadata"].items() if key != "managedFields"}
    return {**api_object, "metadata": metadata}


def respell(program: Any, stored: Any, live: Any) -> Any:
    """Return the live value, with the program's notation of each part that has not changed.

    `stored` is the program's value as the server stores it. Where `stored` equals the live value, the result
    has the program's value.
    """
    if stored == live:
        return program
    if all(isinstance(value, dict) for value in (program, stored, live)):
        keys = [key for key in program if key in live or key not in stored]
        return {key: respell(program[key], stored.get(key), live.get(key)) for key in keys}
    are_lists = all(isinstance(value, list) for value in (program, stored, live))
    if are_lists and len(program) == len(stored) == len(live):
        return [respell(*items) for items in zip(program, stored, live, strict=True)]
    return live
