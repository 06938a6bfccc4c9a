"""Answers read as AWS's clients in Go read them, on which the plugins are built: botocore forgives more.

As in smithy-go and the code that is made for aws-sdk-go-v2: a text that is no number, boolean or time is an
error there, a list's items have the name that the model gives them, and a value in JSON has the model's type.
"""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

WHOLE, BROKEN = ("integer", "long"), ("float", "double")
TRUE_OR_FALSE = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")

ERRORS = {"ec2": "./Errors/Error/Code", "s3": "./Code"}
"""Where the code of a refusal in XML is, by service."""


def faults(model: OperationModel, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """What a client in Go cannot read in an answer."""
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
        if (found := _child(root, f"{model.name}Result")) is None:
            return [f"{model.name}Result is not there"]
        root = found
    return list(_xml(shape, root, model.name))


def _code(model: OperationModel, headers: Mapping[str, str], body: bytes) -> str | None:
    if "json" in model.service_model.resolved_protocol:
        found = json.loads(body or b"{}")
        return headers.get("x-amzn-errortype") or found.get("code") or found.get("__type")
    for each in (root := ElementTree.fromstring(body or b"<none/>")).iter():
        each.tag = _local(each)
    return root.findtext(ERRORS.get(model.service_model.service_name, "./Error/Code"))


def _local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _child(node: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((each for each in node if _local(each).lower() == name.lower()), None)


def _xml(shape: Shape, node: ElementTree.Element, path: str) -> Iterator[str]:
    """The faults of an element; elements that the model does not know are skipped, as they are in Go."""
    if isinstance(shape, StructureShape):
        for name, inner in shape.members.items():
            if inner.serialization.get("location") or inner.serialization.get("xmlAttribute"):
                continue
            flat = bool(inner.serialization.get("flattened"))
            wanted = _name(inner, name, flat)
            for each in node:
                if _local(each).lower() == wanted.lower():
                    item = inner.member if flat and isinstance(inner, ListShape) else inner
                    yield from _xml(item, each, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        wanted = str(shape.member.serialization.get("name", "member"))
        for index, each in enumerate(node):
            if _local(each).lower() != wanted.lower():
                yield f"{path}[{index}] is called {_local(each)}, not {wanted}"
            yield from _xml(shape.member, each, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        return
    elif len(node):
        yield f"{path} holds {_local(node[0])}, and is a {shape.type_name}"
    else:
        yield from _text(shape, node.text or "", path)


def _name(inner: Shape, name: str, flat: bool) -> str:
    if flat and isinstance(inner, ListShape):
        return str(inner.member.serialization.get("name") or inner.serialization.get("name", name))
    return str(inner.serialization.get("name", name))


def _text(shape: Shape, text: str, path: str) -> Iterator[str]:
    kind = shape.type_name
    try:
        if kind in WHOLE:
            int(text)
        elif kind in BROKEN:
            float(text)
        elif kind == "timestamp":
            datetime.datetime.fromisoformat(text if "T" in text else "")
        elif kind == "boolean" and text not in TRUE_OR_FALSE:
            raise ValueError(text)
    except ValueError:
        yield f'{path} is "{text}", and no {kind}'


TYPES: Mapping[str, tuple[type, ...]] = {
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
    wanted = dict if isinstance(shape, StructureShape | MapShape) else list
    if isinstance(shape, StructureShape | MapShape | ListShape):
        if not isinstance(value, wanted):
            yield f"{path} is {value!r}, and no {shape.type_name}"
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
    textual = shape.type_name == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601"
    known = (str,) if textual else TYPES[shape.type_name]
    if not isinstance(value, known) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{path} is {value!r}, and no {shape.type_name}"
