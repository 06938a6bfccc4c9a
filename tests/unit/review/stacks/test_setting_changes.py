"""Tests of the settings that differ between base and head."""

from review.model import OF_THE_BASE, SETS
from review.stacks.setting_changes import find_changes
from review.stacks.stack_file import StackFile


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
