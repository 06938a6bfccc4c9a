"""Conversion of an API's answers to the SDK's properties, spelled as in the program."""

import datetime
import json
from collections.abc import Callable
from typing import Any, TypeAlias, cast, get_args

from sandbox.wire import schema
from sandbox.wire.values import Json, map_pairs, project

Find: TypeAlias = Callable[[Json, str], Any]
"""A function that returns the value of an API's object for a property of the SDK."""


def members(cls: type[Any], found: Json, given: Json, find: Find) -> Json:
    """Return the properties of a class of the SDK; members that it lacks are left out."""
    made: Json = {}
    for name, prop in schema.properties(cls).items():
        inner = find(found, name)
        part = received(inner, prop.hint, given.get(name), find)
        if part is not None and (part or inner is not found):
            made[name] = part
    return made


def received(value: Any, hint: Any, given: Any, find: Find) -> Any:
    """Convert a value to the SDK's type; a value that means the same as `given` is spelled like it."""
    options = schema.value_hints(hint)
    shapes = (one for one in options if schema.is_object(one) or schema.noun(one) == "a list")
    wanted: Any = next(shapes, options[0] if options else Any)
    if schema.nouns(hint) == "a string":
        return _text(value, given)
    if schema.noun(wanted) == "a list" and isinstance(value, list | dict):
        inner, items = (*get_args(wanted), Any)[0], cast(Any, value if isinstance(value, list) else [value])
        return map_pairs(items if value else [], given, lambda item, old: received(item, inner, old, find))
    if isinstance(value, list) and schema.noun(wanted) == "an object":
        items = cast("list[Any]", value)
        if not schema.is_object(wanted):  # tags: Key before Value, TagKey before TagValue
            return {one[min(one)]: one[max(one)] for one in items}
        value = items[0] if items else None
    if isinstance(value, dict) and schema.is_object(wanted):
        return members(wanted, cast(Json, value), cast(Json, given) if isinstance(given, dict) else {}, find)
    return cast(Any, value)


def _text(value: Any, given: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value)
    if type(value) not in (int, float):
        return value
    return given if number(given) == value else f"{value:.15g}" if isinstance(value, float) else str(value)


def number(value: Any) -> Any:
    """Return the number in a string; return other values unchanged."""
    try:
        return int(value) if float(value).is_integer() else float(value)
    except (TypeError, ValueError):
        return value


def aligned(live: Any, given: Any, path: str, unread: list[str]) -> Any:
    """Return live values in the program's spelling: lists in its order, documents in its layout."""
    if isinstance(live, dict) and isinstance(given, dict):
        found, wanted = cast(Json, live), cast(Json, given)
        made: Json = {}
        for key in dict.fromkeys((*found, *wanted)):
            inner = f"{path}.{key}".removeprefix(".")
            if key not in wanted:
                made[key] = found[key]
            elif found.get(key) is None:
                if not wanted[key] or inner in unread:
                    made[key] = wanted[key]
            else:
                made[key] = aligned(found[key], wanted[key], inner, unread)
        return made
    if isinstance(live, list) and isinstance(given, list):
        rest, wants = [*cast(list[Any], live)], cast(list[Any], given)
        places: dict[int, Any] = {}
        for exact in (True, False):
            for place, want in enumerate(wants):
                for item in rest if place not in places else ():
                    same = aligned(item, want, path, unread)
                    if not exact or project(same, want) == want:
                        rest.remove(item)
                        places[place] = same
                        break
        return [*(places[place] for place in sorted(places)), *rest]
    if isinstance(live, str) and isinstance(given, str) and given.lstrip().startswith(("{", "[")):
        try:
            return given if json.loads(live) == json.loads(given) else live
        except ValueError:
            return live
    return cast(Any, live)
