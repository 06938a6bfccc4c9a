"""Tests of base and head: commits of a trusted repository, and trees that are not trusted."""

import hashlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from review import comparison
from review.__main__ import NOT_RUN, main
from review.comparison import Merge, Options, compare
from review.jail import isolation, snapshot, supervisor
from review.status import Status
from sandbox.errors import CommandError
from sandbox.progress import Progress

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.com")


def git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=tree, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(tree: Path, message: str, **files: str) -> str:
    for name, text in files.items():
        (tree / f"{name}.py").write_text(text)
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", message)
    return git(tree, "rev-parse", "HEAD")


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """Provide a repository with one commit, whose rule refuses SSH."""
    tree = tmp_path / "trusted"
    tree.mkdir()
    git(tree, "init", "-q", "-b", "main")
    commit(tree, "base", rule="refuse SSH\n", api="1\n")
    return tree


@pytest.fixture
def stranger(trusted: Path, tmp_path: Path) -> Path:
    """Provide a clone whose own main already has the hole, and whose git configuration starts a program."""
    tree = tmp_path / "stranger"
    git(tmp_path, "clone", "-q", str(trusted), str(tree))
    commit(tree, "hole in main", rule="allow SSH\n")
    (tree / ".gitattributes").write_text("*.py filter=run export-ignore\n")
    commit(tree, "attributes")
    for name in ("core.fsmonitor", "core.sshCommand", "filter.run.clean", "filter.run.smudge", "core.pager"):
        git(tree, "config", name, f"touch {tmp_path}/ran;")
    git(tree, "config", "core.hooksPath", str(tree / "hooks"))
    (tmp_path / "ran").unlink(missing_ok=True)
    return tree


def test_the_base_is_a_commit_of_the_trusted_repository(trusted: Path, stranger: Path) -> None:
    newest = git(trusted, "rev-parse", "HEAD")
    assert comparison.find_base(trusted, "", merge_base=False) == (
        newest,
        f"checkout of the base ({newest[:9]})",
    )
    assert comparison.find_base(trusted, "main")[0] == newest
    foreign = git(stranger, "rev-parse", "HEAD")
    with pytest.raises(CommandError, match=f"BASE={foreign} is not a commit of {trusted}"):
        comparison.find_base(trusted, foreign)


def test_a_strangers_tree_is_copied_without_its_git_configuration(
    trusted: Path, stranger: Path, tmp_path: Path
) -> None:
    (stranger / "untracked.py").write_text("x")
    copy = snapshot.copy_indexed(stranger, tmp_path / "copy").folder
    assert sorted(file.name for file in copy.iterdir()) == [".gitattributes", "api.py", "rule.py"]
    assert (copy / "rule.py").read_text() == "allow SSH\n"
    assert not (tmp_path / "ran").exists()


def test_a_strangers_tree_is_named_without_its_git_configuration(
    trusted: Path, stranger: Path, tmp_path: Path
) -> None:
    for tree in (trusted, stranger):
        (tree / "api.py").write_text("2\n")
    newest = git(trusted, "rev-parse", "HEAD")
    assert comparison.describe_head(trusted, trusted) == f"working tree ({newest[:9]}, with changes)"
    assert comparison.describe_head(stranger, trusted) == "tree stranger"
    assert not (tmp_path / "ran").exists()


