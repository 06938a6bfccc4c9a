"""The template language of the tables: JMESPath in angle brackets, with functions of our own."""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import jmespath
from jmespath.functions import Functions, signature

from sandbox.wire import policy_documents
from sandbox.wire.values import Json

PLACEHOLDER = re.compile(r"<([^<>]+)>")  # JMESPath in a template

STRING_LITERAL = re.compile(r"'((?:<[^<>]+>|[^'<])*)'")  # a string in JMESPath, which may have places

DOCUMENT: Any = {"types": ["object", "string"]}
STRING: Any = {"types": ["string"]}
OBJECT: Any = {"types": ["object"]}
ARRAY: Any = {"types": ["array", "null"]}
ANY: Any = {"types": []}


class _Functions(Functions):
    """The functions of our own, by their names after `_func_`."""

    @signature(STRING)
    def _func_network(self, block: str) -> Json | None:
        """Return the first and last address and the prefix length of a CIDR block; null if it is invalid."""
        try:
            found = ipaddress.ip_network(block)
        except ValueError:
            return None
        return {"first": int(found[0]), "last": int(found[-1]), "length": found.prefixlen}

    @signature(STRING)
    def _func_numbers(self, text: str) -> list[int]:
        """Return the whole numbers in a text, such as a version's."""
        return [int(digits) for digits in re.findall(r"\d+", text)]

    @signature(DOCUMENT)
    def _func_size(self, document: Any) -> int:
        """Return the length of a policy document as IAM counts it, without white space."""
        return len(re.sub(r"\s", "", document if isinstance(document, str) else json.dumps(document)))

    @signature(DOCUMENT, STRING, STRING, OBJECT)
    def _func_lets(self, document: Any, who: str, action: str, context: Json) -> bool:
        return policy_documents.allows(document, who, action, context)

    @signature(STRING)
    def _func_host(self, name: str) -> str:
        """Return a host name normalised for comparison."""
        return name.lower().rstrip(".")

    @signature(ARRAY)
    def _func_twice(self, items: list[Any] | None) -> list[Any]:
        """Return the duplicates of a list."""
        return [item for place, item in enumerate(items or []) if item in (items or [])[:place]]

    @signature(ARRAY, ARRAY)
    def _func_lacking(self, items: list[Any] | None, among: list[Any] | None) -> list[Any]:
        """Return the items of a list that another list lacks."""
        return [item for item in items or [] if item not in (among or [])]

    @signature(ARRAY, OBJECT, ARRAY)
    def _func_like(self, rows: list[Any], one: Json, keys: list[str]) -> list[Any]:
        """Return the objects that are equal to another one in these keys."""
        return [row for row in rows if all(search(key, row) == search(key, one) for key in keys)]

    @signature(ANY, STRING)
    def _func_mentions(self, value: Any, text: str) -> bool:
        """Return True if a text occurs anywhere in a value."""
        return text in json.dumps(value)


OPTIONS = jmespath.Options(custom_functions=_Functions())


def search(expression: str, value: Any, words: Json | None = None) -> Any:
    """Evaluate an expression, with placeholders filled in; inside its strings they are plain text."""

    def literal(found: re.Match[str]) -> str:
        said = json.dumps(fill_text(found[1], words or {}))
        return "`" + said.replace("`", "\\u0060").replace("<", "\\u003c") + "`"

    filled = expression if words is None else fill_text(STRING_LITERAL.sub(literal, expression), words)
    return jmespath.search(filled, value, OPTIONS)


def fill(template: Any, words: Json) -> Any:
    """Fill in a template; None if it has no value. An object in a list has one if its first key has."""
    if isinstance(template, str):
        found = PLACEHOLDER.fullmatch(template)
        return search(found[1], words) if found else fill_text(template, words)
    if isinstance(template, dict):
        made = {key: fill(item, words) for key, item in cast(Json, template).items()}
        return {key: item for key, item in made.items() if item is not None} or None if made else {}
    if isinstance(template, list):
        items = [fill(item, words) for item in cast(list[Any], template) if _has_first(item, words)]
        return [item for item in items if item is not None] or None
    return template


def _has_first(item: Any, words: Json) -> bool:
    return (
        not item
        or not isinstance(item, dict)
        or fill(next(iter(cast(Json, item).values())), words) is not None
    )


def fill_text(template: str, words: Json) -> str:
    """Fill in a string; lists are joined by commas."""

    def shown(found: re.Match[str]) -> str:
        value = search(found[1], words)
        items = cast(list[Any], value) if isinstance(value, list) else [] if value is None else [value]
        return ", ".join(map(str, items))

    return PLACEHOLDER.sub(shown, template)


def broken_rules(rules: Iterable[Json], words: Json) -> Iterator[Json]:
    """Yield the rules whose `if` matches, with their message `say` filled in (`found` is the match)."""
    for rule in rules:
        if found := search(rule["if"], words, words):
            yield {**rule, "say": fill_text(rule["say"], {**words, "found": found})}
