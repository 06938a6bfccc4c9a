"""Enough of IAM's evaluation to ask a policy document whether it allows or denies a request.

As the IAM user guide has it (JSON policy elements: condition operators): a condition whose key is absent
is false, or true if the operator is negated or ends in IfExists; all conditions of a statement have to hold.
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
    "NumericLessThan": lambda found, wanted: float(found) < float(wanted),
}


def as_list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


def condition_holds(operator: str, key: str, wanted: Any, context: Context) -> bool:
    if operator == "Null":
        return (key not in context) == (str(wanted) == "true")
    negated = "Not" in operator
    if key not in context:
        return negated or operator.endswith("IfExists")
    test = TESTS[operator.removesuffix("IfExists")]
    results = [test(context[key], value) for value in as_list(wanted)]
    return all(results) if negated else any(results)


def applies(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    """Whether the statement speaks of this request; principals are not looked at."""
    return (
        any(fnmatchcase(action, pattern) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        and all(
            condition_holds(operator, key, wanted, context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def verdict(policies: Sequence[str], action: str, resource: str, context: Context) -> str:
    """`allow`, `deny <Sid>`, or `nothing` when no statement speaks of the request."""
    found: list[Mapping[str, Any]] = [
        statement
        for policy in policies
        for statement in json.loads(policy)["Statement"]
        if applies(statement, action, resource, context)
    ]
    for statement in found:
        if statement["Effect"] == "Deny":
            return f"deny {statement['Sid']}"
    return "allow" if found else "nothing"
