"""Shared checks of booleans and of policy statements."""

import re
from collections.abc import Callable

from policies.engine.rule import Unknown, Verdicts, disallowed, expected, unreadable
from policies.model.aws.iam_documents import Statement, statement_of, statement_values
from policies.model.networks import is_world
from policies.model.property_values import UnknownValueError, UnreadableValueError, Value

DEPUTIES = re.compile(r"(s3|sns|cloudfront)\.amazonaws\.com(\.cn)?")
"""The services that deliver or read for whoever configures them, and that always name their source.

Sources of the examples with a condition: S3 user guide, grant-destinations-permissions-to-s3; SNS guide,
sns-access-policy-use-cases, for queues; CloudFront guide, private-content-restricting-access-to-s3. The
pattern omits services that AWS shows without a condition: EventBridge, whose guide allows none in the policy
of a topic (eb-use-resource-based, Amazon SNS permissions), and CloudTrail, whose default policy has none."""


def guarded(verdicts: Verdicts, urn: str | None = None) -> Verdicts:
    """Yield the verdicts of one check; an unknown or unreadable value becomes its last verdict."""
    try:
        yield from verdicts
    except UnknownValueError as unknown:
        yield Unknown(unknown.path, urn)
    except UnreadableValueError as fault:
        yield unreadable(fault, urn)


def must_be_true(value: Value) -> Verdicts:
    """Require true for a setting whose default is false."""
    if value.flag() is not True:
        yield expected(value, "true")


def must_not_be_true(value: Value) -> Verdicts:
    """Refuse true for a setting whose default is false."""
    if value.flag():
        yield expected(value, "false")


def must_be_false(value: Value) -> Verdicts:
    """Require false for a setting whose default is true."""
    if value.flag() is not False:
        yield expected(value, "false")


def check_each_statement(document: Value, check: Callable[[Statement], Verdicts]) -> Verdicts:
    """Check every statement of a policy document separately."""

    def evaluate(value: Value) -> Verdicts:
        yield from check(statement_of(value))

    for value in statement_values(document):
        yield from guarded(evaluate(value))


def open_to_everybody(document: Value, remedy: str, services: re.Pattern[str] | None = None) -> Verdicts:
    """Report statements that allow access to everybody, without a condition that names the principals.

    The services, if any, are those that need a condition that names their source.

    Statements for parts of the internet count together. All are reported, so that one which is older than a
    pull request hides none of the others.
    """
    limited: list[Statement] = []

    def check(statement: Statement) -> Verdicts:
        if statement.open or (services is not None and statement.from_any_account(services)):
            yield disallowed(statement.named, remedy)
        elif statement.networks:
            limited.append(statement)

    yield from check_each_statement(document, check)
    if is_world(*(network for statement in limited for network in statement.networks)):
        yield from (disallowed(statement.named, remedy) for statement in limited)
