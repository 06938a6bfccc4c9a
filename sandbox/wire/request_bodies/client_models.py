"""Checks of request bodies against the official clients' models, made strict."""

import functools
import re
import types
import typing
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Annotated, Any, Literal, Union, cast

import typing_extensions as extensions
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

DISCRIMINATORS = ("type", "action")
"""Members that select the variant of a body. The API requires them, even if the client's model does not."""

ARGUMENT = re.compile(r"'(\w+)'")
"""A name in Python's message "missing 2 required positional arguments: 'query' and 'type'"."""


def setting_type(setting: str) -> Any:
    """Return the type of a zone setting's value in Cloudflare's client; None for an unknown setting."""
    from cloudflare.types.zones.setting_edit_response import SettingEditResponse

    for model in typing.get_args(SettingEditResponse):
        fields = model.model_fields
        if {"id", "value"} <= fields.keys() and setting in _literals(fields["id"].annotation):
            return fields["value"].annotation
    return None


def _literals(hint: Any) -> set[str]:
    """Return the values of a Literal, or of a union that contains a Literal."""
    return {value for part in (hint, *typing.get_args(hint)) for value in typing.get_args(part)}


def cloudflare_faults(model: Any, value: Any, path: str = "") -> Iterator[str]:
    """Yield the faults of a value; `model` is a type, or the dotted path of one below cloudflare.types."""
    try:
        _adapter(model).validate_python(value)
    except ValidationError as exception:
        for error in exception.errors(include_input=False, include_url=False):
            location = "/".join((path, *map(str, error["loc"]))) or "/"
            yield f"{location}: {error['msg']}"


@functools.cache
def _adapter(model: Any) -> "TypeAdapter[Any]":
    if isinstance(model, str):
        module, _, name = model.rpartition(".")
        model = getattr(import_module(f"cloudflare.types.{module}"), name)
    return TypeAdapter(_strict(model))


def _strict(hint: Any) -> Any:
    """Return a strict version of a type, which allows no unknown keys and converts no values."""
    if fields := _fields(hint):
        members = {
            name: (extensions.Required if is_required else extensions.NotRequired)[_strict(inner)]
            for name, (inner, is_required) in fields.items()
        }
        strict_type: Any = extensions.TypedDict(hint.__name__, members)  # pyright: ignore
        strict_type.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
        return strict_type
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        union = Union[tuple(map(_strict, arguments))]  # noqa: UP007
        for tag in DISCRIMINATORS:
            if all(tag in _fields(argument) for argument in arguments):
                return Annotated[union, Field(discriminator=tag)]
        return union
    if isinstance(origin, type) and issubclass(origin, Iterable) and len(arguments) == 1:
        return cast(Any, list)[_strict(arguments[0])]
    return Any if hint is object else hint


@functools.cache
def _fields(hint: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each member of an object type, and whether it is required, by the API's name.

    The result is empty if `hint` is not an object type.
    """
    if isinstance(hint, type) and issubclass(cast("type[Any]", hint), BaseModel):
        fields = cast("type[BaseModel]", hint).model_fields.items()
        return {name: (field.annotation, field.is_required()) for name, field in fields}
    if not extensions.is_typeddict(hint):
        return {}
    required = cast("frozenset[str]", vars(cast(object, hint))["__required_keys__"])
    members: dict[str, tuple[Any, bool]] = {}
    for name, member_hint in extensions.get_type_hints(hint, include_extras=True).items():
        while typing.get_origin(member_hint) in (extensions.Required, extensions.NotRequired, Annotated):
            aliases = (getattr(note, "alias", None) for note in getattr(member_hint, "__metadata__", ()))
            name = next(filter(None, aliases), name)
            member_hint = typing.get_args(member_hint)[0]
        is_discriminator = name in DISCRIMINATORS and typing.get_origin(member_hint) is Literal
        members[name] = (member_hint, is_discriminator or name in required)
    return members


def datadog_faults(model: str, value: Any) -> Iterator[str]:
    """Yield the faults of a value; `model` is the dotted path of a class in Datadog's client."""
    from datadog_api_client import model_utils
    from datadog_api_client.configuration import Configuration
    from datadog_api_client.exceptions import ApiTypeError, ApiValueError

    module, _, name = model.rpartition(".")
    model_class: Any = getattr(import_module(f"datadog_api_client.{module}"), name)
    validate = vars(model_utils)["validate_and_convert_types"]
    try:
        instance: Any = validate(value, (model_class,), [], True, True, Configuration())
    except (ApiTypeError, ApiValueError) as error:
        yield str(error)
    except TypeError as error:  # A model's constructor raises it for missing arguments.
        yield f"missing: {', '.join(ARGUMENT.findall(str(error)))}"
    else:
        yield from _unparsed(instance, "")


def _unparsed(value: Any, path: str) -> Iterator[str]:
    """Yield the unknown values and attributes, which Datadog's client accepts, since its API may be newer."""
    from datadog_api_client.model_utils import ModelComposed, ModelSimple, OpenApiModel, UnparsedObject

    if isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _unparsed(item, f"{path}[{index}]")
    elif isinstance(value, UnparsedObject):
        yield f"{path}: matches none of the allowed types"
    elif isinstance(value, ModelComposed):  # This wraps an instance of one of several models.
        for item in vars(value)["_composed_instances"]:
            yield from _unparsed(item, path)
    elif isinstance(value, ModelSimple):
        if vars(value)["_unparsed"]:
            yield f"{path}: unknown value; allowed: {', '.join(sorted(map(str, value.allowed_values)))}"
    elif isinstance(value, OpenApiModel):
        model: Any = value
        # A model that overrides additional_properties_type allows further attributes.
        is_closed = model.additional_properties_type is OpenApiModel.additional_properties_type
        for name, item in cast("dict[str, Any]", vars(model)["_data_store"]).items():
            location = f"{path}.{model.attribute_map.get(name, name)}".removeprefix(".")
            if is_closed and name not in model.openapi_types:
                known = ", ".join(sorted(model.openapi_types))
                yield f"{location}: there is no such attribute; known: {known}"
            else:
                yield from _unparsed(item, location)
