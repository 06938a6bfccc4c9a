"""A request to AWS as its service model wants it: named, shaped, and checked before it is sent or kept."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import regex
from botocore.exceptions import BotoCoreError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sandbox.providers.aws_functions import search
from sandbox.providers.target import Refused
from sandbox.providers.values import Json

PLACE = re.compile(r"<([^<>]+)>")
"""JMESPath in a template."""

TAG_MEMBERS = ({"key", "value"}, {"tagkey", "tagvalue"})
"""Members of a structure that is a tag, in lower case."""


def member(shape: StructureShape, name: str) -> str | None:
    """The member that a name means; services and the SDK differ in upper and lower case."""
    return next((one for one in shape.members if one.lower() == name.lower()), None)


def shaped(shape: Shape, value: Any) -> Any:
    """A value in the SDK's spelling as a shape has it; lists of one and maps of tags are made to fit."""
    if isinstance(shape, StructureShape):
        given = cast(Json, value[0] if isinstance(value, list) and value else value)
        made: Json = {}
        for name, item in given.items():
            if item is None:  # a multi-select hash has a key for what has no value
                continue
            known = member(shape, name)
            if known is None:
                raise Refused(f"{name} is no member of {shape.name}; allowed: {', '.join(shape.members)}")
            made[known] = shaped(shape.members[known], item)
        return made
    if isinstance(shape, ListShape):
        return [shaped(shape.member, item) for item in _items(shape.member, value)]
    if isinstance(shape, MapShape):
        return {key: shaped(shape.value, item) for key, item in cast(Json, value).items()}
    if shape.type_name == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _items(inner: Shape, value: Any) -> list[Any]:
    members = sorted(inner.members) if isinstance(inner, StructureShape) else []
    if isinstance(value, dict) and {name.lower() for name in members} in TAG_MEMBERS:
        # The key's name comes before the value's.
        return [dict(zip(members, pair, strict=True)) for pair in cast(Json, value).items()]
    if members and isinstance(value, list):
        items = cast(list[Any], value)  # keys of tags that go
        return [{members[0]: item} if isinstance(item, str) else item for item in items]
    return cast(list[Any], value) if isinstance(value, list) else [value]


def faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """What a service would refuse by its model: values, patterns, lengths, ranges, sizes; each with its path.

    Presence and types are botocore's own to check. A long value, or one of a sensitive shape, is not shown.
    """
    if isinstance(shape, StructureShape):
        for name, item in cast(Mapping[str, Any], value).items():
            if name in shape.members:
                yield from faults(shape.members[name], item, f"{path}.{name}".removeprefix("."))
        return
    fault = _fault(shape, value)
    if fault:
        shown = "a secret" if shape.metadata.get("sensitive") else f'"{value}"'
        shown = shown if len(shown) <= 120 else "a long value"  # a client knows a secret only as a whole
        yield f"{path}: {shown}; {fault}"
    if isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from faults(shape.member, item, f"{path}[{index}]")
    if isinstance(shape, MapShape):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from faults(shape.key, key, f'{path}["{key}"]')
            yield from faults(shape.value, item, f'{path}["{key}"]')


def _fault(shape: Shape, value: Any) -> str:
    known = cast(Mapping[str, Any], shape.metadata)
    low, high = known.get("min"), known.get("max")
    sized = isinstance(value, str | list | dict)
    size = len(cast(Any, value)) if sized else value
    if isinstance(size, int | float) and not isinstance(value, bool):
        unit = "items" if isinstance(value, list | dict) else "characters" if sized else ""
        if (low is not None and size < low) or (high is not None and size > high):
            bounds = f"at least {low}" if high is None else f"{low or 0} to {high}"
            return f"{bounds} {unit}".rstrip() + (
                f" are allowed, these are {size}" if sized else " is allowed"
            )
    if isinstance(value, str) and known.get("enum") and value not in known["enum"]:
        return f"allowed: {', '.join(known['enum'])}"
    pattern = compiled(known["pattern"]) if isinstance(value, str) and known.get("pattern") else None
    if pattern is not None and not pattern.fullmatch(value):
        return f"it has to match {known['pattern']}"
    return ""


@functools.cache
def compiled(pattern: str) -> Any:
    """A pattern of a service model, written for Java; None where it is of no use to anything else."""
    try:
        return regex.compile(pattern, regex.DOTALL)
    except regex.error:
        return None


def fill(template: Any, words: Json) -> Any:
    """A template with words; None where it has no value. An object in a list has one if its first key has."""
    if isinstance(template, str):
        found = PLACE.fullmatch(template)
        return search(found[1], words) if found else text(template, words)
    if isinstance(template, dict):
        made = {key: fill(item, words) for key, item in cast(Json, template).items()}
        return {key: item for key, item in made.items() if item is not None} or None if made else {}
    if isinstance(template, list):
        items = [fill(item, words) for item in cast(list[Any], template) if _has_first(item, words)]
        return [item for item in items if item is not None] or None
    return template


def _has_first(item: Any, words: Json) -> bool:
    return not isinstance(item, dict) or fill(next(iter(cast(Json, item).values())), words) is not None


def text(template: str, words: Json) -> str:
    """A string with words in it, lists joined by commas."""

    def shown(found: re.Match[str]) -> str:
        value = search(found[1], words)
        items = cast(list[Any], value) if isinstance(value, list) else [] if value is None else [value]
        return ", ".join(map(str, items))

    return PLACE.sub(shown, template)


def operation(client: Any, name: str) -> OperationModel:
    """An operation of a client by its own name, CreateVpc."""
    return client.meta.service_model.operation_model(name)


def send(client: Any, name: str, sent: Json) -> Json:
    """Shape, check and send a request; its answer."""
    shape = operation(client, name).input_shape
    params: Json = shaped(shape, sent) if shape else {}
    call = getattr(client, {value: key for key, value in client.meta.method_to_api_mapping.items()}[name])
    try:
        return call(**params)
    except BotoCoreError as error:  # a wrong request, or no answer; what is refused is another exception
        raise Refused(f"{name}: {error}") from error
