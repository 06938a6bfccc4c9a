"""Checks of IAM policy documents, and the permissions that a document grants."""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.wire import json_schema
from sandbox.wire.values import Json


def faults(name: str, purpose: str, text: str) -> Iterator[str]:
    """Yield the faults of a document; `purpose` is the key of its schema in policy_document.json."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        yield f"{name}: is not JSON: {error}"
        return
    members = cast(Json, document) if isinstance(document, dict) else {}
    if isinstance(members.get("Statement"), dict):
        members["Statement"] = [members["Statement"]]
    yield from json_schema.faults(json_schema.file_validator("policy_document", purpose), document, name)


def allows(document: "Json | str", principal: str, action: str, context: Mapping[str, str]) -> bool:
    """Return True if a document, without any other document, allows a principal to perform an action.

    `context` has the values of condition keys. A condition on any other key counts as met.
    """
    document = cast(Json, json.loads(document)) if isinstance(document, str) else document
    effects = {
        statement["Effect"]
        for statement in as_list(document["Statement"])
        if _applies(statement, principal, action, context)
    }
    return effects == {"Allow"}


def entities(document: "Json | str", account: str) -> list[str]:
    """Return the ARNs of the account's roles and users that a document names as principals.

    Principals of other accounts and the account itself are left out. So are the roles that AWS creates, which
    are service-linked roles and those of IAM Identity Center.
    """
    document = cast(Json, json.loads(document)) if isinstance(document, str) else document
    pattern = re.compile(rf"arn:aws:iam::{account}:(user|role(?!/aws-service-role/|/aws-reserved/))/.+")
    names = [str(name) for statement in as_list(document["Statement"]) for name in _principals(statement)]
    return [name for name in dict.fromkeys(names) if pattern.fullmatch(name)]


def _applies(statement: Json, principal: str, action: str, context: Mapping[str, str]) -> bool:
    actions = [pattern.lower() for pattern in as_list(statement.get("Action", []))]
    return (
        not {"*", principal}.isdisjoint(_principals(statement))
        and _matches(action.lower(), actions)
        and _conditions_hold(statement, context)
    )


def _principals(statement: Json) -> list[str]:
    """Return the principals of a statement, without their types (`AWS`, `Service` …)."""
    principal: Any = statement.get("Principal")
    by_type = cast(Json, principal).values() if isinstance(principal, dict) else [principal]
    return [name for names in by_type for name in as_list(names)]


def _conditions_hold(statement: Json, context: Mapping[str, str]) -> bool:
    for condition in statement.get("Condition", {}).values():
        for key, patterns in condition.items():
            if key in context and not _matches(context[key], as_list(patterns)):
                return False
    return True


def _matches(value: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def as_list(value: Any) -> list[Any]:
    """Return a value as a list. In most places, IAM allows a single value in place of a list."""
    return cast(list[Any], value) if isinstance(value, list) else [value]
