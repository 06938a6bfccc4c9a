"""Checks with JSON Schemas, with messages that quote no secrets; the library's own messages would."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from sandbox.wire.schema import is_invented, suggest
from sandbox.wire.values import UNKNOWN, Path, map_items, plain, show, show_path, value_at


@functools.cache
def file_validator(name: str, part: str = "") -> Any:
    """Return the validator for a JSON Schema file in this folder, or for one of the file's `$defs`.

    `name` is the file's name without the extension, and `part` the key in `$defs`.
    """
    schema = load(name)
    return schema_validator({**schema, "$ref": f"#/$defs/{part}"} if part else schema)


def load(name: str) -> dict[str, Any]:
    """Return a JSON Schema file in this folder; `name` is the file's name without the extension."""
    return json.loads((File(__file__).parent / f"{name}.json").read_text())


def schema_validator(schema: Any) -> Any:
    """Return the validator for a schema."""
    from jsonschema.validators import Draft202012Validator

    return Draft202012Validator(schema)


def faults(validator: Any, value: Any, *parents: str) -> Iterator[str]:
    """Yield the distinct faults of a value, each with its path. Every path begins with `parents`.

    A schema's `errorMessage` replaces the messages for the schema's keywords.
    """
    errors = validator.iter_errors(_to_json(plain(value)))
    yield from dict.fromkeys(fault for error in errors for fault in _explain(error, value, parents))


def _to_json(value: Any) -> Any:
    """Return the value as plain JSON; unknown values become the engine's placeholder string."""
    return UNKNOWN.value if value is UNKNOWN else map_items(value, _to_json)


def _explain(error: Any, root: Any, parents: Path) -> Iterator[str]:
    instance, rule = error.instance, error.validator_value
    if instance == UNKNOWN.value:
        return
    if error.validator == "type" and is_invented(instance):
        return  # A review has a text in place of a boolean that only an account knows.
    value, path = value_at(root, tuple(error.absolute_path)), (*parents, *error.absolute_path)
    shown = f"{show_path(path)}: {show(value)}"
    match error.validator:
        case "additionalProperties":
            allowed = error.schema.get("properties", {})
            for name in sorted(instance.keys() - allowed.keys()):
                yield f"{show_path((*path, name))}: there is no such field; {suggest(name, allowed)}"
        case "required":
            for name in sorted(set(rule) - instance.keys()):
                yield f"{show_path((*path, name))}: missing"
        case "type":
            types = [rule] if isinstance(rule, str) else rule
            yield f"{shown}; {' or '.join(name for name in types if name != 'null')} is required"
        case "enum":
            yield f"{shown}, is not an allowed value; {suggest(str(instance), rule, quote=True)}"
        case _:
            yield f"{shown}, {error.schema.get('errorMessage', f'is not valid ({error.validator})')}"
