"""Tests of copies of a tree under review: regular files that git tracks, within limits."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from review.comparison import find_base
from review.jail import snapshot
from review.jail.commits import find_commit
from review.jail.regular_files import link_target
from review.jail.snapshot import Snapshot, copy_code, copy_commit, copy_tracked, untracked
from review.programs.file_states import FileState, read_state
from review.render.filters import LINE
from sandbox.errors import CommandError

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.com")


def git(tree: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Provide a repository with one commit."""
    tree = tmp_path / "tree"
    (tree / "components").mkdir(parents=True)
    (tree / "components" / "api.py").write_text("api = 1\n")
    (tree / "run.sh").write_text("true\n")
    (tree / "run.sh").chmod(0o4755)
    (tree / ".gitignore").write_text("*.key\n")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "base")
    return tree


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def test_only_tracked_files_are_copied_as_the_working_tree_has_them(tree: Path, tmp_path: Path) -> None:
    (tree / "components" / "api.py").write_text("api = 2\n")
    (tree / "deploy.key").write_text("ignored")
    (tree / "components" / "notes.txt").write_text("untracked")
    (tree / "components" / "new.py").write_text("added")
    git(tree, "add", "components/new.py")
    copy = copy_tracked(tree, tmp_path / "copy").folder
    assert names(copy) == {".gitignore", "run.sh", "components/api.py", "components/new.py"}
    assert (copy / "components" / "api.py").read_text() == "api = 2\n"
    assert untracked(tree) == ["components/notes.txt"]


def test_a_deleted_file_is_not_copied(tree: Path, tmp_path: Path) -> None:
    (tree / "run.sh").unlink()
    assert "run.sh" not in names(copy_tracked(tree, tmp_path / "copy").folder)


def test_a_copy_has_no_setuid_bit(tree: Path, tmp_path: Path) -> None:
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        assert (copy.folder / "run.sh").stat().st_mode & 0o7777 == 0o755
        assert (copy.folder / "components" / "api.py").stat().st_mode & 0o7777 == 0o644


def test_a_fifo_in_place_of_a_tracked_file_is_left_out_at_once(tree: Path, tmp_path: Path) -> None:
    (tree / "run.sh").unlink()
    os.mkfifo(tree / "run.sh")
    os.mkfifo(tree / "untracked")
    copy = copy_tracked(tree, tmp_path / "copy")
    assert names(copy.folder) == {".gitignore", "components/api.py"}
    assert copy.notes("head") == ["Left out of the head: 'run.sh' (a FIFO)."]


def test_links_that_lead_out_of_the_tree_are_left_out_of_both_sides(tree: Path, tmp_path: Path) -> None:
    (tree / "zero").symlink_to("/dev/zero")
    (tree / "components" / "up").symlink_to("../../outside")
    (tree / "components" / "start").symlink_to("../run.sh")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "links")
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        assert sorted(map(str, copy.omitted)) == [
            "'components/up' (a link that leads out of the tree)",
            "'zero' (a link that leads out of the tree)",
        ]
        assert (copy.folder / "components" / "start").readlink() == Path("../run.sh")


def test_a_link_keeps_its_target_to_the_last_character(tree: Path, tmp_path: Path) -> None:
    (tree / "no-folder").symlink_to("run.sh/")  # leads nowhere
    (tree / "folder").symlink_to("./components/.")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "links")
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        targets = [link_target(copy.folder / name) for name in ("no-folder", "folder")]
        assert targets == ["run.sh/", "./components/."]
        assert read_state(copy.folder / "no-folder") == FileState(None, "run.sh/")


def test_links_that_leave_the_tree_together_are_left_out(tree: Path, tmp_path: Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "top").symlink_to("../..")
    # Without a look at the link `top`, this is a/start; with it, it is outside, next to the tree.
    (tree / "out").symlink_to("a/b/top/../start")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "links")
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        assert copy.notes("head") == [
            "Left out of the head: 'out' (a link that goes up from a name that is not a folder)."
        ]
        assert (copy.folder / "a" / "b" / "top").resolve() == copy.folder


