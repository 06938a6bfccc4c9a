"""Expressions of Cloudflare's rules language: the requests to which a rule applies."""

import re
from ipaddress import ip_network

from policies.model.networks import is_world

LONGEST = 4096
"""The maximum number of characters of an expression (Cloudflare, Rules language, Expressions)."""

DEEPEST = 20
"""The maximum number of nested brackets of an expression that counts as limited."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*(?:"|\Z)|&&|\|\||\^\^|==|!=|[\w.$:/\[\]-]+|\S', re.DOTALL)

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
_OR = ("or", "||")
_AND = ("and", "&&")
_RAW = {"r", "#"}
"""Tokens before a raw string, whose quotes have another meaning."""

_EVERYTHING = ("true", 'starts_with(http.request.uri.path,"/"')
"""Expressions for every request, without brackets around them. On the free plan, a rate limit cannot name the
first (Cloudflare, WAF, rate limiting rules, availability)."""


def matches_everything(expression: str | None) -> bool:
    """Return True if an expression is one of those for every request; an absent one is."""
    return "".join((expression or "true").split()).strip("()") in _EVERYTHING


def is_limited(expression: str) -> bool:
    """Return True if every request that matches has a certain host, path, address, network or certificate.

    Other expressions count as unlimited, since they may match every request.
    """
    tokens = _TOKEN.findall(expression) if len(expression) <= LONGEST else []
    networks: list[str] = []
    limited = _RAW.isdisjoint(tokens) and _is_alternative_limited(tokens, networks, DEEPEST)
    return limited and not is_world(*networks)


def _is_alternative_limited(tokens: list[str], networks: list[str], depth: int) -> bool:
    """Return True if all alternatives are limited; append the networks that they name."""
    alternatives = [
        [_is_condition_limited(part, networks, depth) for part in _split(alternative, _AND)]
        for alternative in _split(tokens, _OR)
    ]
    return all(any(conditions) for conditions in alternatives)


def _is_condition_limited(tokens: list[str], networks: list[str], depth: int) -> bool:
    if tokens[:1] == ["("] and tokens[-1] == ")" and len(_split(tokens[1:-1], (")",))) == 1:
        return depth > 0 and _is_alternative_limited(tokens[1:-1], networks, depth - 1)
    match tokens:
        case [field] if field in _CLIENTS:
            return True
        case ["starts_with", "(", field, ",", beginning, ")"] if field in _PATHS:
            return _limits(field, beginning)
        case [field, "matches" | "~", pattern] if field in _PATHS:
            return _limits(field, _beginning(pattern))
        case [field, *rest]:
            values = _values(rest)
            if field == _ADDRESS:
                networks += values
            return bool(values) and all(_is_value(field, value) for value in values)
        case _:
            return False


def _split(tokens: list[str], separators: tuple[str, ...]) -> list[list[str]]:
    """Split tokens at the separators that are outside of all brackets."""
    parts: list[list[str]] = [[]]
    level = 0
    for token in tokens:
        if level == 0 and token in separators:
            parts.append([])
            continue
        level += (token == "(") - (token == ")")
        parts[-1].append(token)
    return parts


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
        return value.startswith("$") or _is_network(value)
    if field in _NETWORKS:
        return value.isdecimal()
    return field in (*_PATHS, _HOST) and value.startswith('"')


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


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
