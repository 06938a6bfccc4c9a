"""Checks that many rules share."""

from collections.abc import Callable

from policies.engine.rule import Unknown, Verdicts, disallowed, expected, unreadable
from policies.model.iam_documents import Statement, statement_of, statement_values
from policies.model.property_values import UnknownValueError, UnreadableValueError, Value


def guarded(verdicts: Verdicts, urn: str | None = None) -> Verdicts:
    """The verdicts of one check, which ends where it meets an unknown value, and no other check with it."""
    try:
        yield from verdicts
    except UnknownValueError as unknown:
        yield Unknown(unknown.path, urn)
    except UnreadableValueError as fault:
        yield unreadable(fault, urn)


def must_be_true(value: Value) -> Verdicts:
    """A switch whose default is off has to be on."""
    if value.flag() is not True:
        yield expected(value, "true")


def must_not_be_true(value: Value) -> Verdicts:
    """A switch whose default is off has to stay off."""
    if value.flag():
        yield expected(value, "false")


def must_be_false(value: Value) -> Verdicts:
    """A switch whose default is on has to be off."""
    if value.flag() is not False:
        yield expected(value, "false")


def check_each_statement(document: Value, check: Callable[[Statement], Verdicts]) -> Verdicts:
    """Judges every statement of a policy document on its own."""

    def evaluate(value: Value) -> Verdicts:
        yield from check(statement_of(value))

    for value in statement_values(document):
        yield from guarded(evaluate(value))


def open_to_everybody(document: Value, remedy: str) -> Verdicts:
    """Names the statements that allow something to everybody, without a condition that names them."""

    def check(found: Statement) -> Verdicts:
        if found.open:
            yield disallowed(found.named, remedy)

    yield from check_each_statement(document, check)
