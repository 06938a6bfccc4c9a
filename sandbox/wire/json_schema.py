"""Checks with JSON Schemas, with messages of our own: those of the library would quote secrets."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from sandbox.wire.schema import suggest
from sandbox.wire.values import UNKNOWN, Path, map_items, plain, show, show_path, value_at


@functools.cache
def grammar(name: str, part: str = "") -> Any:
    """Return the validator of a JSON file of this folder, by its name, or of one of its `$defs`."""
    rules = json.loads((File(__file__).parent / f"{name}.json").read_text())
    return validator({**rules, "$ref": f"#/$defs/{part}"} if part else rules)


def validator(rules: Any) -> Any:
    """Return the validator of a schema."""
    from jsonschema.validators import Draft202012Validator

    return Draft202012Validator(rules)


def faults(validator: Any, given: Any, *where: str) -> Iterator[str]:
    """Yield the faults of a value, each with its path, which begins with `where`.

    The `errorMessage` of a schema replaces the message of its keywords.
    """
    errors = validator.iter_errors(_wire(plain(given)))
    yield from dict.fromkeys(fault for error in errors for fault in _explain(error, given, where))


def _wire(value: Any) -> Any:
    """Return the value as JSON; an unknown value is the engine's placeholder, a string."""
    return UNKNOWN.value if value is UNKNOWN else map_items(value, _wire)


def _explain(error: Any, given: Any, where: Path) -> Iterator[str]:
    instance, rule = error.instance, error.validator_value
    value, path = value_at(given, tuple(error.absolute_path)), (*where, *error.absolute_path)
    shown = f"{show_path(path)}: {show(value)}"
    if instance == UNKNOWN.value:
        return
    match error.validator:
        case "additionalProperties":
            allowed = error.schema.get("properties", {})
            for name in sorted(instance.keys() - allowed.keys()):
                yield f"{show_path((*path, name))}: there is no such field; {suggest(name, allowed)}"
        case "required":
            for name in sorted(set(rule) - instance.keys()):
                yield f"{show_path((*path, name))}: missing"
        case "type":
            wanted = [one for one in ([rule] if isinstance(rule, str) else rule) if one != "null"]
            yield f"{shown}; {' or '.join(wanted)} is required"
        case "enum":
            yield f"{shown}, is not a value of it; {suggest(str(instance), rule, quote=True)}"
        case _:
            yield f"{shown}, {error.schema.get('errorMessage', f'is not valid ({error.validator})')}"
