"""Tests that the policies read the structure of an expression as wirefilter does, Cloudflare's own parser."""

import random

from octorules_wirefilter import parse_expression

from policies.model.cloudflare.expression_parser import parse

OPERATORS = ("or", "||", "xor", "^^", "and", "&&")
COMPARISONS = ("ssl", 'http.host eq "a or b"', "ip.src in {192.0.2.1}", "len(http.host) gt 1")


def operand(source: random.Random, depth: int) -> str:
    """Return a comparison, a negation, or an expression in brackets."""
    choice = source.random()
    if depth == 0 or choice < 0.5:
        return source.choice(COMPARISONS)
    if choice < 0.75:
        return source.choice(("not ", "!")) + operand(source, depth - 1)
    return f"({joined(source, depth - 1)})"


def joined(source: random.Random, depth: int) -> str:
    """Return operands that are joined by operators."""
    parts = [operand(source, depth)]
    for _ in range(source.randint(1, 4)):
        parts += [source.choice(OPERATORS), operand(source, depth)]
    return " ".join(parts)


def test_the_loosest_operator_is_that_of_cloudflares_parser() -> None:
    source = random.Random(20)
    for expression in (joined(source, 3) for _ in range(500)):
        assert parse(expression).operator == parse_expression(expression)["top_level_op"], expression
