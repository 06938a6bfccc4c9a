"""Tests of the stacks that a review evaluates."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

from review import project_selection
from review.project_selection import (
    find_accounts,
    find_neighbours,
    may_be_on_one_account,
    select_stacks,
)
from sandbox.errors import CommandError
from tests.support.rows import each_row

FILES = {
    "Pulumi.yaml": "name: main\n",
    "Pulumi.dev.yaml": "config: {}\n",
    "base/Pulumi.yaml": "name: base\n",
    "base/Pulumi.prod.yaml": "config: {}\n",
}
"""Two projects with a stack each."""


def write(tree: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


def test_every_stack_of_base_and_head_is_reviewed_whatever_differs(tmp_path: Path) -> None:
    base = write(tmp_path / "one", FILES)
    head = write(tmp_path / "two", FILES | {"docs/names.txt": "x", "base/Pulumi.dev.yaml": "config: {}\n"})
    assert select_stacks((base, base)) == {"dev": (base, base), "base/prod": (base / "base", base / "base")}
    assert select_stacks((base, head)) == {
        "dev": (base, head),
        "base/dev": (None, head / "base"),
        "base/prod": (base / "base", head / "base"),
    }


def test_more_stacks_than_one_review_can_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_selection, "MOST_STACKS", 3)
    tree = write(tmp_path, FILES | {f"Pulumi.{name}.yaml": "" for name in ("stg", "prod")})
    with pytest.raises(CommandError, match=r"4 stacks would be reviewed; at most 3 can be\."):
        select_stacks((tree, tree))
    assert [*select_stacks((tree, tree), ["dev", "base/prod"])] == ["dev", "base/prod"]


@each_row("name", ["-x", ".x", "dev.old", "a b", "x" * 101])
def test_a_stack_whose_name_a_command_could_misread_is_refused(name: str, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {"Pulumi.yaml": "name: main\n", f"Pulumi.{name}.yaml": ""})
    with pytest.raises(CommandError, match="cannot be reviewed"):
        select_stacks((tree, tree))
    shutil.rmtree(tree)


@each_row(
    ("folder", "name", "is_valid"),
    [("infra.v2", "dev", True), ("infra.v2", "a.b", False), ("-x", "dev", False)],
)
def test_only_the_folder_of_a_project_may_have_a_dot(
    folder: str, name: str, is_valid: bool, tmp_path: Path
) -> None:
    files = {f"{folder}/Pulumi.yaml": "name: main\n", f"{folder}/Pulumi.{name}.yaml": ""}
    tree = write(tmp_path / "tree", files)
    with nullcontext() if is_valid else pytest.raises(CommandError, match="cannot be reviewed"):
        assert [*select_stacks((tree, tree))] == [f"{folder}/{name}"]
    shutil.rmtree(tree)


def test_the_neighbours_are_the_other_stacks_of_the_base_with_the_same_name(tmp_path: Path) -> None:
    tree = write(tmp_path, FILES | dict.fromkeys(("Pulumi.prod.yaml", "base/Pulumi.dev.yaml"), ""))
    assert find_neighbours((tree, tree), ["dev"]) == {"base/dev": tree / "base"}
    assert find_neighbours((tree, tree), ["base/dev", "base/prod", "prod"]) == {"dev": tree}
    assert find_neighbours((tree, tree), ["dev", "base/dev"]) == {}


ACCOUNT = "config:\n  aws:allowedAccountIds: ['777788889999']\n"


@each_row(
    ("text", "neighbours"),
    [
        (ACCOUNT, ["base/prod"]),
        ("config: {'aws:config:allowedAccountIds': '[\"777788889999\"]'}\n", ["base/prod"]),
        (ACCOUNT.replace("7777", "1111"), []),
        (ACCOUNT + "  a: *unknown\n", ["base/prod"]),
        ("config: {}\n", ["base/prod"]),
        ("config: {'aws:allowedAccountIds': [777_788_889_999]}\n", ["base/prod"]),
        ("config: {'aws:allowedAccountIds': [0xB5182E7B8F]}\n", ["base/prod"]),
        ("config: {'pipe:allowedAccountIds': ['111122223333']}\n", ["base/prod"]),
    ],
)
def test_a_stack_is_a_neighbour_if_it_may_be_on_an_account_of_another_name(
    text: str, neighbours: list[str], tmp_path: Path
) -> None:
    base = write(tmp_path / "one", FILES | {"base/Pulumi.prod.yaml": ACCOUNT, "Pulumi.dev.yaml": ACCOUNT})
    write(tmp_path / "one", {"Pulumi.dev.yaml": ACCOUNT.replace("7777", "4444")})
    head = write(tmp_path / "two", FILES | {"base/Pulumi.prod.yaml": ACCOUNT, "Pulumi.qa.yaml": text})
    assert [name for name in find_neighbours((base, head), ["qa"]) if name != "dev"] == neighbours
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(tmp_path / "two")


def test_the_accounts_of_base_and_head_count(tmp_path: Path) -> None:
    other = ACCOUNT.replace("7777", "1111")
    trees = [write(tmp_path / side, FILES | {"Pulumi.dev.yaml": ACCOUNT}) for side in ("one", "two")]
    write(trees[1], {"Pulumi.dev.yaml": other, "Pulumi.qa.yaml": other, "Pulumi.stg.yaml": ACCOUNT})
    accounts = find_accounts((trees[0], trees[1]))
    assert accounts["dev"] == {"777788889999", "111188889999"}
    assert may_be_on_one_account("dev", "qa", accounts) and may_be_on_one_account("dev", "stg", accounts)
    assert not may_be_on_one_account("qa", "stg", accounts)
    assert not may_be_on_one_account("qa", "stg", {})


def test_a_neighbour_that_a_limit_would_leave_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = write(tmp_path, FILES | {"Pulumi.prod.yaml": ""})
    monkeypatch.setattr(project_selection, "MOST_STACKS", 2)
    assert [*find_neighbours((tree, tree), ["prod"])] == ["base/prod"]
    with pytest.raises(
        CommandError, match=r"3 stacks would be evaluated, 1 of them .*: base/prod; at most 2"
    ):
        find_neighbours((tree, tree), ["dev", "prod"])


def test_a_neighbour_whose_name_a_command_could_misread_is_refused(tmp_path: Path) -> None:
    tree = write(tmp_path, FILES | {"a b/Pulumi.yaml": "name: other\n", "a b/Pulumi.dev.yaml": ""})
    with pytest.raises(CommandError, match="the stack 'a b/dev' cannot be reviewed"):
        find_neighbours((tree, tree), ["dev"])
