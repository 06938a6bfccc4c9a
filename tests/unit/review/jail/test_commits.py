"""Tests of the commits behind names: whoever may push a tag does not choose what a review compares."""

import subprocess
from pathlib import Path

import pytest

from review.comparison import Merge, find_base
from review.jail.commits import find_commit
from sandbox.errors import CommandError


def git(tree: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=tree, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Provide a clone whose branch main has two commits, and its remote's branch main the first of them."""
    git(tmp_path, "init", "-q", "-b", "main", "origin")
    git(tmp_path / "origin", "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path, "clone", "-q", "origin", "tree")
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "second")
    return tmp_path / "tree"


@pytest.fixture
def foreign(tree: Path) -> str:
    """Return a commit that only a pushed tag would choose."""
    return git(tree, "commit-tree", "-m", "foreign", "HEAD^{tree}")


def test_branches_tags_ids_and_ancestors_name_commits(tree: Path) -> None:
    first, second = git(tree, "rev-parse", "HEAD~1"), git(tree, "rev-parse", "HEAD")
    git(tree, "tag", "-a", "-m", "release", "v1", first)
    git(tree, "branch", "renovate/@types/1", first)
    git(tree, "fetch", "-q")
    names = {
        second: ["HEAD", "main", "heads/main", "refs/heads/main", second, second[:9], second.upper()],
        first: ["origin/main", "refs/remotes/origin/main", "origin", "v1", "tags/v1", "refs/tags/v1"],
    }
    names[first] += ["HEAD~1", "main^", "main~1^0", "FETCH_HEAD", "renovate/@types/1", f"{second[:9]}~"]
    for commit, known in names.items():
        assert {name: find_commit(tree, name) for name in known} == dict.fromkeys(known, commit)


@pytest.mark.parametrize(
    "name",
    [
        "nowhere",
        "",
        "~",
        "--all",
        "ma*",
        "refs/heads",
        "HEAD:",
        ":/second",
        "HEAD^{/second}",
        "@{u}",
        "main@{0}",
    ],
)
def test_other_names_are_none_of_a_commit(tree: Path, name: str) -> None:
    assert find_commit(tree, name) is None


@pytest.mark.parametrize("name", ["main", "main~1", "origin/main", "FETCH_HEAD", "part of an ID"])
def test_a_name_that_a_pushed_tag_has_as_well_is_refused(tree: Path, foreign: str, name: str) -> None:
    git(tree, "fetch", "-q")
    second = git(tree, "rev-parse", "HEAD")
    tag = name.partition("~")[0].replace("part of an ID", second[:9])
    git(tree, "tag", tag, foreign)
    other = {"FETCH_HEAD": "FETCH_HEAD", "main": "refs/heads/main", "origin/main": "refs/remotes/origin/main"}
    name = name.replace("part of an ID", second[:9])
    message = f"{tag} is ambiguous in .*: it means refs/tags/{tag} and {other.get(tag, second)}. Use one of"
    for find in (lambda: find_commit(tree, name), lambda: find_base(tree, name)):
        with pytest.raises(CommandError, match=message):
            find()
    with pytest.raises(CommandError, match=message):
        Merge.find(tree, second, name)


def test_a_full_name_a_whole_id_and_head_mean_the_same_with_and_without_tags(
    tree: Path, foreign: str
) -> None:
    second = git(tree, "rev-parse", "HEAD")
    names = ["HEAD", "refs/heads/main", "refs/remotes/origin/main", second]
    before = [find_commit(tree, name) for name in names]
    for name in names:
        git(tree, "update-ref", f"refs/tags/{name}", foreign)
    assert [find_commit(tree, name) for name in names] == before
    git(tree, "update-ref", "refs/tags/refs/heads/other", foreign)
    assert git(tree, "rev-parse", "refs/heads/other") == foreign
    assert find_commit(tree, "refs/heads/other") is None


def test_tags_do_not_change_the_default_base(tree: Path, foreign: str) -> None:
    base = find_base(tree, "")
    for name in ("main", "origin/main", "refs/heads/main"):
        git(tree, "update-ref", f"refs/tags/{name}", foreign)
    assert find_base(tree, "") == base
    git(tree, "checkout", "-q", "--detach", "main")
    git(tree, "update-ref", "-d", "refs/heads/main")
    assert find_base(tree, "")[1].startswith("merge base with origin/main (")


def test_a_tag_with_the_name_of_a_branch_that_only_a_remote_has_is_refused(tree: Path, foreign: str) -> None:
    git(tree, "checkout", "-q", "--detach", "main")
    git(tree, "update-ref", "-d", "refs/heads/main")
    git(tree, "tag", "main", foreign)
    git(tree, "update-ref", "refs/remotes/origin/feature/v1", foreign)
    git(tree, "tag", "v1", "HEAD")
    message = "main is ambiguous in .*: it means refs/tags/main and refs/remotes/origin/main. Use one of"
    with pytest.raises(CommandError, match=message):
        find_base(tree, "main", merge_base=False)
    assert find_commit(tree, "refs/tags/main") == foreign
    assert find_commit(tree, "v1") == git(tree, "rev-parse", "HEAD")
