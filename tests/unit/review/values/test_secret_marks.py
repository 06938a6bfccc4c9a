"""Tests of the marks that tell masked secrets apart while values are compared."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from review.stacks.value_parts import leaves, parse_json
from review.values.secret_marks import SecretMarks, without_marks
from sandbox.summary import MASK

KEYS = st.lists(st.sampled_from([MASK, "\ue000", "0", "a"]), max_size=5).map("".join)
"""Keys of a program, some of which look like a mask with its mark."""

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([SecretMarks().mask("a"), "a", 1, None]),
    lambda members: st.lists(members, max_size=3) | st.dictionaries(KEYS, members, max_size=4),
    max_leaves=10,
)


@given(VALUES)
def test_values_without_marks_have_the_same_members(value: Any) -> None:
    assert [path for path, _ in leaves("", without_marks(value))] == [path for path, _ in leaves("", value)]


def test_only_values_lose_their_marks() -> None:
    marked = SecretMarks().mask("a")
    assert without_marks({MASK: "hidden", marked: ["shown", marked]}) == {
        MASK: "hidden",
        marked: ["shown", MASK],
    }


def test_the_keys_of_a_document_stay_as_the_program_writes_them() -> None:
    assert parse_json('{"[secret]": 1, "[secret\u200b]": 2}') == {"[secret]": 1, "[secret\u200b]": 2}
