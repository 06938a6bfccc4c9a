"""Evaluation of a request against identity policies, boundaries, resource policies and trust policies.

The rules are those of the IAM user guide, "Policy evaluation logic" and "Cross-account policy evaluation
logic" (awsdocs/iam-user-guide, doc_source/reference_policies_evaluation-logic*.md). Service control policies
are not evaluated: the accounts of this project have none, and they could only deny.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Literal

from sandbox.iam.policies import OPERATORS, VARIABLE, Condition, Effect, Statement, matches


class Special(Enum):
    """Special values of a context key."""

    ABSENT = "absent"
    """The request has no such key."""
    CHOSEN = "chosen"
    """The caller can give the key any value, or omit it.

    So a condition on the key holds in every Allow and in no Deny. This overestimates the caller: there may be
    no single value that satisfies all conditions of the request.
    """


ABSENT, CHOSEN = Special.ABSENT, Special.CHOSEN
ContextValue = str | tuple[str, ...] | Special
"""A single value, the values of a key with several values, or a special value."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Context of a request: the values of its keys, and one value for all other keys."""

    values: Mapping[str, ContextValue]
    """Values by key in lower case; a key that ends in `*` stands for all keys with this prefix."""
    otherwise: Special = ABSENT

    def value(self, key: str) -> ContextValue:
        """Return the value of a key, whose name must be in lower case."""
        if key in self.values:
            return self.values[key]
        for pattern, value in self.values.items():
            if pattern.endswith("*") and key.startswith(pattern[:-1]):
                return value
        return self.otherwise


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A principal that sends a request."""

    kind: Literal["AWS", "Service", "Federated"]
    identifier: str
    """ARN of the role, user or identity provider, or the name of the service."""
    account: str
    """The account of the role or user; empty for services and identity providers."""
    identity: Sequence[Statement] = ()
    """Statements of all policies that are attached to the role or user."""
    boundary: Sequence[Statement] | None = None
    """Permissions boundary; None if the role or user has none."""
    session: Sequence[Statement] | None = None
    """Session policy; None if the session has none."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """An action of a caller on a resource."""

    caller: Caller
    action: str
    resource: str
    account: str
    """The account that owns the resource."""
    resource_policy: Sequence[Statement] | None = None
    """Statements of the resource's own policy; None if it has none."""
    needs_resource_policy: bool = False
    """True for KMS keys and trust policies, which must allow a request even from the same account."""
    context: Context = field(default_factory=lambda: Context(values={}))


PolicyKind = Literal[
    "identity-based policy", "permissions boundary", "session policy", "resource-based policy"
]
"""Kinds of policies, with their names in AWS's messages (IAM user guide, access denied error messages)."""


@dataclass(frozen=True)
class Decision:
    """The result of an evaluation, and the reason for it."""

    allowed: bool
    reason: str
    """`allow`, `deny <Sid>`, or `nothing` if no combination of statements allows the request."""
    kind: PolicyKind = "identity-based policy"
    """Kind of the policy that denies the request, or that lacks a statement which allows it."""


class Grant(IntEnum):
    """Strength with which a resource policy allows a request of a caller."""

    NONE = 0
    """The policy does not allow the request."""
    ACCOUNT = 1
    """The policy only delegates to the identity policies of the caller's account."""
    ROLE = 2
    """The policy names the role, and the role's boundary and session policy still limit it."""
    DIRECT = 3
    """The policy alone is sufficient, whatever identity policies, boundary and session policy allow."""


def decide(request: Request) -> Decision:
    """Return the decision of IAM for a request."""
    caller = request.caller
    policies: tuple[tuple[PolicyKind, Sequence[Statement] | None], ...] = (
        ("identity-based policy", caller.identity),
        ("permissions boundary", caller.boundary),
        ("session policy", caller.session),
    )
    for kind, statements in policies:
        for statement in statements or ():
            if statement.effect == "Deny" and _applies(statement, request):
                return Decision(False, f"deny {statement.sid}", kind)
    grant = Grant.NONE
    for statement in request.resource_policy or ():
        strength = _principal_grant(statement, caller) if _applies(statement, request) else Grant.NONE
        if strength and statement.effect == "Deny":
            return Decision(False, f"deny {statement.sid}", "resource-based policy")
        grant = max(grant, strength)
    if _is_granted(request, grant):
        return Decision(True, "allow")
    for kind, statements in policies:
        if statements is not None and not _allows(statements, request):
            return Decision(False, "nothing", kind)
    return Decision(False, "nothing", "resource-based policy")


