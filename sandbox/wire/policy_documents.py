"""Policy documents: what makes AWS refuse one, and whom one lets do what."""

import fnmatch
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.wire import json_schema
from sandbox.wire.values import Json


def faults(name: str, purpose: str, text: str) -> Iterator[str]:
    """What is wrong with a document; `purpose`: what it is about (policy_document.json)."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        yield f"{name}: is no JSON: {error}"
        return
    found = cast(Json, document) if isinstance(document, dict) else {}
    if isinstance(found.get("Statement"), dict):
        found["Statement"] = [found["Statement"]]
    yield from json_schema.faults(json_schema.grammar("policy_document", purpose), document, name)


def lets(document: "Json | str", who: str, action: str, context: Mapping[str, str]) -> bool:
    """Whether a document by itself lets somebody do something.

    `context`: keys of conditions and what they are then; a condition on any other is taken to hold.
    """
    document = cast(Json, json.loads(document)) if isinstance(document, str) else document
    said = {one["Effect"] for one in listed(document["Statement"]) if _is_about(one, who, action, context)}
    return said == {"Allow"}


def _is_about(statement: Json, who: str, action: str, context: Mapping[str, str]) -> bool:
    principal: Any = statement.get("Principal")
    named = cast(Json, principal).values() if isinstance(principal, dict) else [principal]
    everybody = [one for each in named for one in listed(each)]
    actions = [one.lower() for one in listed(statement.get("Action", []))]
    tests = [test for each in statement.get("Condition", {}).values() for test in each.items()]
    return (
        bool({"*", who} & {*everybody})
        and _fits(action.lower(), actions)
        and all(_fits(context[key], listed(values)) for key, values in tests if key in context)
    )


def _fits(value: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, one) for one in patterns)


def listed(value: Any) -> list[Any]:
    """One or many, as IAM allows both."""
    return cast(list[Any], value) if isinstance(value, list) else [value]
