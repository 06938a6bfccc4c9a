"""Statements of IAM policy documents, parsed strictly.

An element, an operator or a form of policy variable that the evaluator does not support raises PolicyError,
so that no statement is silently misjudged. Sources: IAM user guide, "IAM JSON policy element reference" and
"Condition operators" (awsdocs/iam-user-guide, doc_source/reference_policies_elements*.md).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

Effect = Literal["Allow", "Deny"]
PrincipalKind = Literal["AWS", "Service", "Federated", "*"]

ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
"""Elements of a statement that the evaluator supports, which does not include NotPrincipal."""


VARIABLE = re.compile(r"\$\{([\w:/.-]+)\}")
"""Pattern of a policy variable, whose group is a context key."""


class PolicyError(Exception):
    """A policy that the evaluator does not support."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A comparison of a context key with values.

    `operator` is the base name: `quantifier` and `if_exists` contain its prefix and its suffix.
    """

    operator: str
    key: str
    """The context key in lower case, because keys are not case-sensitive."""
    values: tuple[str, ...]
    quantifier: Literal["", "ForAnyValue", "ForAllValues"] = ""
    if_exists: bool = False


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of a policy document, with wildcards in actions and resources."""

    sid: str
    effect: Effect
    actions: tuple[str, ...]
    """Patterns in lower case, because actions are not case-sensitive."""
    excludes_actions: bool = False
    """True if the document says NotAction."""
    resources: tuple[str, ...]
    excludes_resources: bool = False
    """True if the document says NotResource."""
    principals: tuple[tuple[PrincipalKind, str], ...] = ()
    """Kind and identifier of each principal; empty in identity policies."""
    conditions: tuple[Condition, ...] = ()


def parse_policy(document: str | Mapping[str, Any]) -> tuple[Statement, ...]:
    """Return the statements of a policy document; raise PolicyError if one is not supported."""
    policy = cast(Mapping[str, Any], json.loads(document) if isinstance(document, str) else document)
    return tuple(_parse_statement(statement) for statement in as_list(policy["Statement"]))


def as_list(value: Any) -> list[Any]:
    """Return a value as a list: in a policy document, a single value stands for a list of one."""
    return cast(list[Any], value) if isinstance(value, list) else [value]


def _parse_statement(statement: Mapping[str, Any]) -> Statement:
    unknown = sorted(set(statement) - ELEMENTS)
    if unknown:
        raise PolicyError(f"the evaluator does not support the element {unknown[0]}: {json.dumps(statement)}")
    actions, excludes_actions = _patterns(statement, "Action")
    resources, excludes_resources = _patterns(statement, "Resource")
    return Statement(
        sid=statement.get("Sid", ""),
        effect=statement["Effect"],
        actions=tuple(action.lower() for action in actions),
        excludes_actions=excludes_actions,
        # A trust policy has no Resource, because it is attached to its only resource.
        resources=resources or ("*",),
        excludes_resources=excludes_resources,
        principals=_parse_principals(statement.get("Principal", {})),
        conditions=tuple(
            _parse_condition(operator, key, values)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        ),
    )


def _patterns(statement: Mapping[str, Any], element: str) -> tuple[tuple[str, ...], bool]:
    """Return the patterns of an element or of its negation, and True for the negation."""
    negation = f"Not{element}"
    excludes = negation in statement
    patterns = tuple(str(value) for value in as_list(statement.get(negation if excludes else element, [])))
    for pattern in patterns:
        _check_variables(pattern)
        if excludes and VARIABLE.search(pattern):
            raise PolicyError(f"the evaluator does not support policy variables in {negation}: {pattern}")
    return patterns, excludes


def _parse_principals(principal: Any) -> tuple[tuple[PrincipalKind, str], ...]:
    if principal == "*":
        return (("*", "*"),)
    kinds = cast(Mapping[str, Any], principal)
    unknown = sorted(set(kinds) - {"AWS", "Service", "Federated"})
    if unknown:
        raise PolicyError(f"the evaluator does not support the kind of principal {unknown[0]}")
    return tuple(
        (cast(PrincipalKind, kind), str(identifier))
        for kind, identifiers in kinds.items()
        for identifier in as_list(identifiers)
    )


def _parse_condition(operator: str, key: str, values: Any) -> Condition:
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    if quantifier not in ("", "ForAnyValue", "ForAllValues") or base not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise PolicyError(f"the evaluator does not support the operator {operator}; it supports {known}")
    texts = tuple(_text(value) for value in as_list(values))
    for text in texts:
        _check_variables(text)
    return Condition(
        operator=base,
        key=key.lower(),
        values=texts,
        quantifier=quantifier,
        if_exists=name.endswith("IfExists"),
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_variables(text: str) -> None:
    """Refuse the forms of variables other than `${key}`, such as defaults and escaped wildcards."""
    if "${" in VARIABLE.sub("", text):
        raise PolicyError(f"the evaluator does not support this form of policy variable: {text}")


def matches(pattern: str, text: str) -> bool:
    """Return True if a pattern matches a whole text.

    `*` stands for any characters and `?` for one character. Both also match colons, because a wildcard at the
    end of an ARN's segment "can expand to match beyond the colon boundaries" (IAM user guide, Resource).
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return bool(_compile(pattern).fullmatch(text))


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; cached, since patterns are matched thousands of times."""
    expressions = {"*": ".*", "?": "."}
    return re.compile(
        "".join(expressions.get(character, re.escape(character)) for character in pattern), re.DOTALL
    )


def _equal_arns(value: str, pattern: str) -> bool:
    """Compare ARNs segment by segment, as ArnEquals and ArnLike do; both accept wildcards."""
    values, patterns = value.split(":", 5), pattern.split(":", 5)
    return len(values) == len(patterns) and all(map(matches, patterns, values))


OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, False),
    "StringNotEquals": (str.__eq__, True),
    "StringEqualsIgnoreCase": (lambda value, expected: value.lower() == expected.lower(), False),
    "StringLike": (lambda value, pattern: matches(pattern, value), False),
    "StringNotLike": (lambda value, pattern: matches(pattern, value), True),
    "ArnEquals": (_equal_arns, False),
    "ArnLike": (_equal_arns, False),
    "ArnNotEquals": (_equal_arns, True),
    "ArnNotLike": (_equal_arns, True),
    "Bool": (lambda value, expected: value.lower() == expected.lower(), False),
    "NumericEquals": (lambda value, limit: float(value) == float(limit), False),
    "NumericLessThan": (lambda value, limit: float(value) < float(limit), False),
    "NumericLessThanEquals": (lambda value, limit: float(value) <= float(limit), False),
    "NumericGreaterThan": (lambda value, limit: float(value) > float(limit), False),
    "NumericGreaterThanEquals": (lambda value, limit: float(value) >= float(limit), False),
    "Null": (str.__eq__, False),
}
"""Comparison of a context value with a policy's value, by operator; True if the operator negates it."""
