"""The language of the tables: whatever a value holds, it is text in an expression and nothing else."""

from typing import Any

import pytest

from sandbox.wire.templates import broken_rules, fill, search
from tests.support.sandbox.providers.aws_account import empty_account

TEXTS = ["it's", "\\", "a\\'b", "`", '"', "<region>", "' || 'x", "日本\n"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_is_text_in_an_expression(text: str) -> None:
    words = {"name": text, "region": "r"}
    assert search("[?@=='<name>'] | [0]", ["x", text], words) == text
    assert search("'a <name || 'none'> b'", {}, words) == f"a {text} b"
    rule = {"if": "kind=='<kind>' && name=='<name>'", "say": "<name>"}
    assert [one["say"] for one in broken_rules([rule], words | {"kind": text})] == [text]


def test_a_number_can_be_filled_into_a_literal() -> None:
    assert search("[?@==`<id>`]", [1, 2], {"id": 2}) == [2]


EMPTY: list[Any] = [([{}], [{}]), ([], None), ({"a": {}}, {"a": {}})]


@pytest.mark.parametrize(("template", "made"), EMPTY)
def test_an_empty_object_in_a_template_stays_one(template: Any, made: Any) -> None:
    assert fill(template, {}) == made


def test_a_name_with_a_quote_is_looked_for_in_aws() -> None:
    with empty_account() as account:
        account.create("cluster")
        eks: Any = account.client("eks")
        found = eks.list_pod_identity_associations(clusterName="pipe-dev", namespace="it's")
        assert found["associations"] == []