def test_git_reads_nothing_of_a_strangers_tree(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage the index as git does not expect it, and take git away."""
    index = stranger / ".git" / "index"
    content = index.read_bytes()[:-20] + struct.pack(">4sI", b"UNTR", 40) + b"\xff" * 40
    index.write_bytes(content + hashlib.sha1(content).digest())
    monkeypatch.setenv("PATH", str(tmp_path))
    copy = snapshot.copy_indexed(stranger, tmp_path / "copy").folder
    assert sorted(file.name for file in copy.iterdir()) == [".gitattributes", "api.py", "rule.py"]


def test_a_strangers_tree_with_too_many_files_is_refused(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MOST_FILES", 2)
    with pytest.raises(CommandError, match="the tree has more than 2 files"):
        snapshot.copy_indexed(stranger, tmp_path / "copy")


@pytest.mark.parametrize("isolated", [True, False])
def test_core_dumps_are_forbidden_before_git_reads_a_strangers_commit(
    isolated: bool, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def run_git(*_: object) -> None:
        calls.append("git")
        raise CommandError("no git")

    monkeypatch.setattr(comparison, "forbid_core_dumps", lambda: calls.append("no core dumps"))
    monkeypatch.setattr(snapshot, "git", run_git)
    with pytest.raises(CommandError, match="no git"):
        compare(Options(trusted, trusted, "HEAD", [], 1, isolated=isolated), Status(), trusted)
    is_first = isolated and sys.platform == "linux"
    assert calls == [*(["no core dumps"] if is_first else []), "git"]


@pytest.mark.parametrize(
    ("private", "name", "remedy"),
    [
        ("repository", "the repository", "Move the repository out of"),
        ("tree", "the tree under review", "Move the tree out of"),
        ("home", "your home", "Move your files out of it, and set HOME to a folder outside of"),
        ("temporary", "the folder of temporary files", "Set TMPDIR to a folder outside of"),
    ],
    ids=["repository", "tree", "home", "temporary"],
)
@pytest.mark.parametrize("of_python", [True, False])
def test_private_folders_that_an_isolation_would_show_are_refused(
    private: str, name: str, remedy: str, of_python: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "prefix" / "lib"
    shown.mkdir(parents=True)
    (tmp_path / "link").symlink_to(shown)
    if of_python:
        monkeypatch.setattr(sys, "base_prefix", str(shown.parent))
    else:
        monkeypatch.setattr(isolation, "SYSTEM", (str(shown),))
    keys = ("repository", "tree", "home", "temporary")
    folders = {key: tmp_path / ("link" if key == private else "others") / key for key in keys}
    monkeypatch.setenv("HOME", str(folders["home"]))
    monkeypatch.setattr(tempfile, "tempdir", str(folders["temporary"]))
    options = Options(folders["tree"], folders["repository"], "HEAD", [], 1, isolated=True)
    with pytest.raises(CommandError) as refusal:
        compare(options, Status(), tmp_path)
    kind = "a folder of Python" if of_python else "a folder of the system"
    assert (
        f"the program under review was not run: it could read {name} ({folders[private]}): it may read all "
        f"of {shown}, {kind}.\n{remedy} {shown}, and run this again."
    ) in str(refusal.value)
    # Without an isolation, the program may read every file, and git looks for the repository next.
    with pytest.raises(CommandError) as refusal:
        compare(replace(options, isolated=False), Status(), tmp_path)
    assert "it could read" not in str(refusal.value)


def test_the_time_limit_does_not_interrupt_the_removal_of_temporary_files(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal comes again after a while, and the removal of a large tree takes longer."""
    rmtree, temporary, removed = shutil.rmtree, tmp_path / "temporary", list[str]()
    temporary.mkdir()

    def copy_slowly(_tree: Path, to: Path) -> None:
        (to / "folder").mkdir(parents=True)
        time.sleep(60)

    def remove_slowly(path: str, *arguments: Any, **options: Any) -> None:
        removed.append(path)
        time.sleep(1)
        rmtree(path, *arguments, **options)

    def find(_progress: Progress) -> Path:
        return Path("pulumi")

    def copy_nothing(_tree: Path, _to: Path, _parts: object) -> None: ...

    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(supervisor, "REPEAT_SECONDS", 0.2)
    monkeypatch.setattr(comparison.pulumi_cli, "find", find)
    monkeypatch.setattr(snapshot, "copy_code", copy_nothing)
    monkeypatch.setattr(snapshot, "copy_tracked", copy_slowly)
    monkeypatch.setattr(shutil, "rmtree", remove_slowly)
    arguments = ["HEAD", "--tree", str(trusted), "--repository", str(trusted), "--no-isolation"]
    assert main([*arguments, "--minutes", "-1.98"]) == NOT_RUN
    assert "the review was stopped after 0.02 minutes" in capsys.readouterr().err
    assert len(removed) == 1
    assert not [*temporary.iterdir()]


def test_an_index_that_is_a_link_or_a_fifo_is_refused(stranger: Path, tmp_path: Path) -> None:
    index = stranger / ".git" / "index"
    index.rename(tmp_path / "index")
    index.symlink_to(tmp_path / "index")
    with pytest.raises(CommandError, match="is a link"):
        snapshot.copy_indexed(stranger, tmp_path / "copy")
    index.unlink()
    with pytest.raises(CommandError, match=r"has no readable \.git/index"):
        snapshot.copy_indexed(stranger, tmp_path / "copy")


def test_a_merge_has_the_newest_base_and_the_change_and_no_working_tree(
    trusted: Path, tmp_path: Path
) -> None:
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "-q", str(trusted), str(fork))
    (fork / ".gitattributes").write_text("*.py export-ignore\n")
    change = commit(fork, "change", api="2\n")
    base = commit(trusted, "newer policies", rule="refuse SSH and RDP\n")
    git(trusted, "fetch", "-q", str(fork), "main")
    merge = Merge.find(trusted, base, "FETCH_HEAD")
    assert (merge.commit, merge.description) == (change, f"{change[:9]} merged into the base")
    copy = snapshot.copy_commit(trusted, merge.tree, tmp_path / "copy").folder
    assert {file.name: file.read_text() for file in copy.iterdir()} == {
        "rule.py": "refuse SSH and RDP\n",
        "api.py": "2\n",
        ".gitattributes": "*.py export-ignore\n",
    }
    assert git(trusted, "status", "--porcelain") == ""


def test_a_merge_that_is_impossible_gives_the_reason(trusted: Path) -> None:
    git(trusted, "checkout", "-q", "-b", "change")
    change = commit(trusted, "change", api="2\n")
    git(trusted, "checkout", "-q", "main")
    base = commit(trusted, "other", api="3\n")
    with pytest.raises(CommandError, match=r"both change the same lines\. Merge the base into the branch"):
        Merge.find(trusted, base, change)
    with pytest.raises(CommandError, match="--merge nowhere is not a commit of"):
        Merge.find(trusted, base, "nowhere")