def test_all_omitted_files_are_named(tree: Path, tmp_path: Path) -> None:
    for number in range(20):
        (tree / f"out-{number}").symlink_to("/etc")
    git(tree, "add", "-A")
    notes = copy_tracked(tree, tmp_path / "head").notes("head")
    assert all(f"'out-{number}' " in "".join(notes) for number in range(20))
    assert max(map(len, notes)) < LINE


def test_a_link_that_goes_up_from_a_folder_is_copied(tree: Path, tmp_path: Path) -> None:
    (tree / "links").mkdir()
    (tree / "links" / "start").symlink_to("../components/../run.sh")
    (tree / "Pulumi.json").symlink_to("components/../links/start")
    (tree / "loop").symlink_to("loop/../run.sh")
    (tree / "nothing").symlink_to("missing/../run.sh")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "links")
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        assert (copy.folder / "Pulumi.json").read_text() == "true\n"
        assert [file.name for file in copy.omitted] == ["loop", "nothing"]


def test_an_omitted_file_equals_another_only_if_their_contents_do(tree: Path, tmp_path: Path) -> None:
    (tree / "\x7f.json").write_text("1")
    (tree / "\x7f.link").symlink_to("run.sh")
    (tree / "out").symlink_to("/a")
    (tree / "module").mkdir()
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=tree, text=True).strip()
    git(tree, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "omitted")
    base = copy_commit(tree, "HEAD", tmp_path / "base")
    assert sorted(file.name for file in base.omitted) == ["module", "out", "\x7f.json", "\x7f.link"]
    assert {*copy_tracked(tree, tmp_path / "same").omitted} == {*base.omitted}
    (tree / "\x7f.json").write_text("2")
    for name in ("\x7f.link", "out"):
        (tree / name).unlink()
        (tree / name).symlink_to("/b")
    git(tree, "update-index", "--cacheinfo", f"160000,{head[::-1]},module")
    changed = copy_tracked(tree, tmp_path / "changed")
    assert len(changed.omitted) == len(base.omitted)
    assert not {*changed.omitted} & {*base.omitted}


def test_a_folder_that_became_a_link_is_not_followed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "api.py").write_text("secret")
    (tree / "components" / "api.py").unlink()
    (tree / "components").rmdir()
    (tree / "components").symlink_to(tmp_path / "outside")
    copy = copy_tracked(tree, tmp_path / "copy")
    assert [*map(str, copy.omitted)] == ["'components/api.py' (a folder in its path is a link)"]


def test_a_sparse_file_is_refused(tree: Path, tmp_path: Path) -> None:
    with (tree / "run.sh").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(CommandError, match=r"run\.sh is larger than"):
        copy_tracked(tree, tmp_path / "copy")


def test_a_tree_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(snapshot, "LARGEST_TREE", 10)
    copy = Snapshot(tmp_path / "copy")
    copy.add_file("first", io.BytesIO(b"x" * 8))
    with pytest.raises(CommandError, match="the tree is larger than 10 bytes"):
        copy.add_file("second", io.BytesIO(b"x" * 8))


def test_a_tree_with_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(snapshot, "MOST_FILES", 1)
    copy = Snapshot(tmp_path / "copy")
    copy.add_file("first", io.BytesIO())
    with pytest.raises(CommandError, match="the tree has more than 1 files"):
        copy.add_link("second", "first")


