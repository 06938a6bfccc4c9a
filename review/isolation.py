"""What untrusted code gets: no credentials, only loopback, only its own files, sockets and processes.

Bubblewrap makes the namespaces for it; where that is missing, or may not make them, nothing is shut.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")  # of the caller's environment
ETC = ("alternatives", "hosts", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "ssl/certs")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store", *(f"/etc/{name}" for name in ETC))
SHUT = ("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
        "--as-pid-1", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev")  # fmt: skip
DUMPABLE, SUBREAPER = 4, 36  # prctl(2)


def shut(work: Path, trees: Iterable[Path], programs: Iterable[Path]) -> list[str]:
    """The words before a command that shut it in; none where this machine cannot.

    It may write below `work` only, and read `trees` and what Python and `programs` need.
    """
    python = (sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1])
    given = {work: "--bind"}
    for tree in trees:
        given |= {entry: "--symlink" if entry.is_symlink() else "--ro-bind-try" for entry in _shown(tree)}
        given[tree] = "--tmpfs"
    given |= {Path(each): "--ro-bind-try" for each in (*SYSTEM, *python, *programs)}
    words = [*SHUT]
    for path, how in sorted(given.items()):  # a folder before what is in it; a link stays one
        source = [] if how == "--tmpfs" else [str(path.readlink() if how == "--symlink" else path)]
        words += [how, *source, str(path)]
    for path in (*(path for path, how in given.items() if how == "--tmpfs"), "/"):
        words += ["--remount-ro", str(path)]
    works = shutil.which(SHUT[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if works else []


def _shown(tree: Path) -> set[Path]:
    """The entries of a tree that git knows or would take in: none with keys or other people's state."""
    words = ("git", "-C", tree, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    found = subprocess.run(words, capture_output=True, text=True).stdout.split("\0")
    names = {name.partition("/")[0] for name in found if name} or {one.name for one in tree.iterdir()}
    return {tree / name for name in names - {".git", ".sandbox"}}


def environment(home: Path) -> dict[str, str]:
    """The caller's, without credentials or whatever else there is."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def guard() -> None:
    """From here on nobody reads this process's memory, and what loses its parent becomes its child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def end_all() -> None:
    """Kill whatever is left of what was started here."""
    while left := psutil.Process().children(recursive=True):
        for each in left:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(left)
