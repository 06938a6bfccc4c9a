"""Tests of the tables' template language: a value in an expression is always data, never syntax."""

from typing import Any

import pytest

from sandbox.wire.templates import broken_rules, fill, search

TEXTS = ["it's", "\\", "a\\'b", "`", '"', "<region>", "' || 'x", "日本\n"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_is_text_in_an_expression(text: str) -> None:
    variables = {"name": text, "region": "r"}
    assert search("[?@=='<name>'] | [0]", ["x", text], variables) == text
    assert search("'a <name || 'none'> b'", {}, variables) == f"a {text} b"
    rule = {"if": "kind=='<kind>' && name=='<name>'", "say": "<name>"}
    [broken_rule] = broken_rules([rule], variables | {"kind": text})
    assert broken_rule["say"] == text


def test_a_number_can_be_filled_into_a_literal() -> None:
    assert search("[?@==`<id>`]", [1, 2], {"id": 2}) == [2]


EMPTY: list[Any] = [([{}], [{}]), ([], None), ({"a": {}}, {"a": {}})]


@pytest.mark.parametrize(("template", "filled"), EMPTY)
def test_an_empty_object_in_a_template_stays_and_an_empty_list_goes(template: Any, filled: Any) -> None:
    assert fill(template, {}) == filled
