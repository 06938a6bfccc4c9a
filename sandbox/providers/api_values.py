"""Conversion of API responses to the SDK's properties, written as the program writes them."""

import datetime
import json
from collections.abc import Callable
from typing import Any, TypeAlias, cast, get_args

from sandbox.wire import schema
from sandbox.wire.values import Json, map_pairs, project

Find: TypeAlias = Callable[[Json, str], Any]
"""A function that returns the value that an API's object has for a property of the SDK."""


def to_properties(cls: type[Any], api_object: Json, inputs: Json, find: Find) -> Json:
    """Return an API's object as properties of an SDK class; properties that the object lacks are left out."""
    properties: Json = {}
    for name, prop in schema.properties(cls).items():
        api_value = find(api_object, name)
        value = to_sdk(api_value, prop.hint, inputs.get(name), find)
        # `find` returns the object itself for a property whose members belong to that object in the API.
        nested_is_empty = api_value is api_object and not value
        if value is not None and not nested_is_empty:
            properties[name] = value
    return properties


def to_sdk(value: Any, hint: Any, program_value: Any, find: Find) -> Any:
    """Convert a value to the SDK's type. A number in a string keeps the program's notation, such as `1.0`."""
    if schema.nouns(hint) == "a string":
        return _to_text(value, program_value)
    option = _main_option(hint)
    if schema.noun(option) == "a list" and isinstance(value, list | dict):
        inner = next(iter(get_args(option)), Any)
        items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
        return map_pairs(
            items if value else [], program_value, lambda item, old: to_sdk(item, inner, old, find)
        )
    if isinstance(value, list) and schema.noun(option) == "an object":
        items = cast("list[Any]", value)
        if not schema.is_object(option):
            return _tag_map(items)
        value = items[0] if items else None
    if isinstance(value, dict) and schema.is_object(option):
        inputs = cast(Json, program_value) if isinstance(program_value, dict) else {}
        return to_properties(option, cast(Json, value), inputs, find)
    return cast(Any, value)


def _main_option(hint: Any) -> Any:
    """Return the first alternative of a hint that is a list or an SDK class; else the first alternative."""
    options = schema.value_hints(hint)
    for option in options:
        if schema.is_object(option) or schema.noun(option) == "a list":
            return option
    return options[0] if options else Any


def _tag_map(items: list[Json]) -> Json:
    """Return a list of tags as a map. A member such as Key or TagKey sorts before Value or TagValue."""
    return {item[min(item)]: item[max(item)] for item in items}


def _to_text(value: Any, program_value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value)
    if type(value) not in (int, float):
        return value
    if number(program_value) == value:
        return program_value
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def number(value: Any) -> Any:
    """Return the number that a string contains; return other values unchanged."""
    try:
        return int(value) if float(value).is_integer() else float(value)
    except (TypeError, ValueError):
        return value


def align(live: Any, program: Any, path: str, unread: list[str]) -> Any:
    """Return a live value with the program's order of lists and its layout of JSON documents.

    `unread` contains the paths of inputs that the API does not return; these keep the program's values.
    """
    if isinstance(live, dict) and isinstance(program, dict):
        return _align_object(cast(Json, live), cast(Json, program), path, unread)
    if isinstance(live, list) and isinstance(program, list):
        return _align_list(cast(list[Any], live), cast(list[Any], program), path, unread)
    if isinstance(live, str) and isinstance(program, str) and program.lstrip().startswith(("{", "[")):
        return program if _same_document(live, program) else live
    return cast(Any, live)


def _align_object(live: Json, program: Json, path: str, unread: list[str]) -> Json:
    result: Json = {}
    for key in dict.fromkeys((*live, *program)):
        inner = f"{path}.{key}".removeprefix(".")
        if key not in program:
            result[key] = live[key]
        elif live.get(key) is not None:
            result[key] = align(live[key], program[key], inner, unread)
        elif not program[key] or inner in unread:
            result[key] = program[key]
    return result


def _align_list(live: list[Any], program: list[Any], path: str, unread: list[str]) -> list[Any]:
    """Return live items in the program's order, followed by the items that the program lacks.

    Equal items are matched first, and then the remaining items in order.
    """
    rest = [*live]
    matches: dict[int, Any] = {}
    for must_be_equal in (True, False):
        for index, wanted_item in enumerate(program):
            if index in matches:
                continue
            for item in rest:
                candidate = align(item, wanted_item, path, unread)
                if not must_be_equal or project(candidate, wanted_item) == wanted_item:
                    rest.remove(item)
                    matches[index] = candidate
                    break
    return [*(matches[index] for index in sorted(matches)), *rest]


def _same_document(live: str, program: str) -> bool:
    try:
        return json.loads(live) == json.loads(program)
    except ValueError:
        return False
