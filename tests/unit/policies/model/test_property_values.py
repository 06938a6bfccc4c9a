import json

import pytest

from policies.model.property_marks import SENTINELS, from_plain
from policies.model.property_values import DEEPEST, UnreadableValueError, Value
from tests.support.policies.pytest_fixtures import MessagesOf, secret

ROLE = "aws:iam/role:Role"
DEEP = {
    "lists": "[" * 5000,
    "closed lists": "[" * 5000 + "]" * 5000,
    "objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "as deep as Python reads": "[" * 500 + "]" * 500,
    "one too deep": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_document_that_is_too_deep_is_a_finding(messages_of: MessagesOf, text: str) -> None:
    with pytest.raises(UnreadableValueError):
        Value(text, "policy").json()
    assert messages_of("iam-trust-without-condition", ROLE, {"assumeRolePolicy": text}) == [
        f"assumeRolePolicy is a document of more than {DEEPEST} levels; write it flatter, so that it can be"
        " checked"
    ]


def test_a_document_of_the_greatest_depth_is_read() -> None:
    text = "[" * DEEPEST + "]" * DEEPEST
    assert Value(text).json().plain() == json.loads(text)


def test_a_number_of_thousands_of_digits_hides_no_statement() -> None:
    text = '{"Statement": {"Effect": "Allow"}, "x": ' + "1" * 5000 + "}"
    assert Value(text).json().at("Statement.Effect").text() == "Allow"


def test_a_value_that_is_too_deep_is_shown_without_its_parts() -> None:
    deep: object = "hunter2"
    for _ in range(5000):
        deep = [deep]
    assert Value(deep).shown() == "a document of more than 64 levels"
    assert Value(from_plain([{"a": [secret("hunter2")]}])).shown() == "[secret]"


def test_the_engines_marks_have_no_meaning_in_a_text() -> None:
    document = {"a": sorted(SENTINELS), "b": secret({"c": 1}), **secret({})}
    value = Value(json.dumps(document)).json()
    assert value.plain() == document
    assert value["b"].shown().startswith("{'4dabf") and not value.secret
