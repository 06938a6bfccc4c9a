"""What untrusted code gets: no credentials, no network but loopback, no files but the ones it needs.

Linux only (Landlock for files, a network namespace for the network); what the system cannot do is said.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
"""What programs get of the caller's environment."""

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/nix", "/opt")
HIDDEN = frozenset({".git", ".sandbox"})
"""Entries of the tree that hold keys or other people's state."""

READ = 1 | 1 << 2 | 1 << 3
"""Landlock's rights to execute, to read files and to list folders."""
LIST = 1 << 3
FILES = 1 | 1 << 1 | 1 << 2 | 1 << 14
"""Rights that a single file can have."""
SUPPORTED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
"""All rights to files by the version of Landlock."""

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _SUBREAPER = 38, 36


def scrub(home: Path) -> None:
    """Forget the caller's environment, credentials with it."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"})


def isolate(work: Path, trees: Iterable[Path], programs: Iterable[Path]) -> list[str]:
    """Shut this process and all that it starts in; what could not be shut, as notes.

    It may write below `work` and read `trees` and what Python and `programs` need.
    """
    if sys.platform != "linux":
        return [
            f"Not isolated: files and network are open to the program, since {sys.platform} has no Landlock."
        ]
    libc = ctypes.CDLL(None, use_errno=True)
    notes = (
        []
        if _cut_network(libc)
        else ["Not isolated: the network is open to the program; user namespaces are off here."]
    )
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        return [*notes, "Not isolated: files are open to the program; the kernel has no Landlock."]
    everything = SUPPORTED[min(version, 3)]
    rights: dict[Path, int] = {work: everything, Path("/dev/null"): FILES & everything}
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent)
    for path in (*map(Path, SYSTEM), *python, *programs):
        rights.setdefault(path, READ)
    for tree in trees:
        rights.setdefault(tree, LIST)
        for entry in tree.iterdir():
            if entry.name not in HIDDEN:
                rights.setdefault(entry, READ)
    _restrict(libc, everything, rights)
    return notes


def apart(work: Callable[[], int]) -> int:
    """Run `work` in a process of its own, which may isolate itself; its code. Nothing of it is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code = 2
        try:
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except KeyboardInterrupt:
        os.waitpid(pid, 0)
        return 130
    finally:
        end_all()


def end_all() -> None:
    """Kill whatever is left of what was started here."""
    while pids := _children(os.getpid()):
        for pid in pids:
            for each in (pid, *_children(pid)):
                try:
                    os.kill(each, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _cut_network(libc: ctypes.CDLL) -> bool:
    """Move to a network that has nothing but loopback; tried in a child first, since there is no way back."""

    def move() -> bool:
        user, group = os.getuid(), os.getgid()
        if libc.unshare(_NEW_USER | _NEW_NET) != 0:
            return False
        try:
            for file, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                Path(f"/proc/self/{file}").write_text(text)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS: up
        except OSError:
            return False
        return True

    pid = os.fork()
    if not pid:
        os._exit(0 if move() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 and move()


def _restrict(libc: ctypes.CDLL, everything: int, rights: Mapping[Path, int]) -> None:
    ruleset = libc.syscall(_CREATE, struct.pack("Q", everything), 8, 0)
    for path, allowed in rights.items():
        if not path.exists():
            continue
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        access = allowed if path.is_dir() else allowed & FILES
        if libc.syscall(_ADD, ruleset, 1, struct.pack("=Qi", access & everything, descriptor), 0) != 0:
            raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")
        os.close(descriptor)
    if libc.syscall(_RESTRICT, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock cannot be put in force")
    os.close(ruleset)
