"""Policy documents: what makes AWS refuse one, and whom one lets do what."""

import fnmatch
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.providers import json_schema
from sandbox.providers.values import Json

MATCHED = ("ArnEquals", "ArnLike", "StringEquals", "StringLike")
"""Operators of conditions that compare with what is asked; others are taken to hold."""


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


def lets(document: Json, who: str, action: str, context: Mapping[str, str]) -> bool:
    """Whether a document by itself lets somebody do something; `context`: keys of conditions."""
    said = {one["Effect"] for one in listed(document["Statement"]) if _is_about(one, who, action, context)}
    return said == {"Allow"}


def _is_about(statement: Json, who: str, action: str, context: Mapping[str, str]) -> bool:
    principal: Any = statement.get("Principal")
    named = cast(Json, principal).values() if isinstance(principal, dict) else [principal]
    everybody = [one for each in named for one in listed(each)]
    actions = listed(statement.get("Action", []))
    conditions = cast(dict[str, Json], statement.get("Condition", {})).items()
    return (
        ("*" in everybody or who in everybody)
        and any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in actions)
        and all(
            any(fnmatch.fnmatchcase(context[key], value) for value in listed(values))
            for operator, tests in conditions
            for key, values in tests.items()
            if operator in MATCHED and key in context
        )
    )


def listed(value: Any) -> list[Any]:
    """One or many, as IAM allows both."""
    return cast(list[Any], value) if isinstance(value, list) else [value]