def test_the_folders_of_a_tree_count_as_its_files(
    tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Git shares equal folders, so a small commit may have millions of them."""
    monkeypatch.setattr(snapshot, "MOST_FILES", 7)
    copy = Snapshot(tmp_path / "copy")
    copy.add_file("a/b/first", io.BytesIO())
    copy.add_file("a/b/second", io.BytesIO())
    copy.add_file("a/c/third", io.BytesIO())
    copy.add_file("fourth", io.BytesIO())
    with pytest.raises(CommandError, match="the tree has more than 7 files and folders"):
        copy.add_file("d/fifth", io.BytesIO())
    assert not (copy.folder / "d").exists()
    # Together with those of the first commit, these are five files and five folders.
    for name in ("x/y/z", "x/y/w"):
        (tree / name).mkdir(parents=True)
        (tree / name / "empty").touch()
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "folders")
    monkeypatch.setattr(snapshot, "MOST_FILES", 10)
    snapshot.list_files(tree, "HEAD")
    monkeypatch.setattr(snapshot, "MOST_FILES", 9)
    with pytest.raises(CommandError, match="the tree has more than 9 files and folders"):
        snapshot.list_files(tree, "HEAD")


def test_a_path_that_is_too_deep_is_refused_before_its_folders_are_created(tmp_path: Path) -> None:
    copy = Snapshot(tmp_path / "copy")
    copy.add_file("/".join(["a"] * snapshot.DEEPEST), io.BytesIO())
    reason = f"a path below 'b/b/b' has {snapshot.DEEPEST + 1} names"
    with pytest.raises(CommandError, match=reason):
        copy.add_file("/".join(["b"] * (snapshot.DEEPEST + 1)), io.BytesIO())
    assert not (copy.folder / "b").exists()


def test_a_commit_that_repeats_a_folder_without_end_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(snapshot, "LONGEST_LISTING", 10**6)
    tree_id = subprocess.check_output(["git", "write-tree"], cwd=tree, text=True).strip()
    for _ in range(12):  # 10 to the power of 12 copies of the tree
        entries = "".join(f"040000 tree {tree_id}\t{name}\n" for name in range(10))
        mktree = subprocess.run(
            ["git", "mktree"], cwd=tree, input=entries, capture_output=True, text=True, check=True
        )
        tree_id = mktree.stdout.strip()
    with pytest.raises(CommandError, match="the tree has more than 50,000 files"):
        copy_commit(tree, tree_id, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../outside", "a/../../outside", ".git/config", "module/.git", "./x", "a//b", ".", ""],
)
def test_a_name_outside_of_the_copy_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a path inside the tree"):
        Snapshot(tmp_path / "copy").add_file(name, io.BytesIO(b""))


@pytest.mark.parametrize(
    "name",
    [
        *(".GIT/config", "docs/.Git/x", "tests/git~1/x", "a/GIT~1", ".git. ./x", ".git::$INDEX_ALLOCATION/x"),
        *("a\\.git", ".git\\x", ".g\u200cit/x", "\ufeff.git"),
    ],
)
def test_a_name_that_git_checks_out_nowhere_is_refused(name: str, tree: Path, tmp_path: Path) -> None:
    adding = ["-c", "core.protectHFS=true", "-c", "core.protectNTFS=true", "update-index", "--add"]
    blob = subprocess.check_output(["git", "rev-parse", "HEAD:run.sh"], cwd=tree, text=True).strip()
    git(tree, *adding, "--cacheinfo", f"100644,{blob},docs/file")
    with pytest.raises(subprocess.CalledProcessError):
        git(tree, *adding, "--cacheinfo", f"100644,{blob},{name}")
    copy = Snapshot(tmp_path / "copy")
    with pytest.raises(CommandError, match="not a path inside the tree"):
        copy.add_file(name, io.BytesIO(b""))


@pytest.mark.parametrize(
    "name", [".github/x", ".gitignore", "git~10", "x.git", ".git x", ".git-old/x", "git"]
)
def test_a_name_that_begins_or_ends_as_that_of_git_is_copied(name: str, tmp_path: Path) -> None:
    assert Snapshot(tmp_path / "copy").add_file(name, io.BytesIO(b"")).exists()


@pytest.mark.parametrize("name", ["a/b", "a", "a/b/c"])
@pytest.mark.parametrize("is_link", [True, False])
def test_a_path_that_a_tree_lists_twice_is_refused_with_its_name(
    name: str, is_link: bool, tmp_path: Path
) -> None:
    with Snapshot(tmp_path / "copy") as copy:
        copy.add_file("a/b", io.BytesIO(b""))
        with pytest.raises(CommandError, match=f"'{name}' cannot be copied, because the tree"):
            if is_link:
                copy.add_link(name, "x")
            else:
                copy.add_file(name, io.BytesIO(b""))


def test_a_name_that_is_too_long_for_the_file_system_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"'x{300}' cannot be copied: File name too long"):
        Snapshot(tmp_path / "copy").add_file("x" * 300, io.BytesIO(b""))


def test_programs_in_the_trees_git_configuration_are_not_run(tree: Path, tmp_path: Path) -> None:
    (tree / "monitor").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tree / "monitor").chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(tree / "monitor"))
    copy_tracked(tree, tmp_path / "copy")
    untracked(tree)
    snapshot.git(tree, "status", "--porcelain")
    assert not (tmp_path / "ran").exists()


def test_our_own_code_is_copied_with_valid_byte_code(tree: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", "components"], cwd=tree, check=True)
    (tree / "components" / "deploy.key").write_text("ignored")
    compiled = next((tree / "components" / "__pycache__").iterdir()).name
    copy = copy_code(tree, tmp_path / "copy", ["components"]).folder
    assert names(copy) == {"components/api.py", f"components/__pycache__/{compiled}"}
    assert (copy / "components/api.py").stat().st_mtime == (tree / "components/api.py").stat().st_mtime


def test_code_outside_a_repository_is_copied_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "code" / "review").mkdir(parents=True)
    (tmp_path / "code" / "review" / "model.py").write_text("")
    assert names(copy_code(tmp_path / "code", tmp_path / "copy", ["review"]).folder) == {"review/model.py"}


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a git repository"):
        find_base(tmp_path, "main")


def listing(entries: bytes) -> Callable[[Path, str], bytes]:
    """Return a function in place of `list_files` that returns these entries."""
    return lambda _repository, _commit: entries


def test_git_that_a_signal_ends_gives_this_as_the_reason(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=tree, text=True).strip()
    entries = snapshot.list_files(tree, commit)
    (tmp_path / "git").write_text("#!/bin/sh\nkill -SEGV $$\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ended = r"cannot be reviewed: git {}: \(ended by signal 11: Segmentation fault\)"
    with pytest.raises(CommandError, match=ended.format("ls-files")):
        copy_tracked(tree, tmp_path / "head")
    with pytest.raises(CommandError, match=ended.format("for-each-ref")):
        find_commit(tree, "main")
    with pytest.raises(CommandError, match=ended.format("rev-parse")):
        find_commit(tree, "HEAD")
    with pytest.raises(CommandError, match=ended.format(f"ls-tree {commit}")):
        copy_commit(tree, commit, tmp_path / "base")
    monkeypatch.setattr(snapshot, "list_files", listing(entries))
    (tmp_path / "git").write_text("#!/bin/sh\nread line; printf '%s blob 9\\n123' $line; kill -SEGV $$\n")
    with pytest.raises(CommandError, match=ended.format("cat-file")):
        copy_commit(tree, commit, tmp_path / "other-base")
    # Git ends before it has read all that it is asked for, so the pipe breaks.
    entry = entries.split(b"\0")[0] + b"\0"
    monkeypatch.setattr(snapshot, "list_files", listing(entry * 30_000))
    monkeypatch.setattr(snapshot, "REQUESTS_AHEAD", 30_000)
    with pytest.raises(CommandError, match=ended.format("cat-file")):
        copy_commit(tree, commit, tmp_path / "broken-pipe")


def test_a_commit_without_one_of_its_files_is_refused(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "1" * 40
    monkeypatch.setattr(snapshot, "list_files", listing(f"100644 blob {missing} 4\tfile\0".encode()))
    with pytest.raises(CommandError, match=f"git cat-file has no content: {missing} missing"):
        copy_commit(tree, "HEAD", tmp_path / "base")


def test_a_base_that_looks_like_an_option_is_refused(tree: Path) -> None:
    with pytest.raises(CommandError, match="BASE=--all is not a commit of "):
        find_base(tree, "--all")


def test_a_file_whose_name_has_control_characters_is_left_out(tree: Path, tmp_path: Path) -> None:
    (tree / "x\n::error::pwned.py").write_text("x")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "name")
    for copy in (copy_tracked(tree, tmp_path / "head"), copy_commit(tree, "HEAD", tmp_path / "base")):
        assert copy.notes("head") == [
            "Left out of the head: 'x\\n::error::pwned.py' (control characters in its name)."
        ]


def test_attributes_of_a_commit_neither_leave_out_nor_change_files(tree: Path, tmp_path: Path) -> None:
    (tree / ".gitattributes").write_text("run.sh export-ignore\n*.py export-subst\n")
    (tree / "components" / "api.py").write_text("$Format:%H$\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "attributes")
    copy = copy_commit(tree, "HEAD", tmp_path / "base").folder
    assert (copy / "components" / "api.py").read_text() == "$Format:%H$\n"
    assert (copy / "run.sh").exists()
