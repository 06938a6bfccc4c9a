"""Tests of the strict parser of policy documents."""

import json
from typing import Any

import pytest

from sandbox.iam.policies import PolicyError, matches, parse_policy

STATEMENT: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NotPrincipal": {"AWS": "*"}}, "the evaluator does not support the element NotPrincipal"),
        (
            {"Principal": {"CanonicalUser": "1"}},
            "the evaluator does not support the kind of principal CanonicalUser",
        ),
        (
            {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
            "does not support the operator IpAddress",
        ),
        ({"Condition": {"ForSome:StringEquals": {"a": "b"}}}, "does not support the operator ForSome:Str"),
        ({"Resource": "arn:aws:s3:::a/${aws:username, 'x'}"}, "not support this form of policy variable"),
        ({"Condition": {"StringEquals": {"a": "${*}"}}}, "not support this form of policy variable: ${*}"),
        (
            {"NotResource": "arn:aws:s3:::a/${aws:username}"},
            "does not support policy variables in NotResource",
        ),
    ],
)
def test_an_unknown_part_of_a_policy_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(json.dumps({"Statement": [STATEMENT | change]}))
    assert message in str(error.value)


def test_a_single_statement_and_single_values_count_as_lists() -> None:
    [statement] = parse_policy({"Statement": STATEMENT})
    assert (statement.actions, statement.resources) == (("s3:getobject",), ("*",))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*b*d", "abcbcd", True),
        ("*b*d", "abcbc", False),
        ("a[b]c", "abc", False),
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
    ],
)
def test_only_an_asterisk_and_a_question_mark_are_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected
