"""Checks request bodies against the official clients' models: nothing unknown, nothing converted."""

import functools
import re
import types
import typing
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Annotated, Any, Literal, Union

import typing_extensions as extensions
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

TAGS = ("type", "action")
"""What tells the alternatives of a body apart; Cloudflare's client leaves one optional, its API does not."""

MISSING = re.compile(r"'(\w+)'")
"""The names in Python's "missing 2 required positional arguments: 'query' and 'type'"."""


def cloudflare(model: Any, value: Any) -> Iterator[str]:
    """What is wrong with a value, each fault with its place and never with a value.

    `model`: a type, or its place in the client, such as "dns.record_create_params.RecordCreateParams".
    """
    try:
        _adapter(model).validate_python(value)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            yield f"/{'/'.join(map(str, one['loc']))}: {one['msg']}"


@functools.cache
def _adapter(model: Any) -> "TypeAdapter[Any]":
    if isinstance(model, str):
        module, _, name = model.rpartition(".")
        model = getattr(import_module(f"cloudflare.types.{module}"), name)
    return TypeAdapter(_strict(model))


def _strict(hint: Any) -> Any:
    """The same type, in which no object takes a key that it does not name, and nothing is converted."""
    if fields := _fields(hint):
        members = {
            name: (extensions.Required if needed else extensions.NotRequired)[_strict(inner)]
            for name, (inner, needed) in fields.items()
        }
        made: Any = extensions.TypedDict(hint.__name__, members)  # pyright: ignore
        made.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
        return made
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        union = Union[tuple(map(_strict, inner))]  # noqa: UP007
        tag = next((tag for tag in TAGS if all(tag in _fields(one) for one in inner)), None)
        return Annotated[union, Field(discriminator=tag)] if tag else union
    if isinstance(origin, type) and issubclass(origin, Iterable) and len(inner) == 1:
        return list[_strict(inner[0])]
    return Any if hint is object else hint


@functools.cache
def _fields(hint: Any) -> dict[str, tuple[Any, bool]]:
    """The members of an object type by the API's names: their types, and whether each has to be there."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return {name: (field.annotation, field.is_required()) for name, field in hint.model_fields.items()}
    if not extensions.is_typeddict(hint):
        return {}
    found: dict[str, tuple[Any, bool]] = {}
    for name, bare in extensions.get_type_hints(hint, include_extras=True).items():
        while typing.get_origin(bare) in (extensions.Required, extensions.NotRequired, Annotated):
            notes = (getattr(note, "alias", None) for note in getattr(bare, "__metadata__", ()))
            name = next(filter(None, notes), name)
            bare = typing.get_args(bare)[0]
        tells = name in TAGS and typing.get_origin(bare) is Literal
        found[name] = (bare, tells or name in hint.__required_keys__)
    return found


def datadog(model: str, value: Any) -> Iterator[str]:
    """What is wrong with a value; `model`: a class's place in the client, as "v1.model.monitor.Monitor"."""
    from datadog_api_client.configuration import Configuration
    from datadog_api_client.exceptions import ApiTypeError, ApiValueError
    from datadog_api_client.model_utils import validate_and_convert_types

    module, _, name = model.rpartition(".")
    wanted = getattr(import_module(f"datadog_api_client.{module}"), name)
    try:
        found = validate_and_convert_types(value, (wanted,), [], True, True, Configuration())
    except (ApiTypeError, ApiValueError) as error:
        yield str(error)
    except TypeError as error:  # an argument of a model's __init__ is missing
        yield f"missing: {', '.join(MISSING.findall(str(error)))}"
    else:
        yield from _unparsed(found, "")


def _unparsed(value: Any, path: str) -> Iterator[str]:
    """What the client lets pass, to hand it on to an API that may know more: the sandbox does not."""
    from datadog_api_client.model_utils import ModelSimple, OpenApiModel, UnparsedObject

    if isinstance(value, list):
        for place, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            yield from _unparsed(item, f"{path}[{place}]")
    elif isinstance(value, UnparsedObject):
        yield f"{path}: fits none of the alternatives"
    elif isinstance(value, ModelSimple):
        if value._unparsed:  # pyright: ignore[reportPrivateUsage]
            yield f"{path}: is no value of it; allowed: {', '.join(sorted(map(str, value.allowed_values)))}"
    elif isinstance(value, OpenApiModel):
        known, more = value.openapi_types, type(value).additional_properties_type
        for name, item in value._data_store.items():  # pyright: ignore[reportPrivateUsage]
            place = f"{path}.{value.attribute_map.get(name, name)}".removeprefix(".")
            if name not in known and more is OpenApiModel.additional_properties_type:
                yield f"{place}: there is no such attribute; known: {', '.join(sorted(known))}"
            else:
                yield from _unparsed(item, place)
