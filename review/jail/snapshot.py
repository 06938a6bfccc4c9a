"""Copies of the trees under review: the tracked files of a working tree, and the tree of a commit.

The program under review sees these copies and never the working tree. Therefore it sees no untracked files
(keys, the state of sandboxes), and the review reads no FIFO, device, endless file, or link out of the tree.
"""

import hashlib
import importlib.util
import io
import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

from review.jail.index import read_entries
from review.jail.regular_files import kind, link_target, read_bytes
from sandbox.errors import CommandError

LARGEST_FILE = 32 * 2**20
LARGEST_TREE = 512 * 2**20
"""Largest number of bytes in a file, and in a whole tree."""

MOST_FILES = 50_000
"""Largest number of files, links and folders in a tree. Empty files take no bytes, and a commit that contains
the same folder many times lists billions of files, and of folders, with a few objects.
"""

DEEPEST = 100
"""Largest number of names in a path. Python deletes a folder recursively, so deeper ones could not be deleted
(its recursion limit is 1,000 calls).
"""

LONGEST_LISTING = MOST_FILES * 1024
"""Largest number of bytes of git's list of a commit's files. A path has at most 4,096 bytes (PATH_MAX)."""

CHUNK = 2**20

REQUESTS_AHEAD = 40
"""Number of files for which git is asked at a time. It may have half of them left at that time, so 60 digests
wait at most: they fit into the smallest pipe, of 4,096 bytes, also with the 65 bytes of SHA-256 (pipe(7)).
"""

NAMES_OF_ONE = 4
"""Largest number of omitted files in a note. A format shortens a long note in its middle."""

LIST_INDEX = ("ls-files", "--stage", "-z")
"""Arguments of the git command that lists the files in an index with their modes and objects."""

LINK, SUBMODULE = "120000", "160000"
"""Git's modes of a symbolic link and of a submodule (git-fast-import(1))."""

A_SUBMODULE, CONTROL_CHARACTERS = "a submodule", "control characters in its name"
"""Reasons for which a file is omitted."""

OF_GIT = re.compile(r"(?:.*\\)?(?:\.git|git~1)[ .]*(?:[:\\].*)?", re.IGNORECASE | re.DOTALL)
"""Pattern of names that may be `.git` on some system, so that git checks none of them out (git/git,
read-cache.c: verify_path; path.c: is_ntfs_dotgit).
"""

IGNORED_BY_HFS = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
"""Characters that the file system of macOS ignores in names (git/git, utf8.c: next_hfs_char)."""

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Pattern of characters that a file's name could use to write lines of its own into a report."""

