"""The JSON Schema of a stack file, for editors; and what it says of one key, for faults."""

import re
from collections.abc import Container
from functools import cache
from typing import Any, TypeAlias, cast

from pydantic.json_schema import GenerateJsonSchema

from components.settings.stack import PROJECT, SECRETS, Settings

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value is: ("pipe:network", "subnets", "private", 0)."""

Node: TypeAlias = dict[str, Any]
"""A JSON Schema of one value."""


class _Untitled(GenerateJsonSchema):
    """A key is its own title."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


@cache
def _settings() -> Node:
    return Settings.model_json_schema(schema_generator=_Untitled)


def node(path: KeyPath) -> Node:
    """The schema of what belongs at a path; empty where nothing does."""
    found = _settings()
    for step in path:
        found = found["items"] if isinstance(step, int) else found.get("properties", {}).get(step, {})
        if "$ref" in found:
            found = _settings()["$defs"][found["$ref"].rpartition("/")[2]]
    return found


def keys(path: KeyPath) -> list[str]:
    """The keys of the map at a path, in order."""
    return list(node(path).get("properties", {}))


def written(value: object) -> str:
    """A scalar as YAML has it: a string in quotes where it would else be a number."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and re.fullmatch(r"[0-9.]+", value) else str(value)


def allowed(schema: Node) -> str:
    """What a schema allows, in words."""
    if "enum" in schema:
        return "one of " + ", ".join(written(value) for value in cast(list[object], schema["enum"]))
    match schema["type"]:
        case "boolean":
            return "true or false"
        case "integer" | "number":
            noun = "a whole number" if schema["type"] == "integer" else "a number"
            bounds = {
                "minimum": "at least",
                "exclusiveMinimum": "above",
                "maximum": "at most",
                "exclusiveMaximum": "below",
            }
            return (
                noun
                + " "
                + " and ".join(f"{word} {schema[bound]}" for bound, word in bounds.items() if bound in schema)
            )
        case "array":
            least, most = schema["minItems"], schema.get("maxItems")
            entry = allowed(schema["items"])
            if least == most == 1:
                return f"a list of one entry, {entry}"
            count = (
                f"{least} or more" if most is None else f"{least}" if least == most else f"{least} to {most}"
            )
            return f"a list of {count} different entries, each {entry}"
        case "object":
            return "a map of " + ", ".join(schema["properties"])
        case _:
            return str(schema["patternErrorMessage"])


def example(schema: Node, besides: Container[object] = ()) -> Any:
    """A scalar that a schema allows, another than those besides which it is to stand."""
    examples: list[Any] = schema.get("examples", schema.get("enum", [schema.get("minimum", False)]))
    return next((each for each in examples if each not in besides), examples[0])


def stack_file() -> Node:
    """The JSON Schema (draft 2020-12) of Pulumi.<stack>.yaml."""
    settings = dict(_settings())
    definitions = settings.pop("$defs")
    secrets: Node = {
        key: {
            "description": f"{secret['description']} Set with: pulumi config set --secret {key}",
            "writeOnly": True,
            "type": "object",
            "properties": {"secure": {"type": "string"}},
            "required": ["secure"],
            "additionalProperties": False,
        }
        for key, secret in SECRETS.items()
    }
    config = settings | {
        "properties": settings["properties"] | secrets,
        "patternProperties": {f"^(?!{PROJECT}:)": True},  # the providers' own
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of the Pipe infrastructure",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": config,
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi (passphrase)."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi (cloud key)."},
            "secretsprovider": {"type": "string", "description": "Which key encrypts the secrets."},
            "environment": {"description": "Pulumi ESC environments."},
        },
        "$defs": definitions,
    }
