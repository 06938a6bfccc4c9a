"""Tests of the reading of an index without git: the same list as git's, or a reason."""

import hashlib
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest

from review.jail import index
from sandbox.errors import CommandError

SUBMODULE = "1" * 40


def git(tree: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    done = subprocess.run(command, cwd=tree, input=stdin.encode(), check=True, capture_output=True)
    return done.stdout.decode(errors="surrogateescape")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Provide a repository whose index has all kinds of entries, also those of a conflict."""
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    for number in range(20):
        (tree / "folder" / ("n" * number + ".py")).write_text(f"{number}\n")
    (tree / "run.sh").write_text("true\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to("run.sh")
    (tree / "\udcff é\n.txt").write_text("x")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "base")
    blob = git(tree, "rev-parse", "HEAD:run.sh").strip()
    lines = [f"160000 {SUBMODULE}\tmodule", f"100644 {blob}\t{'long/' * 815}name"]
    lines += [f"100644 {blob} {stage}\tconflict" for stage in (1, 2, 3)]
    git(tree, "update-index", "--index-info", stdin="".join(f"{line}\n" for line in lines))
    return tree


def content(tree: Path) -> bytes:
    return (tree / ".git" / "index").read_bytes()


def read_entries(content: bytes) -> list[tuple[str, str, str]]:
    return [*index.read_entries(content)]


def listing(tree: Path) -> list[tuple[str, str, str]]:
    """Return what git lists."""
    lines = git(tree, "ls-files", "--stage", "-z").split("\0")[:-1]
    return [(line.split()[0], line.split()[1], line.partition("\t")[2]) for line in lines]


def with_checksum(index: bytes) -> bytes:
    return index + hashlib.sha1(index).digest()


def with_extension(index: bytes, name: bytes, extension: bytes) -> bytes:
    return with_checksum(index[:-20] + struct.pack(">4sI", name, len(extension)) + extension)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_entries_are_those_that_git_lists(version: int, tree: Path) -> None:
    git(tree, "update-index", "--index-version", str(version))
    if version > 2:
        (tree / "later.py").write_text("later")
        git(tree, "add", "--intent-to-add", "later.py")  # Such an entry needs more flags.
    assert struct.unpack_from(">I", content(tree), 4) == (version,)
    assert read_entries(content(tree)) == listing(tree)
    assert {mode for mode, _, _ in listing(tree)} == {"100644", "100755", "120000", "160000"}


def test_an_index_without_a_checksum_is_read(tree: Path) -> None:
    assert read_entries(content(tree)[:-20] + bytes(20)) == listing(tree)


def test_an_empty_index_has_no_entries(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "read-tree", "--empty")
    assert read_entries(content(tmp_path)) == []


def test_an_optional_extension_is_ignored_whatever_it_contains(tree: Path) -> None:
    extended = with_extension(content(tree), b"UNTR", b"\xff" * 100)
    assert read_entries(extended) == listing(tree)


@pytest.mark.parametrize("name", [b"link", b"sdir", b"\xff123"])
def test_a_required_extension_is_refused(name: bytes, tree: Path) -> None:
    reason = f"has the extension {ascii(name)[1:]}, without which its list of files is not complete"
    with pytest.raises(CommandError, match=re.escape(reason)):
        read_entries(with_extension(content(tree), name, b"x"))


@pytest.mark.parametrize(
    "command",
    [("update-index", "--split-index"), ("sparse-checkout", "set", "--cone", "--sparse-index", "long")],
)
def test_a_split_or_a_sparse_index_is_refused(command: tuple[str, ...], tree: Path) -> None:
    git(tree, "reset", "-q", "--hard")
    git(tree, *command)
    with pytest.raises(CommandError, match="a split or sparse index"):
        read_entries(content(tree))


@pytest.mark.parametrize("version", [2, 4])
def test_a_damaged_index_gives_a_reason_and_no_other_exception(version: int, tree: Path) -> None:
    git(tree, "update-index", "--index-version", str(version))
    good = content(tree)
    choice = random.Random(version)
    damaged = [good[:size] for size in range(0, len(good), 7)]
    damaged += [with_checksum(good[:size]) for size in range(0, len(good) - 20, 7)]
    for start in ([0] * 50, range(0, len(good) - 24, 11)):
        for position in start:
            changed = bytearray(good[:-20])
            at = position or choice.randrange(len(changed) - 4)
            changed[at : at + 4] = choice.choice([choice.randbytes(4), b"\xff" * 4, b"\x80" * 4, bytes(4)])
            damaged.append(with_checksum(bytes(changed)))
    refused = 0
    for changed in damaged:
        try:
            entries = read_entries(changed)
        except CommandError:
            refused += 1
        else:
            assert len(entries) <= len(listing(tree))
    assert refused > len(damaged) / 2


@pytest.mark.parametrize(
    ("name", "length"),
    [(b"name", 3), (b"n" * (index.LONGEST_NAME + 1), index.NAME_LENGTH)],
)
def test_a_name_of_another_length_than_the_stated_one_or_the_longest_one_is_refused(
    name: bytes, length: int
) -> None:
    entry = struct.pack(">24x I 12x 20s H", 0o100644, bytes(20), length) + name
    padded = entry + bytes(8 - len(entry) % 8)
    with pytest.raises(CommandError, match="is damaged"):
        read_entries(with_checksum(struct.pack(">4sII", b"DIRC", 2, 1) + padded))


@pytest.mark.parametrize("name", ["/dev/null", "../outside", ".git/config", "a//b", "a/.", "a/"])
@pytest.mark.parametrize("mode", [0o100644, 0o160000])
def test_a_name_that_git_never_writes_is_refused(mode: int, name: str) -> None:
    entry = struct.pack(">24x I 12x 20s H", mode, bytes(20), len(name)) + name.encode()
    padded = entry + bytes(8 - len(entry) % 8)
    with pytest.raises(CommandError, match="is damaged"):
        read_entries(with_checksum(struct.pack(">4sII", b"DIRC", 2, 1) + padded))


@pytest.mark.parametrize("removed", [b"\x01", b"\x80" * 1000 + b"\x00"])
def test_a_compressed_name_that_removes_more_than_there_is_is_refused(removed: bytes) -> None:
    entry = struct.pack(">24x I 12x 20s H", 0o100644, bytes(20), 1) + removed + b"n\0"
    with pytest.raises(CommandError, match="is damaged"):
        read_entries(with_checksum(struct.pack(">4sII", b"DIRC", 4, 1) + entry))


def test_an_index_of_another_hash_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "file").write_text("x")
    git(tmp_path, "add", "file")
    with pytest.raises(CommandError, match="SHA-1"):
        read_entries(content(tmp_path))
