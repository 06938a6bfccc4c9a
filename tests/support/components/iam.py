"""Policy documents in tests, and the verdict of IAM's evaluation on them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.iam.evaluation import Context, applies
from sandbox.iam.policies import parse_policy


def statements(document: str) -> dict[str, dict[str, Any]]:
    """Return the statements of a policy document by Sid."""
    return {statement["Sid"]: statement for statement in json.loads(document)["Statement"]}


def trust(role: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only statement of a role's trust policy."""
    [statement] = json.loads(role["assumeRolePolicy"])["Statement"]
    return statement


def verdict(policies: Sequence[str], action: str, resource: str, context: Mapping[str, str]) -> str:
    """Return `allow`, `deny <Sid>`, or `nothing` if no statement matches; principals are ignored."""
    lowered = Context(values={key.lower(): value for key, value in context.items()})
    matching = [
        statement
        for policy in policies
        for statement in parse_policy(policy)
        if applies(statement, action, resource, lowered)
    ]
    for statement in matching:
        if statement.effect == "Deny":
            return f"deny {statement.sid}"
    return "allow" if matching else "nothing"
