"""Checks of IAM policy documents, and the permissions that one grants."""

import fnmatch
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.wire import json_schema
from sandbox.wire.values import Json


def faults(name: str, purpose: str, text: str) -> Iterator[str]:
    """Yield the faults of a document; `purpose` is the schema of policy_document.json for it."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        yield f"{name}: is no JSON: {error}"
        return
    found = cast(Json, document) if isinstance(document, dict) else {}
    if isinstance(found.get("Statement"), dict):
        found["Statement"] = [found["Statement"]]
    yield from json_schema.faults(json_schema.grammar("policy_document", purpose), document, name)


def allows(document: "Json | str", who: str, action: str, context: Mapping[str, str]) -> bool:
    """Return True if a document by itself allows a principal an action.

    `context` has the values of condition keys; a condition on any other key counts as met.
    """
    document = cast(Json, json.loads(document)) if isinstance(document, str) else document
    said = {one["Effect"] for one in as_list(document["Statement"]) if _is_about(one, who, action, context)}
    return said == {"Allow"}


def _is_about(statement: Json, who: str, action: str, context: Mapping[str, str]) -> bool:
    principal: Any = statement.get("Principal")
    named = cast(Json, principal).values() if isinstance(principal, dict) else [principal]
    everybody = [one for each in named for one in as_list(each)]
    actions = [one.lower() for one in as_list(statement.get("Action", []))]
    tests = [test for each in statement.get("Condition", {}).values() for test in each.items()]
    return (
        bool({"*", who} & {*everybody})
        and _fits(action.lower(), actions)
        and all(_fits(context[key], as_list(values)) for key, values in tests if key in context)
    )


def _fits(value: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, one) for one in patterns)


def as_list(value: Any) -> list[Any]:
    """Return a value as a list: IAM allows one or many."""
    return cast(list[Any], value) if isinstance(value, list) else [value]
