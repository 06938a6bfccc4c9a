"""Folders of the machine that an isolation shows, cut off from the sockets and FIFOs of other processes.

A read-only mount does not keep a program from connecting to a socket in it, or from writing to a FIFO: a
daemon's installation may have them below /usr/local or in its package for Python. So an isolation shows these
folders through a mount of overlayfs. Its files have inodes of their own, and a socket or FIFO is that of the
inode (unix_find_bsd in net/unix/af_unix.c, ovl_fill_inode in fs/overlayfs/inode.c). This also holds for those
that another process creates later.

Where overlayfs cannot mount a folder, its sockets and FIFOs are searched for, and each is covered with
/dev/null. This is so if another file system is mounted below it (clone_private_mount in fs/namespace.c), as
below /usr/lib/wsl, and before Linux 5.11 (FS_USERNS_MOUNT in fs/overlayfs/super.c).
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

NEW_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount", "--")
"""Start of a command that may mount file systems, which others do not see."""

MOUNT = """mount -t tmpfs mounts /sys && printf %s "$1" > /sys/fstab && mount --all --fstab /sys/fstab || exit
shift; exec "$@"
"""
"""Script that mounts what its first argument describes (fstab(5)), and executes the others. Nothing uses /sys
after it: the isolation does not have it.
"""

NOTHING = "nothing /sys tmpfs ro 0 0\n"
"""Line that covers /sys with an empty file system: overlayfs needs two folders if none can be written."""

UNUSUAL = re.compile(r'[,:"\\]')
"""Characters that separate the options and the folders of overlayfs."""


def cut_off(paths: Iterable[Path]) -> list[str]:
    """Return the start of a command, after NEW_MOUNTS, that cuts off the folders among the paths."""
    folders = {path.resolve() for path in paths if path.is_dir()}
    outermost = [folder for folder in folders if folders.isdisjoint(folder.parents)]
    return ["sh", "-c", MOUNT, "sh", NOTHING + _mounts(tuple(sorted(outermost)))]


@cache
def _mounts(folders: tuple[Path, ...]) -> str:
    """Return the lines of fstab(5) that cut off the folders."""
    together = "".join(map(_overlay, folders))
    if _can_mount(together):
        return together
    overlays = {folder: _overlay(folder) for folder in folders}
    return "".join(line if _can_mount(line) else "".join(covers(folder)) for folder, line in overlays.items())


def _overlay(folder: Path) -> str:
    """Return the line that mounts a folder's own files over it; one that fails if this is not possible."""
    lower = f"{folder}:/sys" if UNUSUAL.search(str(folder)) is None else ""
    return f"cut-off {_encoded(str(folder))} overlay ro,lowerdir={_encoded(lower)} 0 0\n"


def _can_mount(lines: str) -> bool:
    """Return True if a command with NEW_MOUNTS can mount what the lines describe."""
    command = ["sh", "-c", 'exec "$@"', "sh", *NEW_MOUNTS, "sh", "-c", MOUNT, "sh", NOTHING + lines, "true"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def covers(folder: Path) -> Iterator[str]:
    """Yield lines that cover sockets, FIFOs, and folders whose files the user cannot list but may open."""
    pending = [str(folder)]
    while pending:
        path = pending.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False) and not entry.is_symlink():
                        yield f"/dev/null {_encoded(entry.path)} none bind 0 0\n"
        except FileNotFoundError:
            pass  # It has just been removed.
        except OSError:
            yield f"/sys {_encoded(path)} none bind 0 0\n"


def _encoded(text: str) -> str:
    """Return a field of fstab(5) without white space."""
    return re.sub(r'[\s\\"#]', lambda character: f"\\{ord(character[0]):03o}", text)