def test_a_file_that_is_too_large_is_refused_before_git_merges_it(
    trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(trusted, "checkout", "-q", "-b", "change")
    commit(trusted, "change", large="\n" * 100)
    git(trusted, "checkout", "-q", "main")
    base = commit(trusted, "other", api="3\n")
    objects = git(trusted, "count-objects")
    monkeypatch.setattr(snapshot, "LARGEST_FILE", 99)
    with pytest.raises(CommandError, match=r"large\.py is larger than 99 bytes"):
        Merge.find(trusted, base, "change")
    assert git(trusted, "count-objects") == objects, "a merge writes the tree that results from it"


def test_a_merge_that_fails_without_a_conflict_gives_the_reason_of_git(trusted: Path) -> None:
    base = git(trusted, "rev-parse", "HEAD")
    git(trusted, "checkout", "-q", "--orphan", "unrelated")
    unrelated = commit(trusted, "unrelated", api="2\n")
    with pytest.raises(CommandError, match="git merge-tree: refusing to merge unrelated histories"):
        Merge.find(trusted, base, unrelated)


def test_a_merge_with_several_merge_bases_is_refused(trusted: Path) -> None:
    start = git(trusted, "rev-parse", "HEAD")
    git(trusted, "checkout", "-q", "-b", "merged")
    merged = commit(trusted, "change", api="2\n")
    git(trusted, "checkout", "-q", "main")
    newer = commit(trusted, "newer policies", rule="refuse SSH and RDP\n")
    git(trusted, "merge", "-q", "--no-ff", "-m", "merge", "merged")
    base = git(trusted, "rev-parse", "HEAD")
    # The same merge with the old policies: GitHub shows no change of a file that equals that of `merged`.
    git(trusted, "checkout", "-q", "-b", "old", merged)
    git(trusted, "merge", "-q", "--no-ff", "--no-commit", newer)
    git(trusted, "checkout", start, "--", "rule.py")
    hidden = commit(trusted, "merge", docs="1\n")
    shown = git(trusted, "diff", "--name-only", merged, hidden)
    assert shown == "docs.py"
    assert git(trusted, "diff", "--name-only", base, hidden).split() == ["docs.py", "rule.py"]
    with pytest.raises(CommandError, match="have several merge bases, so GitHub may not show everything"):
        Merge.find(trusted, base, hidden)
    with pytest.raises(CommandError, match="the branch and main have several merge bases"):
        comparison.find_base(trusted, "")
    # After main has been merged into the branch, GitHub shows everything.
    git(trusted, "merge", "-q", "--no-ff", "-m", "merge main", "-s", "ours", base)
    assert Merge.find(trusted, base, "HEAD")
    assert comparison.find_base(trusted, "") == (base, f"merge base with main ({base[:9]})")


def test_a_shallow_clone_in_which_git_may_miss_a_merge_base_is_refused(trusted: Path, tmp_path: Path) -> None:
    newest = commit(trusted, "newest", api="2\n")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", trusted.as_uri(), str(shallow))
    for find in (lambda: Merge.find(shallow, newest, "HEAD"), lambda: comparison.find_base(shallow, "")):
        with pytest.raises(CommandError, match="is a shallow clone, so git may not find each merge base"):
            find()
    git(shallow, "fetch", "-q", "--unshallow")
    assert Merge.find(shallow, newest, "HEAD").commit == newest


def test_a_ref_that_replaces_a_commit_has_no_effect(trusted: Path, stranger: Path, tmp_path: Path) -> None:
    base = git(trusted, "rev-parse", "HEAD")
    git(trusted, "fetch", "-q", str(stranger), "main")
    git(trusted, "replace", base, "FETCH_HEAD")
    assert git(trusted, "show", f"{base}:rule.py") == "allow SSH"
    merge = Merge.find(trusted, base, "HEAD")
    for number, tree in enumerate((base, merge.tree)):
        copy = snapshot.copy_commit(trusted, tree, tmp_path / f"copy{number}").folder
        assert (copy / "rule.py").read_text() == "refuse SSH\n"


def test_a_merge_that_carries_a_change_to_the_new_name_of_a_file_is_refused(trusted: Path) -> None:
    start = commit(trusted, "module", module="first = 1\nsecond = 2\nthird = 3\n")
    (trusted / "guarded").mkdir()
    git(trusted, "mv", "module.py", "guarded/module.py")
    git(trusted, "commit", "-q", "-m", "move")
    base = git(trusted, "rev-parse", "HEAD")
    git(trusted, "checkout", "-q", "-b", "change", start)
    change = commit(trusted, "change", module="first = 1\nsecond = 2\nthird = 4\n")
    assert git(trusted, "diff", "--name-only", f"{base}...{change}") == "module.py"
    with pytest.raises(CommandError, match=r"changes guarded/module\.py of .*, but not in the branch: "):
        Merge.find(trusted, base, change)
    # After main has been merged into the branch, GitHub shows the file under its new name.
    git(trusted, "merge", "-q", "--no-ff", "-m", "merge main", base)
    assert Merge.find(trusted, base, "HEAD")