GIT = (
    *("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("--no-optional-locks", "--no-replace-objects"),
)
"""Git command that runs no programs from a repository's own configuration (git-config(1)).

It also takes no object for another one, as refs in `refs/replace/` would say (git-replace(1)): whoever may
push refs could push one for a commit of main.
"""


class GitFailure(CommandError):
    """A failure of a git command, with its exit code, or the negative number of the signal that ended it."""

    def __init__(self, tree: Path, command: str, message: str, code: int) -> None:
        if code < 0:
            message = f"{message} (ended by signal {-code}: {signal.strsignal(-code)})".lstrip()
        super().__init__(f"{tree} cannot be reviewed: git {command}: {message or f'failed with {code}'}")
        self.code = code


@dataclass(frozen=True)
class Omitted:
    """A file or link of a tree that its copy lacks. `content` differs between files with other content."""

    name: str
    reason: str
    content: str = ""

    def __str__(self) -> str:
        return f"{self.name!r} ({self.reason})"


class Snapshot:
    """A folder with copies of a tree's files and links, within limits; `omitted` has the omitted ones.

    Use it as a context manager: at the end, it copies the links that need the folders of all files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.omitted: list[Omitted] = []
        self._upward: dict[str, str] = {}
        """The targets of links that go up from a name, by the names of the links."""
        self._bytes = 0
        self._count = 0
        self._folders = {self.folder}
        """The folders of the copies, none of which is a link."""
        self.folder.mkdir(parents=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        paths = {name: self._target(name) for name in self._upward}
        for name, target in self._upward.items():
            if _goes_up_from_folders(paths[name], target):
                with _named(name):
                    paths[name].symlink_to(target)
            else:
                self.omit(name, "a link that goes up from a name that is not a folder", target)

    def add_file(self, name: str, content: IO[bytes], *, executable: bool = False) -> Path:
        """Copy a file and return the copy's path; raise CommandError if the file or the tree is too large."""
        target = self._target(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with _named(name):
            descriptor = os.open(target, flags, 0o755 if executable else 0o644)
        with os.fdopen(descriptor, "wb") as copy:
            size = 0
            while chunk := content.read(CHUNK):
                size += len(chunk)
                self._bytes += len(chunk)
                if size > LARGEST_FILE:
                    raise CommandError(_too_large(name))
                if self._bytes > LARGEST_TREE:
                    raise CommandError(
                        f"the tree is larger than {LARGEST_TREE:,} bytes, the limit for a tree under review."
                    )
                copy.write(chunk)
        return target

    def add_link(self, name: str, target: str) -> None:
        """Copy a symbolic link if its target is inside the tree; otherwise omit it.

        If a `..` of the target follows a name, the link is copied at the end, and only if the name is that of
        a folder: if it is a link, `..` leads out of the folder to which the link leads.
        """
        inside = os.path.normpath(PurePosixPath(name).parent / target)
        below = [*dropwhile(lambda part: part == "..", PurePosixPath(target).parts)]
        if target.startswith("/") or PurePosixPath(inside).parts[:1] == ("..",):
            self.omit(name, "a link that leads out of the tree", target)
        elif ".." in below:
            self._upward[name] = target
        else:
            with _named(name):
                self._target(name).symlink_to(target)

    def omit(self, name: str, reason: str, content: str = "") -> None:
        """Record that a file or link is not copied."""
        self._count_one()
        self.omitted.append(Omitted(name, reason, content))

    def notes(self, side: str) -> list[str]:
        """Return notes that name all omitted files."""
        names = [*map(str, self.omitted)]
        return [
            f"Left out of the {side}: {', '.join(names[start : start + NAMES_OF_ONE])}."
            for start in range(0, len(names), NAMES_OF_ONE)
        ]

    def _target(self, name: str) -> Path:
        """Create the folders for the copy of a file, and return the copy's path."""
        self._count_one()
        path = PurePosixPath(name)
        # Git allows none of these names in a path (gitformat-index(5)). `Path` drops `.` and empty names.
        is_usual = f"{path}" == name and path.parts and not path.is_absolute() and ".." not in path.parts
        if not is_usual or any(OF_GIT.fullmatch(part.translate(IGNORED_BY_HFS)) for part in path.parts):
            raise CommandError(
                f"{name!r} is not a path inside the tree under review, or one that git does not check out."
            )
        if len(path.parts) > DEEPEST:
            raise CommandError(
                f"a path below {str(PurePosixPath(*path.parts[:3]))!r} has {len(path.parts)} names; "
                f"at most {DEEPEST} are allowed in a tree under review."
            )
        target = self.folder / path
        new = [*takewhile(lambda folder: folder not in self._folders, target.parents)]
        if new:
            for _ in new:
                self._count_one()
            with _named(name):
                target.parent.mkdir(parents=True, exist_ok=True)
            if target.parent.resolve() != target.parent:
                raise CommandError(f"{name} cannot be copied, because a folder in its path is a link.")
            self._folders.update(new)
        return target

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MOST_FILES:
            raise CommandError(_too_many())


@contextmanager
def _named(name: str) -> Generator[None]:
    """Raise CommandError with the name of a file if its copy, a link, or a folder cannot be created.

    A tree that git has not made may list a name twice.
    """
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise CommandError(
            f"{name!r} cannot be copied, because the tree under review has another file with this path, or "
            "with the path of one of its folders."
        ) from None
    except OSError as error:
        raise CommandError(f"{name!r} cannot be copied: {error.strerror}.") from None


def _goes_up_from_folders(link: Path, target: str) -> bool:
    """Return True if every `..` in a link's target leads up from a folder that is not a link."""
    path = link.parent
    for part in PurePosixPath(target).parts:
        if part != "..":
            path /= part
        elif path.is_symlink() or not path.is_dir():
            return False
        else:
            path = path.parent
    return True


def copy_tracked(tree: Path, to: Path) -> Snapshot:
    """Copy the tracked files of a working tree with their current content."""
    entries = _entries(git(tree, *LIST_INDEX))
    return _copy_listed(tree, {name: (mode, digest) for (mode, digest, _), name in entries}, to)


def copy_indexed(tree: Path, to: Path) -> Snapshot:
    """Copy the files in the index of a working tree that is not trusted, with their current content.

    Git reads nothing of the tree. Raise CommandError if the tree has no index of its own.
    """
    entries: dict[str, tuple[str, str]] = {}
    try:
        for mode, digest, name in read_entries(read_bytes(tree / ".git" / "index")):
            entries[name] = mode, digest
            if len(entries) > MOST_FILES:
                raise CommandError(_too_many())
    except OSError as error:
        raise CommandError(
            f"{tree} has no readable .git/index ({error.strerror}): name the top folder of a clone."
        ) from None
    return _copy_listed(tree, entries, to)


def _copy_listed(tree: Path, entries: Mapping[str, tuple[str, str]], to: Path) -> Snapshot:
    """Copy the files in an index from a working tree; `entries` has their modes and objects by name."""
    with Snapshot(to) as snapshot:
        for name, (mode, digest) in entries.items():
            if mode == SUBMODULE:
                snapshot.omit(name, A_SUBMODULE, digest)
            else:
                _copy(tree, name, snapshot)
    return snapshot


def copy_code(tree: Path, to: Path, parts: Sequence[str]) -> Snapshot:
    """Copy the review's own packages with their byte code, so that no process compiles them again."""
    tracked = subprocess.run([*GIT, "-C", tree, "ls-files", "-z", "--", *parts], capture_output=True)
    names = _names(tracked.stdout) or _walk(tree, parts)
    with Snapshot(to) as snapshot:
        for name in names:
            copy = _copy(tree, name, snapshot)
            if copy and copy.suffix == ".py":
                source, cache = tree / name, Path(importlib.util.cache_from_source(str(tree / name)))
                # Byte code is valid for one size and time of its source, so the copy keeps the time.
                os.utime(copy, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
                if cache.is_file() and not cache.is_symlink():
                    target = Path(importlib.util.cache_from_source(str(copy)))
                    target.parent.mkdir(exist_ok=True)
                    shutil.copyfile(cache, target)
    return snapshot


def copy_commit(repository: Path, commit: str, to: Path) -> Snapshot:
    """Copy the files and links of a commit; its .gitattributes cannot change or leave out any of them."""
    entries = [*_entries(list_files(repository, commit))]
    waiting = iter([digest.encode() + b"\n" for (mode, _, digest, _), _ in entries if mode != SUBMODULE])
    command = [*GIT, "-C", repository, "cat-file", "--batch"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        with process, Snapshot(to) as snapshot:
            requests, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            requested = received = 0
            for (mode, _, digest, _), name in entries:
                if mode == SUBMODULE:
                    snapshot.omit(name, A_SUBMODULE, digest)
                    continue
                if requested - received <= REQUESTS_AHEAD // 2:
                    requested += REQUESTS_AHEAD
                    requests.writelines(islice(waiting, REQUESTS_AHEAD))
                    requests.flush()
                received += 1
                content = _receive(answers)
                if content is None:
                    raise BrokenPipeError
                if CONTROL.search(name):
                    snapshot.omit(name, CONTROL_CHARACTERS, _digest(mode == LINK, content))
                elif mode == LINK:
                    snapshot.add_link(name, os.fsdecode(content))
                else:
                    snapshot.add_file(name, io.BytesIO(content), executable=mode == "100755")
    except BrokenPipeError:  # Git has ended.
        raise GitFailure(repository, "cat-file", "", process.wait()) from None
    return snapshot


def _receive(answers: IO[bytes]) -> bytes | None:
    """Return the content that `git cat-file --batch` sends next; None if git has ended before its end.

    Raise CommandError if the repository lacks the object.
    """
    answer = answers.readline()
    fields = answer.split()  # the object, its type and its size
    if answer and len(fields) != 3:
        raise CommandError(f"git cat-file has no content: {answer.decode(errors='replace').strip()}")
    content = answers.read(int(fields[2])) if answer else b""
    return content if answers.read(1) else None  # a line break ends the content


def untracked(tree: Path) -> list[str]:
    """Return the files that git neither tracks nor ignores, and that are therefore not reviewed."""
    return _names(git(tree, "ls-files", "--others", "--exclude-standard", "-z"))


def git(tree: Path, *arguments: str) -> bytes:
    """Return the output of a git command.

    Raises GitFailure, with git's message, if the command fails, and CommandError if git is not installed.
    """
    try:
        done = subprocess.run([*GIT, "-C", tree, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    except FileNotFoundError:
        raise CommandError(
            "git is not installed; the review needs it to read both versions of the program."
        ) from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise GitFailure(tree, arguments[0], message, done.returncode)
    return done.stdout


def changed_paths(repository: Path, old: str, new: str) -> set[str]:
    """Return the paths at which two trees differ; a renamed file has two."""
    options = ("-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
    output = git(repository, "diff-tree", *options, old, new)
    return {path.decode(errors="backslashreplace") for path in output.split(b"\0") if path}


def list_files(repository: Path, commit: str) -> bytes:
    """Return the output of `git ls-tree --long` for a commit's files, each with a NUL at its end.

    Raise CommandError if it is longer than LONGEST_LISTING, if a file is larger than LARGEST_FILE, or if
    there are more files and folders than MOST_FILES.
    """
    command = [*GIT, "-C", repository, "ls-tree", "-r", "-z", "--long", "--full-tree", commit]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        listing = cast(IO[bytes], process.stdout).read(LONGEST_LISTING + 1)
        if len(listing) > LONGEST_LISTING:
            process.kill()
            raise CommandError(_too_many())
    if process.returncode:
        raise GitFailure(repository, f"ls-tree {commit}", "", process.returncode)
    count, before = 0, list[str]()
    for (*_, size), name in _entries(listing):
        if size.isdigit() and int(size) > LARGEST_FILE:  # A submodule has no size.
            raise CommandError(_too_large(name))
        *folders, _ = name.split("/")
        # All files of a folder follow each other.
        shared = takewhile(lambda names: names[0] == names[1], zip(before, folders, strict=False))
        count += 1 + len(folders) - len([*shared])
        before = folders
        if count > MOST_FILES:
            raise CommandError(_too_many())
    return listing


def _too_many() -> str:
    return f"the tree has more than {MOST_FILES:,} files and folders, the limit for a tree under review."


def _too_large(name: str) -> str:
    return f"{name} is larger than {LARGEST_FILE:,} bytes, the limit for a file under review."


def _entries(listing: bytes) -> Iterator[tuple[list[str], str]]:
    """Yield the fields and the name of each file in the output of `git ls-tree` or LIST_INDEX."""
    for line in filter(None, listing.split(b"\0")):
        fields, _, name = line.partition(b"\t")
        yield fields.decode().split(), os.fsdecode(name)


def _digest(is_link: bool, content: bytes) -> str:
    """Return a text that differs between files with other content, and between a link and a file."""
    return f"{is_link} {hashlib.sha256(content).hexdigest()}"


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _copy(tree: Path, name: str, snapshot: Snapshot) -> Path | None:
    """Copy a file or link of a working tree if it exists; return the path of a copied file, else None.

    A link out of the tree, any other kind of file, and a file behind a link are omitted.
    """
    source = tree / name
    try:
        status = source.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None  # the deletion is not committed yet
    is_link = stat.S_ISLNK(status.st_mode)
    if source.parent.resolve() != tree.resolve() / PurePosixPath(name).parent:
        snapshot.omit(name, "a folder in its path is a link")
    elif not is_link and not stat.S_ISREG(status.st_mode):
        snapshot.omit(name, kind(status.st_mode))
    elif CONTROL.search(name):
        content = os.fsencode(link_target(source)) if is_link else read_bytes(source, LARGEST_FILE)
        snapshot.omit(name, CONTROL_CHARACTERS, _digest(is_link, content))
    elif is_link:
        snapshot.add_link(name, link_target(source))
    else:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as content:
            return snapshot.add_file(name, content, executable=bool(status.st_mode & 0o100))
    return None


def _walk(tree: Path, parts: Sequence[str]) -> list[str]:
    """Return the files of packages that are installed without a repository."""

    def files(part: Path) -> Iterator[Path]:
        for path in [part] if part.is_file() else sorted(part.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path

    return [str(file.relative_to(tree)) for part in parts for file in files(tree / part)]
