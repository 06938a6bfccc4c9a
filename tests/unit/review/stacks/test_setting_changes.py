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


def test_a_member_beside_others_is_no_secret() -> None:
    plain = {"pipe:a.secure": ("x", 1), "pipe:a.other": ("1", 2)}
    file = StackFile("Pulumi.dev.yaml", plain, plain | {"pipe:a.secure": ("y", 1)})
    [change] = find_changes("dev", file)
    assert (change.key, change.before, change.after) == ("pipe:a.secure", "x", "y")
    secret = StackFile("Pulumi.dev.yaml", {"pipe:a.secure": ("v1:x", 1)}, plain)
    changes = [(change.key, change.before, change.after) for change in find_changes("dev", secret)]
    assert changes == [("pipe:a", "[secret]", "x"), ("pipe:a.other", None, "1")]


def test_a_value_with_a_word_of_the_report_is_marked() -> None:
    file = StackFile("Pulumi.dev.yaml", {"pipe:a": ("x", 1)}, {"pipe:a": ("(absent)", 1)})
    [change] = find_changes("dev", file)
    assert (change.before, change.after) == ("x", "(absent\u200b)")


def test_a_change_of_type_is_a_change(tmp_path: Path) -> None:
    contents = (
        "config:\n  pipe:a: {flag: false, n: 1, name: x, none: , list: []}\n",
        'config:\n  pipe:a: {flag: "false", n: "2", name: "x", none: "", list: "[]"}\n',
    )
    changes = find_changes("dev", read_stack_file("dev", *write_sides(tmp_path, *contents)))
    assert [(change.key, change.before, change.after) for change in changes] == [
        ("pipe:a.flag", "false", '"false"'),
        ("pipe:a.n", "1", '"2"'),
        ("pipe:a.none", "", '""'),
        ("pipe:a.list", "[]", '"[]"'),
    ]


def test_a_stack_without_a_file_on_one_side_has_no_changed_settings() -> None:
    file = StackFile("Pulumi.dev.yaml", {}, {"pipe:a": ("1", 1)}, is_on_both_sides=False)
    assert [*find_changes("dev", file)] == []


def write_sides(folder: Path, *contents: str) -> list[tuple[Path, Path]]:
    sides: list[tuple[Path, Path]] = []
    for side, content in zip(("base", "head"), contents, strict=True):
        (folder / side).mkdir()
        (folder / side / "Pulumi.dev.yaml").write_text(content)
        sides.append((folder / side, folder / side))
    return sides


def test_the_first_settings_of_a_file_are_changes(tmp_path: Path) -> None:
    sides = write_sides(tmp_path, "config: {}\n", "config: {pipe:a: 1}\n")
    [change] = find_changes("dev", read_stack_file("dev", *sides))
    assert (change.key, change.before, change.after) == ("pipe:a", None, "1")


def test_the_settings_of_a_large_file_are_compared(tmp_path: Path) -> None:
    comments = f"# {'x' * 2**17}\n" * 7
    sides = write_sides(tmp_path, "config: {}\n", f"config: {{pipe:a: {{secure: v1:x}}}}\n{comments}")
    [change] = find_changes("dev", read_stack_file("dev", *sides))
    assert (change.key, change.before, change.after) == ("pipe:a", None, "[secret]")


def test_a_file_that_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    sides = write_sides(tmp_path, "config: {}\n", "config: {pipe:a: !!str 1}\n")
    file = read_stack_file("dev", *sides)
    assert "the settings of Pulumi.dev.yaml cannot be read" in file.trouble
    assert "line 1: Pulumi may read the tag differently" in file.trouble
    assert [*find_changes("dev", file)] == []


def test_a_side_without_the_stack_is_no_trouble(tmp_path: Path) -> None:
    [base, head] = write_sides(tmp_path, "config: {}\n", "config: {pipe:a: 1}\n")
    file = read_stack_file("dev", (base[0], None), head)
    assert (file.trouble, file.is_on_both_sides) == ("", False)


def test_a_key_with_a_dot_is_another_one_than_nested_keys(tmp_path: Path) -> None:
    sides = write_sides(tmp_path, "config: {pipe:a: {b: 1}}\n", "config: {pipe:a: {b: 1}, pipe:a.b: 2}\n")
    [change] = find_changes("dev", read_stack_file("dev", *sides))
    assert (change.key, change.before, change.after) == ('["pipe:a.b"]', None, "2")


def test_an_empty_mapping_or_list_is_a_value(tmp_path: Path) -> None:
    files = (f"config:\n  pipe:x: {value}\n" for value in ("{a: 1}", "{a: {}, b: []}"))
    changes = find_changes("dev", read_stack_file("dev", *write_sides(tmp_path, *files)))
    assert [(change.key, change.before, change.after) for change in changes] == [
        ("pipe:x.a", "1", "{}"),
        ("pipe:x.b", None, "[]"),
    ]
