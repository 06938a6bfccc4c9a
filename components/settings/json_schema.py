"""The JSON Schema of a stack file for editors, and descriptions of its keys for faults."""

import re
from collections.abc import Container
from functools import cache
from typing import Any, TypeAlias, cast

from pydantic.json_schema import GenerateJsonSchema

from components.settings.config_commands import KeyPath
from components.settings.stack import PROJECT, SECRETS, Settings

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema for one value."""

_BOUNDS = {
    "minimum": "of at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


class _UntitledSchema(GenerateJsonSchema):
    """A schema generator that adds no titles to fields, since their keys are descriptive."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


@cache
def _settings_schema() -> Schema:
    return Settings.model_json_schema(schema_generator=_UntitledSchema)


def schema_at(path: KeyPath) -> Schema:
    """Return the schema of the value at a path; empty if there is no such setting."""
    schema = _settings_schema()
    for step in path:
        schema = schema["items"] if isinstance(step, int) else schema.get("properties", {}).get(step, {})
        if "$ref" in schema:
            schema = _settings_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def keys_at(path: KeyPath) -> list[str]:
    """Return the keys of the map at a path, in order."""
    return list(schema_at(path).get("properties", {}))


def describe_allowed(schema: Schema) -> str:
    """Return a description of the values that a schema allows."""
    if "enum" in schema:
        return "one of " + ", ".join(map(_format_scalar, cast(list[object], schema["enum"])))
    match schema["type"]:
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number {_describe_bounds(schema)}"
        case "number":
            return f"a number {_describe_bounds(schema)}"
        case "array":
            return _describe_list(schema)
        case "object":
            return "a map with the keys " + ", ".join(schema["properties"])
        case _:
            return str(schema["patternErrorMessage"])


def example_value(schema: Schema, present: Container[object] = ()) -> Any:
    """Return a scalar that a schema allows, if possible one that is not in `present`."""
    examples: list[Any] = schema.get("examples", schema.get("enum", [schema.get("minimum", False)]))
    return next((value for value in examples if value not in present), examples[0])


def stack_file_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of Pulumi.<stack>.yaml."""
    settings = dict(_settings_schema())
    definitions = settings.pop("$defs")
    secrets = {key: _secret_schema(key, secret["description"]) for key, secret in SECRETS.items()}
    config = settings | {
        "properties": settings["properties"] | secrets,
        # Keys of other namespaces belong to the providers.
        "patternProperties": {f"^(?!{PROJECT}:)": True},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of the Pipe infrastructure",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": config,
            "encryptionsalt": {
                "type": "string",
                "description": "The salt with which Pulumi derives a key from the passphrase.",
            },
            "encryptedkey": {
                "type": "string",
                "description": "The data key of the secrets, encrypted by the secrets provider.",
            },
            "secretsprovider": {"type": "string", "description": "The key that encrypts the secrets."},
            "environment": {"description": "Pulumi ESC environments whose values the stack imports."},
        },
        "$defs": definitions,
    }


def _secret_schema(key: str, description: str) -> Schema:
    return {
        "description": f"{description} Set with: pulumi config set --secret {key}",
        "writeOnly": True,
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }


def _format_scalar(value: object) -> str:
    """Return a scalar in YAML's notation; a string is quoted if it would otherwise be a number."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and re.fullmatch(r"[0-9.]+", value) else str(value)


def _describe_bounds(schema: Schema) -> str:
    return " and ".join(f"{phrase} {schema[bound]}" for bound, phrase in _BOUNDS.items() if bound in schema)


def _describe_list(schema: Schema) -> str:
    least, most = schema["minItems"], schema.get("maxItems")
    entry = describe_allowed(schema["items"])
    if least == most == 1:
        return f"a list of one entry, {entry}"
    if most is None:
        count = f"{least} or more"
    elif least == most:
        count = f"{least}"
    else:
        count = f"{least} to {most}"
    return f"a list of {count} different entries, each {entry}"
