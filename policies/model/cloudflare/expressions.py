"""Expressions of Cloudflare's rules language: the requests to which a rule applies."""

import re
from collections.abc import Callable, Iterator

from policies.model.cloudflare.expression_parser import (
    Expression,
    UnreadableExpressionError,
    is_network,
    parse,
)
from policies.model.networks import is_world

_LITERAL = re.compile(r'"\^([\w/-]*)(?![\w/-]|[?*{])')
"""The beginning of a regular expression, without a character that a quantifier makes optional."""

_PATHS = (
    "http.request.full_uri",
    "http.request.uri",
    "http.request.uri.path",
    "raw.http.request.full_uri",
    "raw.http.request.uri",
    "raw.http.request.uri.path",
)
_HOST = "http.host"
"""A host is enough: Cloudflare's own example of an exception names one (terraform,
additional-configurations/waf-managed-rulesets)."""
_ADDRESS = "ip.src"
_NETWORKS = ("ip.geoip.asnum", "ip.src.asnum")
_CLIENTS = ("cf.bot_management.verified_bot", "cf.client.bot", "cf.tls_client_auth.cert_verified")
"""Fields of Cloudflare's decisions about a client, which are true or false."""
_EQUAL = ("==", "eq")

_EVERYTHING = (("true",), ("starts_with", "(", "http.request.uri.path", ",", '"/"', ")"))
"""The tokens of expressions for every request. On the free plan, a rate limit cannot name the first
(Cloudflare, WAF, rate limiting rules, availability)."""


def matches_everything(expression: str | None) -> bool:
    """Return True if an expression is one of those for every request; an absent one is."""
    try:
        return parse(expression or "true").tokens in _EVERYTHING
    except UnreadableExpressionError:
        return False


def is_limited(expression: str) -> bool:
    """Return True if every request that matches has a certain host, path, address, network or certificate.

    Other expressions count as unlimited, since they may match every request.
    """
    return _is_readable_and_limited(expression, _is_condition_limited)


def spared_hosts(expression: str) -> frozenset[str]:
    """Return the hosts of which an expression may match every request; empty if a path or client limits it.

    The hosts are in lower case. Those that an unlimited expression names are among them. A star at the end
    stands for all hosts with this beginning.
    """
    if _is_readable_and_limited(expression, _is_limited_beside_host):
        return frozenset()
    try:
        return frozenset(_hosts(parse(expression)))
    except UnreadableExpressionError:
        return frozenset()


Condition = Callable[[tuple[str, ...], list[str]], bool]
"""A function that tells whether a comparison is limited, and appends the networks that it names."""


def _is_readable_and_limited(expression: str, is_condition_limited: Condition) -> bool:
    networks: list[str] = []
    try:
        limited = _is_limited(parse(expression), networks, is_condition_limited)
    except UnreadableExpressionError:
        return False
    return limited and not is_world(*networks)


def _is_limited(expression: Expression, networks: list[str], is_condition_limited: Condition) -> bool:
    """Return True if an expression is limited; append the networks that it names.

    What `xor` matches, one of its operands matches, too. A negation never counts as limited, since it matches
    all other requests.
    """
    if expression.operator == "not":
        return False
    if not expression.operator:
        return is_condition_limited(expression.tokens, networks)
    operands = [_is_limited(operand, networks, is_condition_limited) for operand in expression.operands]
    return any(operands) if expression.operator == "and" else all(operands)


def _hosts(expression: Expression) -> Iterator[str]:
    """Yield the hosts in comparisons that name whole hosts, in lower case."""
    for operand in expression.operands:
        yield from _hosts(operand)
    yield from _hosts_of_condition(expression.tokens)


def _hosts_of_condition(tokens: tuple[str, ...]) -> list[str]:
    match tokens:
        case (field, *rest) if field == _HOST:
            return [value.strip('"').lower() for value in _values(rest)]
        case ("starts_with", "(", field, ",", beginning, ")") if field.endswith("full_uri"):
            return _whole_host(beginning)
        case (field, "matches" | "~", pattern) if field.endswith("full_uri"):
            return _whole_host(_beginning(pattern))
        case _:
            return []


def _whole_host(beginning: str) -> list[str]:
    """Return the host in the beginning of a full URI that has no path, with a star if the host may go on."""
    host, slash, path = beginning.strip('"').partition("://")[2].partition("/")
    name, colon, _ = host.lower().partition(":")
    return [] if path.strip("/") else [name if slash or colon else f"{name}*"]


def _is_limited_beside_host(tokens: tuple[str, ...], networks: list[str]) -> bool:
    """Return True if a comparison is limited, and more than a host limits it."""
    return not _hosts_of_condition(tokens) and _is_condition_limited(tokens, networks)


def _is_condition_limited(tokens: tuple[str, ...], networks: list[str]) -> bool:
    match tokens:
        case (field,) if field in _CLIENTS:
            return True
        case ("starts_with", "(", field, ",", beginning, ")") if field in _PATHS:
            return _limits(field, beginning)
        case (field, "matches" | "~", pattern) if field in _PATHS:
            return _limits(field, _beginning(pattern))
        case (field, *rest):
            values = _values(rest)
            if field == _ADDRESS:
                networks += values
            return bool(values) and all(_is_value(field, value) for value in values)
        case _:
            return False


def _values(rest: list[str]) -> list[str]:
    """Return the values that follow a field: that of `eq`, or those of a set or list after `in`."""
    match rest:
        case [operator, value] if operator in _EQUAL:
            return [value]
        case ["in", "{", *values, "}"]:
            return values
        case ["in", name] if name.startswith("$"):
            return [name]
        case _:
            return []


def _is_value(field: str, value: str) -> bool:
    """Return True if a value is of the form that limits a field."""
    if field == _ADDRESS:
        return value.startswith("$") or is_network(value)
    if field in _NETWORKS:
        return value.isdecimal()
    if field == _HOST and "\\" in value:
        return False  # With an escape, a host has another name than the text shows.
    return field in (*_PATHS, _HOST) and value.startswith('"')


def _limits(field: str, beginning: str) -> bool:
    """Return True if not every value of a field has this beginning.

    A full URI begins with the scheme and the host of every request (Cloudflare, Rules language, fields,
    http.request.full_uri), so only one that ends the scheme and begins a host limits anything.
    """
    if field.endswith("full_uri"):
        scheme, separator, host = beginning.strip('"').partition("://")
        return scheme.lower() in ("http", "https") and bool(separator) and _is_path(host)
    return _is_path(beginning)


def _is_path(literal: str) -> bool:
    """Return True if a literal has more than slashes; an escaped character may be a slash, too."""
    return "\\" not in literal and bool(literal.strip('"/'))


def _beginning(pattern: str) -> str:
    """Return the literal beginning that a regular expression requires; empty if it has none."""
    match = _LITERAL.match(pattern) if "|" not in pattern else None
    return match[1] if match else ""
