"""Outputs that a real API would have computed: of the right type, and the same each time."""

from datetime import UTC, datetime
from typing import Any

from sandbox.providers import schema
from sandbox.providers.kinds import Words, kind, table
from sandbox.providers.target import Resource
from sandbox.providers.values import Json, merge

EMPTY: Json = {"a boolean": False, "a whole number": 0, "a number": 0, "a list": [], "an object": {}}

TIMES = ("Date", "At", "On", "Time", "Updated")
"""How properties with a time end."""


def outputs(resource: Resource, before: Json, words: Words) -> Json:
    """Every output that the SDK says is always there and no input gives, and what the tables know of.

    A string that no table knows stays as it was: a creation date is of the creation.
    """
    common = table(resource.type.partition(":")[0]).get("*", {}).get("outputs", {})

    def value(name: str, hint: Any) -> Any:
        option = next(iter(schema.value_hints(hint)), Any)
        if schema.is_object(option):
            inner = schema.properties(option)
            return {key: value(key, prop.hint) for key, prop in inner.items() if prop.required}
        if schema.noun(option) in EMPTY:
            return EMPTY[schema.noun(option)]
        return words.fill(common[name]) if name in common else now() if name.endswith(TIMES) else ""

    made: Json = {}
    for name, prop in schema.properties(schema.resource_class(resource.type)).items():
        if prop.required and name not in resource.inputs:
            kept = before.get(name)
            made[name] = kept if isinstance(kept, str) else value(name, prop.hint)
    return merge(made, words.fill(kind(resource.type).outputs))


def now() -> str:
    """The time as APIs write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
