"""Faults that the schema of a stack file finds in a single value."""

import difflib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic_core import ErrorDetails

from components.settings.config_commands import KeyPath, format_path, remove_command, set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.json_schema import Schema, describe_allowed, example_value, keys_at, schema_at
from components.settings.stack import SECRETS

ENCRYPTED = object()
"""Placeholder for an encrypted value of a setting that is not a secret; it is never shown and never valid."""


def schema_faults(errors: Sequence[ErrorDetails], values: Mapping[str, Any]) -> Iterator[SettingFault]:
    """Yield the faults for pydantic's errors, in the terms of the schema."""
    for error in errors:
        path = error["loc"]
        match error["type"]:
            case "missing":
                yield from _missing_keys(path)
            case "extra_forbidden":
                yield _unknown_key(path)
            case _:
                yield _invalid_value(path, values)


def secret_fault(key: str, problem: str) -> SettingFault:
    """Return the fault of a secret that is missing or unusable; its command prompts for the value."""
    return SettingFault(
        key=key, problem=problem, allowed=SECRETS[key]["allowed"], fix=(f"config set --secret {key}",)
    )


def _missing_keys(path: KeyPath) -> Iterator[SettingFault]:
    schema = schema_at(path)
    if schema.get("type") == "object":
        for key in keys_at(path):
            yield from _missing_keys((*path, key))
        return
    yield SettingFault(
        key=format_path(path),
        problem="is missing",
        allowed=describe_allowed(schema),
        fix=(_example_command(path),),
    )


def _unknown_key(path: KeyPath) -> SettingFault:
    """Return the fault of an unknown key without its value, which may be a secret under a misspelt key."""
    known = keys_at(path[:-1]) + (list(SECRETS) if len(path) == 1 else [])
    similar = difflib.get_close_matches(str(path[-1]), known, 1)
    hint = f"; did you mean {similar[0]}?" if similar else ""
    return SettingFault(
        key=format_path(path),
        problem="is not a setting",
        allowed=", ".join(known) + hint,
        fix=(remove_command(path),),
    )


def _invalid_value(path: KeyPath, values: Mapping[str, Any]) -> SettingFault:
    value: Any = values
    for step in path:
        value = value[step]
    schema = schema_at(path)
    if value is ENCRYPTED:
        return SettingFault(
            key=format_path(path),
            problem="is encrypted",
            allowed=f"in plain text, {describe_allowed(schema)}",
            fix=(remove_command(path), _example_command(path)),
        )
    return invalid_value(path, value, describe_allowed(schema), *_fix_commands(path, value, schema))


def _fix_commands(path: KeyPath, value: Any, schema: Schema) -> list[str]:
    """Return the commands that replace a value that is not allowed.

    A string in place of another type is removed first, since `config set` would keep its quotes or could not
    set a value inside it. An invalid map is removed; the next message then reports its missing keys.
    """
    if schema["type"] == "object":
        return [remove_command(path)]
    if schema["type"] == "array" and isinstance(value, list):
        return [_fix_list_command(path, cast(list[Any], value), schema)]
    if schema["type"] == "array" or (schema["type"] != "string" and isinstance(value, str)):
        return [remove_command(path), _example_command(path)]
    return [_example_command(path)]


def _fix_list_command(path: KeyPath, entries: list[Any], schema: Schema) -> str:
    """Return the command that adds a missing entry, or removes a repeated or superfluous one."""
    if len(entries) < schema["minItems"]:
        return _example_command((*path, len(entries)), entries)
    repeated = (index for index, entry in enumerate(entries) if entry in entries[:index])
    return remove_command((*path, next(repeated, len(entries) - 1)))


def _example_command(path: KeyPath, present: Container[object] = ()) -> str:
    """Return the command that sets the schema's example value; for a list, it sets the first entry."""
    schema = schema_at(path)
    if schema["type"] == "array":
        return _example_command((*path, 0))
    return set_command(path, example_value(schema, present))