def _is_granted(request: Request, grant: Grant) -> bool:
    caller = request.caller
    if caller.kind != "AWS":
        return grant is Grant.DIRECT
    limited = all(
        statements is None or _allows(statements, request) for statements in (caller.boundary, caller.session)
    )
    by_identity = limited and _allows(caller.identity, request)
    if caller.account != request.account:
        return bool(grant) and by_identity
    if grant is Grant.DIRECT or (grant is Grant.ROLE and limited):
        return True
    return by_identity and (grant is Grant.ACCOUNT or not request.needs_resource_policy)


def _allows(statements: Sequence[Statement], request: Request) -> bool:
    return any(statement.effect == "Allow" and _applies(statement, request) for statement in statements)


def _principal_grant(statement: Statement, caller: Caller) -> Grant:
    """Return the strength with which a statement's principals name the caller."""
    return max((_grant(kind, name, caller) for kind, name in statement.principals), default=Grant.NONE)


def _grant(kind: str, name: str, caller: Caller) -> Grant:
    if kind == "*" or (kind == "AWS" == caller.kind and name == "*"):
        return Grant.DIRECT
    if kind != caller.kind:
        return Grant.NONE
    if name == caller.identifier:
        return Grant.ROLE if ":role/" in name else Grant.DIRECT
    if kind == "AWS" and name in (caller.account, f"arn:aws:iam::{caller.account}:root"):
        return Grant.ACCOUNT
    return Grant.NONE


def applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Return True if a statement matches an action, a resource and a context; principals are ignored."""
    name = action.lower()
    if any(matches(pattern, name) for pattern in statement.actions) == statement.excludes_actions:
        return False
    covered = any(_covers(pattern, resource, context, statement.effect) for pattern in statement.resources)
    if covered == statement.excludes_resources:
        return False
    return all(condition_holds(condition, context, statement.effect) for condition in statement.conditions)


def _applies(statement: Statement, request: Request) -> bool:
    return applies(statement, request.action, request.resource, request.context)


def _covers(pattern: str, resource: str, context: Context, effect: Effect) -> bool:
    expanded = _expand(pattern, context)
    if isinstance(expanded, Special):
        return expanded is CHOSEN and effect == "Allow"
    return matches(expanded, resource)


def _expand(text: str, context: Context) -> str | Special:
    """Replace the policy variables of a text; return ABSENT or CHOSEN if a variable has this value.

    A policy whose variable has no value matches nothing (IAM user guide, policy variables).
    """
    for key in VARIABLE.findall(text):
        value = context.value(key.lower())
        if isinstance(value, Special):
            return value
        if not isinstance(value, str):
            return ABSENT
        text = text.replace("${" + key + "}", value)
    return text


def condition_holds(condition: Condition, context: Context, effect: Effect) -> bool:
    """Return True if a condition of a statement with this effect holds.

    A condition whose key is absent is false, unless its operator is negated, ends in IfExists or begins with
    ForAllValues. A key whose value the caller chooses satisfies the conditions of each Allow and of no Deny.
    """
    value = context.value(condition.key)
    if value is CHOSEN:
        return effect == "Allow"
    if condition.operator == "Null":
        return (value is ABSENT) == (condition.values[0] == "true")
    test, negated = OPERATORS[condition.operator]
    expanded = [_expand(text, context) for text in condition.values]
    if CHOSEN in expanded:
        return effect == "Allow"
    values = [text for text in expanded if isinstance(text, str)]
    if isinstance(value, Special):
        if condition.quantifier:
            return condition.quantifier == "ForAllValues"
        return negated or condition.if_exists
    results = [
        any(test(text, expected) for expected in values) != negated
        for text in ((value,) if isinstance(value, str) else value)
    ]
    return any(results) if condition.quantifier == "ForAnyValue" else all(results)
