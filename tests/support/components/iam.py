"""Policy documents, and the part of IAM's evaluation that decides whether the documents allow a request.

Conditions follow the IAM user guide (JSON policy elements: condition operators). A condition whose key is
absent is false, or true if the operator is negated or ends in IfExists. All conditions of a statement must
hold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

Context = Mapping[str, str]

TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": fnmatchcase,
    "StringNotEquals": str.__ne__,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": str.__eq__,
    "NumericLessThan": lambda value, limit: float(value) < float(limit),
}


def statements(document: str) -> dict[str, dict[str, Any]]:
    """Return the statements of a policy document by Sid."""
    return {statement["Sid"]: statement for statement in json.loads(document)["Statement"]}


def trust(role: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only statement of a role's trust policy."""
    [statement] = json.loads(role["assumeRolePolicy"])["Statement"]
    return statement


def as_list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


def condition_holds(operator: str, key: str, expected: Any, context: Context) -> bool:
    if operator == "Null":
        return (key not in context) == (str(expected) == "true")
    negated = "Not" in operator
    if key not in context:
        return negated or operator.endswith("IfExists")
    test = TESTS[operator.removesuffix("IfExists")]
    results = [test(context[key], value) for value in as_list(expected)]
    return all(results) if negated else any(results)


def applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    """Return True if a statement matches a request; principals are ignored."""
    return (
        any(fnmatchcase(action, pattern) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        and all(
            condition_holds(operator, key, expected, context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def verdict(policies: Sequence[str], action: str, resource: str, context: Context) -> str:
    """Return `allow`, `deny <Sid>`, or `nothing` if no statement matches the request."""
    matches: list[Mapping[str, Any]] = [
        statement
        for policy in policies
        for statement in json.loads(policy)["Statement"]
        if applies(statement, action, resource, context)
    ]
    for statement in matches:
        if statement["Effect"] == "Deny":
            return f"deny {statement['Sid']}"
    return "allow" if matches else "nothing"
