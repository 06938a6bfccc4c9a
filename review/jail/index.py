"""Reading of the index in a folder `.git` that is not trusted, without git.

Git may read the objects that it has fetched, but it is not safe in such a folder (git(1): Security). It
expects that it wrote the index itself: from a wrong number in an extension, it computes an address to which
it writes (git/git, dir.c: read_untracked_extension). Nothing here depends on the content of an extension.
gitformat-index(5) describes the format.
"""

import hashlib
import os
import string
import struct
from collections.abc import Iterator

from sandbox.errors import CommandError

HEADER = struct.Struct(">4sII")
"""The signature, the version and the number of entries."""

ENTRY = struct.Struct(">24x I 12x 20s H")
"""The mode, the object and the flags of an entry, whose name follows. The rest is from stat(2)."""

EXTENSION = struct.Struct(">4sI")
"""The name and the size of an extension."""

SIGNATURE, VERSIONS, COMPRESSED_NAMES = b"DIRC", (2, 3, 4), 4

CHECKSUM, NO_CHECKSUM = 20, bytes(20)
"""Bytes of the SHA-1 at the end, and what is there with the setting index.skipHash (git-config(1))."""

HAS_MORE_FLAGS, NAME_LENGTH = 0x4000, 0xFFF
"""In the flags, the bit after which two more bytes follow, and the bits of a name's length or its maximum."""

FORBIDDEN_PARTS = frozenset({b"", b".", b"..", b".git"})
"""Names of folders and files that git does not take into an index (read-cache.c: verify_path)."""

LONGEST_NAME = 4096
"""Largest number of bytes in a name (PATH_MAX). A compressed name has up to all bytes of the one before."""


def read_entries(index: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the mode, the object and the name of each file in the content of an index.

    Raise CommandError if git does not write such an index, or if another file has a part of it.
    """
    try:
        yield from _read_entries(index)
    except (IndexError, ValueError, struct.error):
        raise CommandError(
            "the tree's .git/index is damaged, or it has another format than git's versions 2 to 4 with "
            "SHA-1."
        ) from None


def _read_entries(index: bytes) -> Iterator[tuple[str, str, str]]:
    content, checksum = index[:-CHECKSUM], index[-CHECKSUM:]
    _require(checksum in (NO_CHECKSUM, hashlib.sha1(content, usedforsecurity=False).digest()))
    signature, version, count = HEADER.unpack_from(content)
    _require(signature == SIGNATURE and version in VERSIONS)
    position, name, is_valid = HEADER.size, b"", True
    for _ in range(count):
        start = position
        mode, digest, flags = ENTRY.unpack_from(content, start)
        position += ENTRY.size + (2 if flags & HAS_MORE_FLAGS else 0)
        kept = b""
        if version == COMPRESSED_NAMES:
            removed, position = _read_number(content, position)
            _require(removed <= len(name))
            kept = name[: len(name) - removed]
        end = content.index(0, position)
        name = kept + content[position:end]
        _require(min(len(name), NAME_LENGTH) == flags & NAME_LENGTH and len(name) <= LONGEST_NAME)
        is_valid = is_valid and FORBIDDEN_PARTS.isdisjoint(name.split(b"/"))
        position = end + 1
        if version != COMPRESSED_NAMES:
            position += (start - position) % 8  # bytes that fill an entry up
        yield f"{mode:06o}", digest.hex(), os.fsdecode(name)
    while position < len(content):
        extension, size = EXTENSION.unpack_from(content, position)
        if chr(extension[0]) not in string.ascii_uppercase:
            raise CommandError(
                f"the tree's .git/index has the extension {ascii(extension)[1:]}, without which its list of "
                "files is not complete (a split or sparse index). Review a clone without it."
            )
        position += EXTENSION.size + size
    # A split or sparse index has other names, too.
    _require(is_valid and position == len(content))


def _read_number(content: bytes, position: int) -> tuple[int, int]:
    """Return a number of variable width, and the position after it (gitformat-pack(5), offset encoding)."""
    number = content[position] & 0x7F
    while content[position] & 0x80:
        position += 1
        number = (number + 1 << 7) | (content[position] & 0x7F)
        _require(number <= LONGEST_NAME)
    return number, position + 1


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError
