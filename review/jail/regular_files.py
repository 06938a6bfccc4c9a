"""Reading of files that a program under review may have written: only regular files of limited size."""

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from sandbox.errors import CommandError

LARGEST = 256 * 2**20
"""Largest number of bytes in a file. The plan of 2,000 resources has about 20 MB."""


def read_bytes(file: Path, limit: int = LARGEST, *, follow_links: bool = False) -> bytes:
    """Return a regular file's content.

    Raises CommandError for any other kind of file, and for a file larger than `limit` bytes.
    """
    with _open(file, limit, follow_links=follow_links) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise CommandError(_too_large(file, limit))
    return content


def read_digest(file: Path) -> bytes:
    """Return the SHA-256 of a regular file, also of one behind a link, which takes no memory for its content.

    Raises CommandError like `read_bytes`.
    """
    with _open(file, LARGEST, follow_links=True) as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _open(file: Path, limit: int, *, follow_links: bool) -> BufferedReader:
    """Open a regular file of at most `limit` bytes; raise CommandError for any other.

    Reading a FIFO may block indefinitely, a device has no end, and a sparse file takes memory that it does
    not take on disk. O_NONBLOCK keeps open(2) from waiting for a FIFO's writer.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow_links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(file, flags)
    except OSError as error:
        if file.is_symlink() and not follow_links:
            raise CommandError(f"{file} is a link, and only regular files are read.") from error
        raise
    status = os.fstat(descriptor)
    is_regular = stat.S_ISREG(status.st_mode)
    if is_regular and status.st_size <= limit:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if is_regular:
        raise CommandError(_too_large(file, limit))
    raise CommandError(f"{file} is {kind(status.st_mode)}, and only regular files are read.")


def _too_large(file: Path, limit: int) -> str:
    return f"{file} is too large: the review reads files of at most {limit:,} bytes."


def read_text(file: Path, limit: int = LARGEST, *, follow_links: bool = False) -> str:
    """Return a regular file's text; invalid UTF-8 becomes replacement characters."""
    return read_bytes(file, limit, follow_links=follow_links).decode(errors="replace")


def link_target(link: Path) -> str:
    """Return a link's exact target: `Path.readlink` drops a final slash, which only a folder may have."""
    return os.readlink(link)  # noqa: PTH115


def kind(mode: int) -> str:
    """Return the name of the kind of a file that is not a regular file."""
    kinds = {
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
    }
    return kinds.get(stat.S_IFMT(mode), "not a regular file")
