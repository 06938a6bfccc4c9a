"""A strict parser of Cloudflare's rules language.

Cloudflare's parser reads a token where it expects one, and needs no space after it: `ssl orssl` is
`ssl or ssl`, `eqr"\\"` compares with a raw string, and a quote inside of a regular expression's `[…]` ends no
text (wirefilter, engine/src/lex.rs: lex_enum; rhs_types/bytes.rs: lex_quoted_or_raw_string;
rhs_types/regex/mod.rs: lex_regex_from_literal). This parser refuses what its own tokens may divide elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

LONGEST = 4096
"""The maximum number of characters of an expression (Cloudflare, Rules language, Expressions)."""

DEEPEST = 20
"""The maximum number of nested brackets and negations of an expression that is read."""

_TOKEN = re.compile(
    r"""(?P<space>[ \r\n\t]+)
    |(?P<text>"(?:[^"\\]|\\.)*+")
    |(?P<word>[A-Za-z0-9_.$:/-]++(?!"))
    |(?P<mark>&&|\|\||\^\^|[=!<>]=|[(){}\[\],~!<>*])
    """,
    re.DOTALL | re.VERBOSE,
)
_BY_PRECEDENCE = (("or", "||"), ("xor", "^^"), ("and", "&&"))
"""The operators from the loosest to the tightest (wirefilter, engine/src/ast/logical_expr.rs: LogicalOp)."""

_NOT = ("not", "!")
"""Negations, which bind tighter than every other operator (same file: lex_simple_expr)."""

_COMPARING = ("eq", "==", "ne", "!=", "lt", "<", "le", "<=", "gt", ">", "ge", ">=", "contains", "wildcard")
_MATCHING = ("matches", "~")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_NAME = re.compile(r"(?!not)[A-Za-z_][A-Za-z0-9_.]*")
"""A field or function; `notssl` is `not ssl`."""
_NUMBER = re.compile(r"-?\d+")
_LIST = re.compile(r"\$[A-Za-z0-9_.]+")


class UnreadableExpressionError(Exception):
    """An expression that is invalid, or whose tokens Cloudflare may divide in another way."""


@dataclass(frozen=True)
class Expression:
    """A comparison, or an operator with its operands: `or`, `xor`, `and`, or `not`."""

    tokens: tuple[str, ...] = ()
    """The tokens of a comparison."""
    operator: str = ""
    operands: tuple["Expression", ...] = ()


def parse(expression: str) -> Expression:
    """Return the comparisons and operators of an expression, without the brackets around them."""
    if len(expression) > LONGEST:
        raise UnreadableExpressionError
    reader = _Reader(_tokens(expression))
    parsed = reader.expression(DEEPEST)
    if reader.rest:
        raise UnreadableExpressionError
    return parsed


def is_network(text: str) -> bool:
    """Return True if a token is an IP address or a network."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise UnreadableExpressionError
        if match.lastgroup != "space":
            tokens.append(match[0])
        position = match.end()
    return tokens


class _Reader:
    """The tokens that are still to be read."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens[::-1]

    def expression(self, depth: int, level: int = 0) -> Expression:
        """Read operands that are joined by operators of this level of precedence or a tighter one."""
        if level == len(_BY_PRECEDENCE):
            return self._operand(depth)
        operands = [self.expression(depth, level + 1)]
        while self._next() in _BY_PRECEDENCE[level]:
            self._take()
            operands.append(self.expression(depth, level + 1))
        return operands[0] if len(operands) == 1 else _joined(_BY_PRECEDENCE[level][0], operands)

    def _operand(self, depth: int) -> Expression:
        if depth < 0:
            raise UnreadableExpressionError
        if self._next() in _NOT:
            self._take()
            return _joined("not", [self._operand(depth - 1)])
        if self._next() == "(":
            self._take()
            inner = self.expression(depth - 1)
            self._expect(self._take() == ")")
            return inner
        return Expression((*self._left(), *self._right()))

    def _left(self) -> list[str]:
        """Read a field or a call of a function, with its indexes."""
        tokens = [self._take()]
        self._expect(_NAME.fullmatch(tokens[0]) is not None)
        while self._next() in ("(", "["):
            tokens += self._group()
        return tokens

    def _group(self) -> list[str]:
        """Read everything in brackets; what is in them decides nothing outside."""
        tokens = [self._take()]
        closing = [_CLOSING[tokens[0]]]
        while closing:
            token = self._take()
            self._expect(tokens[-1] not in _MATCHING or _is_plain(token))
            tokens.append(token)
            if token in _CLOSING:
                closing.append(_CLOSING[token])
            elif token in _CLOSING.values():
                self._expect(token == closing.pop())
        return tokens

    def _right(self) -> list[str]:
        """Read an operator and its value; a field that is true or false has none."""
        operator = self._next()
        if operator == "strict":
            self._take()
            self._expect(self._next() == "wildcard")
            return [operator, *self._right()]
        if operator == "in":
            self._take()
            return [operator, *(self._group() if self._next() == "{" else [self._value()])]
        if operator in _MATCHING:
            self._take()
            self._expect(_is_plain(self._next()))
            return [operator, self._take()]
        if operator in _COMPARING:
            self._take()
            return [operator, self._value()]
        return []

    def _value(self) -> str:
        token = self._take()
        self._expect(
            token.startswith('"')
            or _NUMBER.fullmatch(token) is not None
            or _LIST.fullmatch(token) is not None
            or is_network(token)
        )
        return token

    def _next(self) -> str:
        return self.rest[-1] if self.rest else ""

    def _take(self) -> str:
        self._expect(bool(self.rest))
        return self.rest.pop()

    @staticmethod
    def _expect(condition: bool) -> None:
        if not condition:
            raise UnreadableExpressionError


def _joined(operator: str, operands: Sequence[Expression]) -> Expression:
    return Expression(operator=operator, operands=tuple(operands))


def _is_plain(token: str) -> bool:
    """Return True if a token is a text without `[`, whose end is the same in a regular expression."""
    return token.startswith('"') and "[" not in token
