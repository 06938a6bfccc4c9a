"""Tests of the evaluator with the cases of the IAM user guide's evaluation logic."""

from typing import Any

from sandbox.iam.evaluation import ABSENT, CHOSEN, Caller, Context, ContextValue, Request, decide
from sandbox.iam.policies import Statement, parse_policy
from tests.support.rows import each_row

ROLE = "arn:aws:iam::111122223333:role/reader"
BUCKET = "arn:aws:s3:::data"
KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/1"


def policy(*statements: dict[str, Any]) -> tuple[Statement, ...]:
    return parse_policy({"Statement": list(statements)})


def allow(action: str = "s3:GetObject", resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Sid": "Yes", "Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: str = "s3:GetObject", resource: str = "*", **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Sid": "No", "Effect": "Deny"}


def caller(*statements: dict[str, Any], **more: Any) -> Caller:
    return Caller(kind="AWS", identifier=ROLE, account="111122223333", identity=policy(*statements), **more)


def reason(sender: Caller, account: str = "111122223333", **more: Any) -> str:
    request: dict[str, Any] = {"action": "s3:GetObject", "resource": f"{BUCKET}/x"} | more
    return decide(Request(caller=sender, account=account, **request)).reason


def test_without_any_statement_a_request_is_denied() -> None:
    assert reason(caller()) == "nothing"


def test_an_identity_policy_allows_within_an_account() -> None:
    assert reason(caller(allow())) == "allow"


def test_the_name_of_an_action_is_not_case_sensitive() -> None:
    assert reason(caller(allow("S3:getOBJECT"))) == "allow"


def test_notaction_and_notresource_allow_the_rest() -> None:
    others = {"Sid": "", "Effect": "Allow", "NotAction": "s3:Put*", "NotResource": f"{BUCKET}/secret"}
    assert reason(caller(others)) == "allow"
    assert reason(caller(others), resource=f"{BUCKET}/secret") == "nothing"
    assert reason(caller(others), action="s3:PutObject") == "nothing"


@each_row("place", ["identity", "boundary", "session", "resource"])
def test_an_explicit_deny_anywhere_overrides_every_allow(place: str) -> None:
    statements = [allow(), deny()]
    sender = caller(
        *(statements if place == "identity" else [allow()]),
        boundary=policy(*(statements if place == "boundary" else [allow()])),
        session=policy(*(statements if place == "session" else [allow()])),
    )
    everyone = [{"Principal": "*", **statement} for statement in statements]
    resource_policy = policy(*everyone) if place == "resource" else None
    assert reason(sender, resource_policy=resource_policy) == "deny No"


@each_row("limit", ["boundary", "session"])
def test_a_boundary_or_session_policy_limits_the_identity_policy(limit: str) -> None:
    assert reason(caller(allow(), **{limit: policy(allow("s3:PutObject"))})) == "nothing"
    assert reason(caller(allow(), **{limit: policy(allow("s3:*"))})) == "allow"


@each_row(
    ("principal", "without_identity", "with_identity", "with_boundary_that_allows_nothing"),
    [
        ({"AWS": ROLE}, "allow", "allow", "nothing"),
        ({"AWS": "111122223333"}, "nothing", "allow", "nothing"),
        ({"AWS": "arn:aws:iam::111122223333:root"}, "nothing", "allow", "nothing"),
        ("*", "allow", "allow", "allow"),
        ({"AWS": "*"}, "allow", "allow", "allow"),
        ({"AWS": "arn:aws:iam::111122223333:role/other"}, "nothing", "allow", "nothing"),
        ({"Service": "s3.amazonaws.com"}, "nothing", "allow", "nothing"),
    ],
)
def test_a_resource_policy_within_an_account(
    principal: Any, without_identity: str, with_identity: str, with_boundary_that_allows_nothing: str
) -> None:
    resource_policy = policy(allow(Principal=principal))
    assert reason(caller(), resource_policy=resource_policy) == without_identity
    assert reason(caller(allow()), resource_policy=resource_policy) == with_identity
    bounded = caller(allow(), boundary=())
    assert reason(bounded, resource_policy=resource_policy) == with_boundary_that_allows_nothing


@each_row(
    "principal", [{"AWS": ROLE}, {"AWS": "111122223333"}, {"AWS": "arn:aws:iam::111122223333:root"}, "*"]
)
def test_across_accounts_both_sides_must_allow(principal: Any) -> None:
    resource_policy = policy(allow(Principal=principal))
    assert reason(caller(allow()), "444455556666", resource_policy=resource_policy) == "allow"
    assert reason(caller(), "444455556666", resource_policy=resource_policy) == "nothing"
    assert reason(caller(allow()), "444455556666") == "nothing"


@each_row(
    ("principal", "without_identity", "with_identity"),
    [
        ({"AWS": ROLE}, "allow", "allow"),
        ({"AWS": "arn:aws:iam::111122223333:root"}, "nothing", "allow"),
        ({"AWS": "arn:aws:iam::111122223333:role/other"}, "nothing", "nothing"),
    ],
)
def test_a_key_or_trust_policy_must_allow_even_within_the_account(
    principal: Any, without_identity: str, with_identity: str
) -> None:
    request: dict[str, Any] = {
        "action": "kms:Decrypt",
        "resource": KEY,
        "resource_policy": policy(allow("kms:*", Principal=principal)),
        "needs_resource_policy": True,
    }
    assert reason(caller(), **request) == without_identity
    assert reason(caller(allow("kms:Decrypt")), **request) == with_identity


@each_row(
    ("kind", "name", "expected"),
    [
        ("Service", "ec2.amazonaws.com", "allow"),
        ("Service", "eks.amazonaws.com", "nothing"),
        ("Federated", "ec2.amazonaws.com", "nothing"),
    ],
)
def test_a_service_needs_a_trust_policy_that_names_it(kind: Any, name: str, expected: str) -> None:
    trust = policy(
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    )
    sender = Caller(kind=kind, identifier=name, account="")
    request: dict[str, Any] = {"action": "sts:AssumeRole", "resource": ROLE, "resource_policy": trust}
    assert reason(sender, **request, needs_resource_policy=True) == expected


@each_row(
    ("operator", "expected", "value", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a", ABSENT, False),
        ("StringEqualsIfExists", "a", ABSENT, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", "a", ABSENT, True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringLike", "a*", "abc", True),
        ("StringNotLike", "a*", "abc", False),
        ("ArnLike", "arn:aws:iam::1*:role/*", "arn:aws:iam::123:role/x", True),
        ("ArnEquals", "arn:*:role/x", "arn:aws:iam::123:role/x", False),  # Segment by segment.
        ("ArnNotLike", "arn:aws:iam::*:role/x", "arn:aws:iam::123:role/x", False),
        ("ArnNotEquals", "arn:aws:iam::*:role/x", "arn:aws:iam::123:role/y", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("NumericEquals", "1", "1.0", True),
        ("NumericLessThan", "1.2", "1.1", True),
        ("NumericLessThan", 1.2, "1.2", False),
        ("NumericLessThanEquals", "1.2", "1.2", True),
        ("NumericGreaterThan", "1", "2", True),
        ("NumericGreaterThanEquals", "3", "2", False),
        ("Null", "true", ABSENT, True),
        ("Null", "true", "a", False),
        ("Null", False, "a", True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("b", "c"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c",), False),
        ("ForAnyValue:StringEqualsIfExists", "a", ABSENT, False),
        ("ForAllValues:StringEquals", ["a", "b"], ("b", "c"), False),
        ("ForAllValues:StringEquals", ["a", "b"], ("b", "a"), True),
        ("ForAllValues:StringEquals", "a", ABSENT, True),
        ("StringEquals", "a", CHOSEN, True),
        ("Null", "true", CHOSEN, True),
    ],
)
def test_a_condition_of_an_allow_statement(
    operator: str, expected: Any, value: ContextValue, holds: bool
) -> None:
    context = Context(values={"aws:key": value})
    sender = caller(allow(Condition={operator: {"aws:Key": expected}}))
    assert reason(sender, context=context) == ("allow" if holds else "nothing")


def test_all_conditions_of_a_statement_must_hold() -> None:
    both = {"StringEquals": {"a": "1", "b": "2"}}
    assert reason(caller(allow(Condition=both)), context=Context(values={"a": "1"})) == "nothing"
    assert reason(caller(allow(Condition=both)), context=Context(values={"a": "1", "b": "2"})) == "allow"


def test_a_key_that_the_caller_chooses_escapes_a_deny() -> None:
    sender = caller(allow(), deny(Condition={"StringNotEquals": {"a": "1"}}))
    assert reason(sender, context=Context(values={"a": CHOSEN})) == "allow"
    assert reason(sender, context=Context(values={}, otherwise=CHOSEN)) == "allow"
    assert reason(sender, context=Context(values={})) == "deny No"


def test_a_context_value_can_cover_all_keys_with_a_prefix() -> None:
    tagged = allow(Condition={"StringEquals": {"aws:ResourceTag/env": "dev"}})
    assert reason(caller(tagged), context=Context(values={"aws:resourcetag/*": CHOSEN})) == "allow"
    values: dict[str, ContextValue] = {"aws:resourcetag/env": "prod", "aws:resourcetag/*": CHOSEN}
    assert reason(caller(tagged), context=Context(values=values)) == "nothing"


@each_row(
    ("user", "reasons"),
    [("ann", ("allow", "nothing")), (ABSENT, ("nothing", "nothing")), (CHOSEN, ("allow", "allow"))],
)
def test_a_policy_variable_takes_its_value_from_the_context(
    user: ContextValue, reasons: tuple[str, str]
) -> None:
    context = Context(values={"aws:username": user, "aws:owner": "ann"})
    own = caller(allow(resource=f"{BUCKET}/${{aws:username}}"))
    keys = (f"{BUCKET}/ann", f"{BUCKET}/bob")
    assert tuple(reason(own, resource=key, context=context) for key in keys) == reasons
    owned = caller(allow(Condition={"StringEquals": {"aws:owner": "${aws:UserName}"}}))
    assert reason(owned, context=context) == reasons[0]


def test_a_variable_that_the_caller_chooses_escapes_a_deny() -> None:
    context = Context(values={"aws:username": CHOSEN})
    assert reason(caller(allow(), deny(resource="${aws:username}")), context=context) == "allow"
    denied = deny(Condition={"StringEquals": {"aws:username": "ann"}})
    assert reason(caller(allow(), denied), context=context) == "allow"
