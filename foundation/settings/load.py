"""Reader of foundation's settings; faults have the same form as those of the environments' stack files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import config as runtime
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components.settings.config_commands import KeyPath, format_path, remove_command, set_command
from components.settings.errors import SettingFault, SettingsError, invalid_value
from components.settings.json_schema import Schema, describe_allowed, example_value
from foundation.settings.stack import PROJECT, Settings, check_consistency

FOLDER = "foundation"
"""The folder of the project, as named in messages."""


def load() -> Settings:
    """Return the settings of the running stack; raise SettingsError with all faults."""
    config: dict[str, str] = {**runtime.get_config_env(), **runtime.CONFIG.get()}
    # The empty defaults in Pulumi.yaml mean that a value is missing; keys of other namespaces belong to
    # providers.
    values = {
        key: json.loads(text) if text.startswith(("{", "[")) else text
        for key, text in config.items()
        if (key in ("aws:region", "aws:allowedAccountIds", "datadog:apiUrl") or key.startswith(f"{PROJECT}:"))
        and text not in ("", "{}", "[]")
    }
    settings, faults = read(values)
    if settings is None or faults:
        raise SettingsError(pulumi.get_stack(), faults, folder=FOLDER)
    return settings


def read(values: Mapping[str, Any]) -> tuple[Settings | None, list[SettingFault]]:
    """Return the settings, or None if a value is invalid, and the faults."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return None, list(_faults(error.errors(include_url=False), values))
    return settings, list(check_consistency(settings))


def _faults(errors: Sequence[ErrorDetails], values: Mapping[str, Any]) -> Iterator[SettingFault]:
    """Yield the faults for pydantic's errors, with the schema's descriptions."""
    for error in errors:
        path = error["loc"]
        schema = _node(path)
        if error["type"] == "missing":
            yield from _missing(path)
        elif error["type"] == "extra_forbidden":
            known = ", ".join(_node(path[:-1])["properties"])
            yield SettingFault(
                key=format_path(path), problem="is not a setting", allowed=known, fix=(remove_command(path),)
            )
        else:
            value: Any = values
            for step in path:
                value = value[step]
            compound = schema["type"] in ("object", "array")
            fix = remove_command(path) if compound else set_command(path, example_value(schema))
            yield invalid_value(path, value, describe_allowed(schema), fix)


def _node(path: KeyPath) -> Schema:
    """Return the JSON Schema of the value at a path; empty if there is no such setting."""
    root = Settings.model_json_schema()
    node: Schema = root
    for step in path:
        node = node["items"] if isinstance(step, int) else node.get("properties", {}).get(step, {})
        # The schema of an optional section allows a map or null.
        node = next((option for option in node.get("anyOf", []) if option.get("type") != "null"), node)
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _missing(path: KeyPath) -> Iterator[SettingFault]:
    """Yield a fault for each required scalar that is missing; for a missing list, for its first entry."""
    schema = _node(path)
    match schema["type"]:
        case "object":
            for key in schema.get("required", []):
                yield from _missing((*path, key))
        case "array":
            yield from _missing((*path, 0))
        case _:
            fix = set_command(path, example_value(schema))
            yield SettingFault(
                key=format_path(path), problem="is missing", allowed=describe_allowed(schema), fix=(fix,)
            )
