"""The template language of the TOML tables: JMESPath in angle brackets, with additional functions."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import jmespath
from jmespath.functions import Functions, signature

from sandbox.wire.values import Json

PLACEHOLDER = re.compile(r"<([^<>]+)>")
"""The pattern of a placeholder, which contains JMESPath."""

STRING_LITERAL = re.compile(r"'((?:<[^<>]+>|[^'<])*)'")
"""The pattern of a string in JMESPath, which may contain placeholders."""

STRING: Any = {"types": ["string"]}
OBJECT: Any = {"types": ["object"]}
ARRAY: Any = {"types": ["array", "null"]}
ANY: Any = {"types": []}


class _Functions(Functions):
    """The additional functions. In JMESPath, the name of each is the part after `_func_`."""

    @signature(STRING)
    def _func_host(self, name: str) -> str:
        """Return a host name normalised for comparison."""
        return name.lower().rstrip(".")

    @signature(ARRAY)
    def _func_twice(self, items: list[Any] | None) -> list[Any]:
        """Return the items that occur more than once in a list."""
        items = items or []
        return [item for index, item in enumerate(items) if item in items[:index]]

    @signature(ARRAY, ARRAY)
    def _func_lacking(self, items: list[Any] | None, among: list[Any] | None) -> list[Any]:
        """Return the items of a list that another list lacks."""
        return [item for item in items or [] if item not in (among or [])]

    @signature(ARRAY, OBJECT, ARRAY)
    def _func_like(self, rows: list[Any], example: Json, keys: list[str]) -> list[Any]:
        """Return the objects that have the same values as an example for the given keys."""
        return [row for row in rows if all(search(key, row) == search(key, example) for key in keys)]

    @signature(ANY, STRING)
    def _func_mentions(self, value: Any, text: str) -> bool:
        """Return True if a string occurs anywhere in a value."""
        return text in json.dumps(value)


OPTIONS = jmespath.Options(custom_functions=_Functions())


def search(expression: str, value: Any, variables: Json | None = None) -> Any:
    """Evaluate an expression on a value.

    With `variables`, the expression's placeholders are filled in first. In a string literal, the inserted
    text cannot end the literal.
    """
    if variables is None:
        return jmespath.search(expression, value, OPTIONS)

    def json_literal(match: re.Match[str]) -> str:
        text = json.dumps(fill_text(match[1], variables))
        return "`" + text.replace("`", "\\u0060").replace("<", "\\u003c") + "`"

    with_literals = STRING_LITERAL.sub(json_literal, expression)
    return jmespath.search(fill_text(with_literals, variables), value, OPTIONS)


def fill(template: Any, variables: Json) -> Any:
    """Fill in a template; return None if the result has no value.

    An object in a list is left out if the object's first key has no value.
    """
    if isinstance(template, str):
        expression = PLACEHOLDER.fullmatch(template)
        return search(expression[1], variables) if expression else fill_text(template, variables)
    if isinstance(template, dict):
        return _fill_object(cast(Json, template), variables)
    if isinstance(template, list):
        items = [
            fill(item, variables)
            for item in cast(list[Any], template)
            if _first_key_has_value(item, variables)
        ]
        return [item for item in items if item is not None] or None
    return template


def _fill_object(template: Json, variables: Json) -> Json | None:
    if not template:
        return {}
    filled = {key: fill(item, variables) for key, item in template.items()}
    return {key: item for key, item in filled.items() if item is not None} or None


def _first_key_has_value(item: Any, variables: Json) -> bool:
    if not item or not isinstance(item, dict):
        return True
    first = next(iter(cast(Json, item).values()))
    return fill(first, variables) is not None


def fill_text(template: str, variables: Json) -> str:
    """Fill in the placeholders in a string. Items of lists are joined by commas."""

    def value_text(match: re.Match[str]) -> str:
        value = search(match[1], variables)
        if value is None:
            return ""
        items = cast(list[Any], value) if isinstance(value, list) else [value]
        return ", ".join(map(str, items))

    return PLACEHOLDER.sub(value_text, template)


def broken_rules(rules: Iterable[Json], variables: Json) -> Iterator[Json]:
    """Yield the rules whose `if` yields a value, with the message `say` filled in.

    The message can refer to that value as `found`.
    """
    for rule in rules:
        if match := search(rule["if"], variables, variables):
            yield {**rule, "say": fill_text(rule["say"], {**variables, "found": match})}
