"""Tests of the settings that differ between base and head."""

from pathlib import Path

from review.model import OF_THE_BASE, SETS
from review.stacks.setting_changes import find_changes
from review.stacks.stack_file import StackFile, read_stack_file


def test_changed_settings_come_in_the_order_of_the_file_with_their_lines() -> None:
    base = {"pipe:a": ("1", 4), "pipe:b": ("x", 5), "pipe:gone": ("y", 6), "pipe:same": ("z", 7)}
    head = {"pipe:b": ("w", 2), "pipe:a": ("2", 9), "pipe:new": ("n", 3), "pipe:same": ("z", 8)}
    changes = [*find_changes("dev", StackFile("Pulumi.dev.yaml", base, head))]
    assert [(change.key, change.before, change.after) for change in changes] == [
        ("pipe:b", "x", "w"),
        ("pipe:new", None, "n"),
        ("pipe:gone", "y", None),
        ("pipe:a", "1", "2"),
    ]
    locations = [(change.location.line, change.location.role) for change in changes]
    assert locations == [(2, SETS), (3, SETS), (6, OF_THE_BASE), (9, SETS)]


def test_the_value_of_a_secret_is_masked() -> None:
    file = StackFile("Pulumi.dev.yaml", {"pipe:a.secure": ("v1:x", 1)}, {"pipe:a.secure": ("v1:y", 1)})
    [change] = find_changes("dev", file)
    assert (change.key, change.before, change.after) == ("pipe:a", "[secret]", "[secret]")


def test_a_stack_without_a_file_on_one_side_has_no_changed_settings() -> None:
    assert [*find_changes("dev", StackFile("Pulumi.dev.yaml", {}, {"pipe:a": ("1", 1)}))] == []


def test_a_key_with_a_dot_is_another_one_than_nested_keys(tmp_path: Path) -> None:
    sides: list[tuple[Path, Path]] = []
    for side, settings in (("base", "{pipe:a: {b: 1}}"), ("head", "{pipe:a: {b: 1}, pipe:a.b: 2}")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "Pulumi.dev.yaml").write_text(f"config: {settings}\n")
        sides.append((tmp_path / side, tmp_path / side))
    [change] = find_changes("dev", read_stack_file("dev", *sides))
    assert (change.key, change.before, change.after) == ('["pipe:a.b"]', None, "2")


def test_an_empty_mapping_or_list_is_a_value(tmp_path: Path) -> None:
    sides: list[tuple[Path, Path]] = []
    for side, value in (("base", "{a: 1}"), ("head", "{a: {}, b: []}")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "Pulumi.dev.yaml").write_text(f"config:\n  pipe:x: {value}\n")
        sides.append((tmp_path / side, tmp_path / side))
    changes = find_changes("dev", read_stack_file("dev", *sides))
    assert [(change.key, change.before, change.after) for change in changes] == [
        ("pipe:x.a", "1", "{}"),
        ("pipe:x.b", None, "[]"),
    ]
