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
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/nix/store")
HIDDEN = frozenset({".git", ".sandbox"})  # entries of a tree that hold keys or other people's state
SHUT = ("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
        "--as-pid-1", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev")  # fmt: skip
DUMPABLE, SUBREAPER = 4, 36  # prctl(2)


def shut(work: Path, trees: Iterable[Path], programs: Iterable[Path]) -> list[str]:
    """The words before a command that shut it in; none where this machine cannot.

    It may write below `work` only, and read `trees` and what Python and `programs` need.
    """
    python = (sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1])
    given = {Path(each): "--ro-bind-try" for each in (*SYSTEM, *python, *programs)} | {work: "--bind"}
    for tree in trees:
        given |= {entry: "--ro-bind" for entry in tree.iterdir() if entry.name not in HIDDEN}
        given[tree] = "--tmpfs"
    words = [*SHUT]
    for path, how in sorted(given.items()):  # a folder before what is in it
        words += [how, str(path)] if how == "--tmpfs" else [how, str(path), str(path)]
    for path in (*(path for path, how in given.items() if how == "--tmpfs"), "/"):
        words += ["--remount-ro", str(path)]
    works = shutil.which(SHUT[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if works else []


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
