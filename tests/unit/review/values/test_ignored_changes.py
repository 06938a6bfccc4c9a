"""Tests of the values at paths whose changes the engine ignores."""

import pytest

from review.values.ignored_changes import find_hidden_changes, join_parts

AMBIGUOUS = ["spec.a.b", 'spec["a.b"]', '["spec.a.b"]']
"""Paths of ignored changes with one text if dots join their parts."""


@pytest.mark.parametrize("paths", [AMBIGUOUS, AMBIGUOUS[::-1]])
def test_paths_with_dots_in_names_hide_no_other_path(paths: list[str]) -> None:
    before = {"spec": {"a": {"b": 1}, "a.b": 3}, "spec.a.b": 5}
    after = {"spec": {"a": {"b": 2}, "a.b": 3}, "spec.a.b": 6}
    assert find_hidden_changes({"ignoreChanges": paths}, before, after) == {
        "spec.a.b": (1, 2),
        '["spec.a.b"]': (5, 6),
    }


def test_a_new_name_is_a_change_although_its_value_stays() -> None:
    before, after = ({"tags": {name: "true"}} for name in ("backup", "backups"))
    assert find_hidden_changes({"ignoreChanges": ["tags[*]", "tags[*].a", "x[*]"]}, before, after) == {
        "tags.*": ({"tags.backup": "true"}, {"tags.backups": "true"})
    }


def test_the_paths_of_different_parts_differ() -> None:
    lists = [["a", "b"], ["a.b"], ["a", '["b"]'], ["a", ""], ["a"], ['a["b"]'], ["a", "*"], ["", "a"]]
    lists += [["a", "0"], ["a[0]"], ["a", "[0]"], ["a", "00"], ["0", "a"], ["[0]", "a"], ["a.0"]]
    assert len({*map(join_parts, lists)}) == len(lists)


@pytest.mark.parametrize("index", ["0", "+0", "-0", "00", "0" * 5000])
def test_an_index_is_the_number_that_the_engine_reads(index: str) -> None:
    before, after = ({"rules": [{"port": port}]} for port in (22, 443))
    hidden = find_hidden_changes({"ignoreChanges": [f"rules[{index}].port"]}, before, after)
    assert hidden == {"rules[0].port": (22, 443)}
