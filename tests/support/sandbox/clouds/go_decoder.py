"""Checks of responses that are as strict as AWS's clients in Go, which the plugins use.

botocore is more lenient. The checks follow smithy-go and the generated code of aws-sdk-go-v2:

- The text of a number, a boolean or a time must have the right format.
- The items of a list must have the name that the model gives them.
- A JSON value must have the type in the model.
"""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

INTEGER_TYPES, FLOAT_TYPES = ("integer", "long"), ("float", "double")
BOOLEAN_TEXTS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")

ERRORS = {"ec2": "./Errors/Error/Code", "s3": "./Code"}
"""The path of the error code in the XML of these services; for others, it is `./Error/Code`."""


def faults(model: OperationModel, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Return the faults because of which a Go client would reject a response."""
    protocol = model.service_model.resolved_protocol
    if status >= 300:
        return [] if _code(model, headers, body) or model.http["method"] == "HEAD" else ["no error code"]
    shape = model.output_shape
    if shape is None or not body or model.has_streaming_output:
        return []
    payload = shape.serialization.get("payload")
    shape = shape.members[payload] if payload else shape
    if not isinstance(shape, StructureShape):
        return []
    if "json" in protocol:
        return list(_json(shape, json.loads(body), model.name))
    root = ElementTree.fromstring(body)
    if protocol == "query" and shape.members:
        result = _child(root, f"{model.name}Result")
        if result is None:
            return [f"{model.name}Result is missing"]
        root = result
    return list(_xml(shape, root, model.name))


def _code(model: OperationModel, headers: Mapping[str, str], body: bytes) -> str | None:
    if "json" in model.service_model.resolved_protocol:
        content = json.loads(body or b"{}")
        return headers.get("x-amzn-errortype") or content.get("code") or content.get("__type")
    root = ElementTree.fromstring(body or b"<none/>")
    for node in root.iter():
        node.tag = _local(node)
    return root.findtext(ERRORS.get(model.service_model.service_name, "./Error/Code"))


def _local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _child(node: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((child for child in node if _local(child).lower() == name.lower()), None)


def _xml(shape: Shape, node: ElementTree.Element, path: str) -> Iterator[str]:
    """Yield the faults of an element. Elements that are not in the model are skipped, as in Go."""
    if isinstance(shape, StructureShape):
        for name, inner in shape.members.items():
            if inner.serialization.get("location") or inner.serialization.get("xmlAttribute"):
                continue
            flat = bool(inner.serialization.get("flattened"))
            expected = _name(inner, name, flat)
            item = inner.member if flat and isinstance(inner, ListShape) else inner
            for child in node:
                if _local(child).lower() == expected.lower():
                    yield from _xml(item, child, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        expected = str(shape.member.serialization.get("name", "member"))
        for index, child in enumerate(node):
            if _local(child).lower() != expected.lower():
                yield f"{path}[{index}] is called {_local(child)}, expected {expected}"
            yield from _xml(shape.member, child, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        return
    elif len(node):
        yield f"{path} contains {_local(node[0])}, expected {shape.type_name}"
    else:
        yield from _text(shape, node.text or "", path)


def _name(inner: Shape, name: str, flat: bool) -> str:
    if flat and isinstance(inner, ListShape):
        return str(inner.member.serialization.get("name") or inner.serialization.get("name", name))
    return str(inner.serialization.get("name", name))


def _text(shape: Shape, text: str, path: str) -> Iterator[str]:
    kind = shape.type_name
    try:
        if kind in INTEGER_TYPES:
            int(text)
        elif kind in FLOAT_TYPES:
            float(text)
        elif kind == "timestamp":
            datetime.datetime.fromisoformat(text if "T" in text else "")
        elif kind == "boolean" and text not in BOOLEAN_TEXTS:
            raise ValueError(text)
    except ValueError:
        yield f'{path} is "{text}", expected {kind}'


JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}


def _json(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(shape, StructureShape | MapShape | ListShape):
        container = list if isinstance(shape, ListShape) else dict
        if not isinstance(value, container):
            yield f"{path} is {value!r}, expected {shape.type_name}"
        elif isinstance(shape, StructureShape):
            for name, inner in shape.members.items():
                key = str(inner.serialization.get("name", name))
                if not inner.serialization.get("location"):
                    yield from _json(inner, cast(Mapping[str, Any], value).get(key), f"{path}.{name}")
        elif isinstance(shape, MapShape):
            for name, item in cast(Mapping[str, Any], value).items():
                yield from _json(shape.value, item, f"{path}.{name}")
        else:
            for index, item in enumerate(cast(list[Any], value)):
                yield from _json(shape.member, item, f"{path}[{index}]")
        return
    is_iso_time = shape.type_name == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601"
    types = (str,) if is_iso_time else JSON_TYPES[shape.type_name]
    # bool is a subclass of int in Python.
    if not isinstance(value, types) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{path} is {value!r}, expected {shape.type_name}"
