"""Checks of request bodies against strict models of the official clients, and against further rules."""

import functools
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast

import jsonschema
import typing_extensions as extensions
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.wire.values import Json

TAGS = ("type", "action")
"""The members that select an alternative of a body; Cloudflare's client makes one optional, its API none."""

MISSING = re.compile(r"'(\w+)'")
"""The names in Python's "missing 2 required positional arguments: 'query' and 'type'"."""


def check(kind: str, given: Json, whole: Json | None = None, *, update: bool = False) -> list[str]:
    """Return the faults of a body of a kind of rules.toml: paths and allowed values, never the value itself.

    `whole`: what it makes of an object that there is, if it tells only a part.
    """
    whole = given if whole is None else whole
    if kind == "setting":
        allowed = setting_type(given.get("id", ""))
        return list(cloudflare(allowed, given.get("value"), "/value")) if allowed else ["no such setting"]
    model = _table()["models"][kind][-1 if update else 0]
    # Cloudflare's models hold what is in the path, too.
    inside = {"zone_id": "-"} if kind in ("record", "ruleset", "dnssec") else {}
    found = datadog(model, given) if model.startswith("v") else cloudflare(model, given | inside)
    return list(found) or list(_beyond(kind, whole))


def _beyond(kind: str, value: Json) -> Iterator[str]:
    """Yield the faults that the API refuses and the model allows."""
    from sandbox.clouds.cloudflare import expressions
    from sandbox.clouds.datadog import monitors

    for error in _rules(kind).iter_errors(value):
        said = error.schema.get("title") or f"{error.validator}: {error.validator_value}"
        yield f"/{'/'.join(map(str, error.path))}: {said}"
    own: dict[str, Callable[[Json], Iterator[str]]] = {"ruleset": expressions.faults}
    own |= {"monitor": monitors.faults, "slo": monitors.slo_faults, "dashboard": monitors.dashboard_faults}
    yield from own[kind](value) if kind in own else ()


@functools.cache
def _rules(kind: str) -> Any:
    validator = jsonschema.Draft202012Validator
    return validator(_table().get(kind, True), format_checker=validator.FORMAT_CHECKER)


@functools.cache
def _table() -> Json:
    return tomllib.loads(Path(__file__).with_name("rules.toml").read_text())


def setting_type(setting: str) -> Any:
    """The type of a zone setting's value, as the client knows it; None: there is no such setting."""
    from cloudflare.types.zones.setting_edit_response import SettingEditResponse

    for model in typing.get_args(SettingEditResponse):
        fields = model.model_fields
        # A literal, or that or None.
        names = fields["id"].annotation if {"id", "value"} <= fields.keys() else None
        if setting in (name for part in (names, *typing.get_args(names)) for name in typing.get_args(part)):
            return fields["value"].annotation
    return None


def cloudflare(model: Any, value: Any, path: str = "") -> Iterator[str]:
    """Yield the faults of the value at a path; `model` is a type, or its path below cloudflare.types."""
    try:
        _adapter(model).validate_python(value)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            yield f"{'/'.join((path, *map(str, one['loc']))) or '/'}: {one['msg']}"


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
        return cast(Any, list)[_strict(inner[0])]
    return Any if hint is object else hint


@functools.cache
def _fields(hint: Any) -> dict[str, tuple[Any, bool]]:
    """The members of an object type by the API's names: their types, and whether each has to be there."""
    if isinstance(hint, type) and issubclass(cast("type[Any]", hint), BaseModel):
        fields = cast("type[BaseModel]", hint).model_fields.items()
        return {name: (field.annotation, field.is_required()) for name, field in fields}
    if not extensions.is_typeddict(hint):
        return {}
    needed = cast("frozenset[str]", vars(cast(object, hint))["__required_keys__"])
    found: dict[str, tuple[Any, bool]] = {}
    for name, bare in extensions.get_type_hints(hint, include_extras=True).items():
        while typing.get_origin(bare) in (extensions.Required, extensions.NotRequired, Annotated):
            notes = (getattr(note, "alias", None) for note in getattr(bare, "__metadata__", ()))
            name = next(filter(None, notes), name)
            bare = typing.get_args(bare)[0]
        tells = name in TAGS and typing.get_origin(bare) is Literal
        found[name] = (bare, tells or name in needed)
    return found


def datadog(model: str, value: Any) -> Iterator[str]:
    """Yield the faults of a value; `model` is the path of a class in the client."""
    from datadog_api_client import model_utils
    from datadog_api_client.configuration import Configuration
    from datadog_api_client.exceptions import ApiTypeError, ApiValueError

    module, _, name = model.rpartition(".")
    wanted: Any = getattr(import_module(f"datadog_api_client.{module}"), name)
    validate = vars(model_utils)["validate_and_convert_types"]
    try:
        found: Any = validate(value, (wanted,), [], True, True, Configuration())
    except (ApiTypeError, ApiValueError) as error:
        yield str(error)
    except TypeError as error:  # an argument of a model's __init__ is missing
        yield f"missing: {', '.join(MISSING.findall(str(error)))}"
    else:
        yield from _unparsed(found, "")


def _unparsed(value: Any, path: str) -> Iterator[str]:
    """Yield the faults that the client passes on to an API that may be newer; the sandbox refuses them."""
    from datadog_api_client.model_utils import ModelComposed, ModelSimple, OpenApiModel, UnparsedObject

    if isinstance(value, list):
        for place, item in enumerate(cast("list[Any]", value)):
            yield from _unparsed(item, f"{path}[{place}]")
    elif isinstance(value, UnparsedObject):
        yield f"{path}: fits none of the alternatives"
    elif isinstance(value, ModelComposed):  # one of several kinds of objects
        for item in vars(value)["_composed_instances"]:
            yield from _unparsed(item, path)
    elif isinstance(value, ModelSimple):
        if vars(value)["_unparsed"]:
            yield f"{path}: is no value of it; allowed: {', '.join(sorted(map(str, value.allowed_values)))}"
    elif isinstance(value, OpenApiModel):
        model: Any = value
        known = model.additional_properties_type is OpenApiModel.additional_properties_type
        for name, item in cast("dict[str, Any]", vars(model)["_data_store"]).items():
            place = f"{path}.{model.attribute_map.get(name, name)}".removeprefix(".")
            if known and name not in model.openapi_types:
                yield f"{place}: there is no such attribute; known: {', '.join(sorted(model.openapi_types))}"
            else:
                yield from _unparsed(item, place)
