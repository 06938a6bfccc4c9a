"""What untrusted code gets: no credentials, no network but loopback, no files but those it needs.

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
from collections.abc import Callable, Iterable
from pathlib import Path

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
"""What programs get of the caller's environment."""

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/nix", "/opt")
HIDDEN = frozenset({".git", ".sandbox"})
"""Entries of the tree that hold keys or other people's state."""

READ, LIST, FILES = 1 | 1 << 2 | 1 << 3, 1 << 3, 1 | 1 << 1 | 1 << 2 | 1 << 14
"""Landlock's rights: to execute, read and list; to list; and all that a single file can have."""

SUPPORTED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}
"""All rights to files by the version of Landlock."""

CREATE, ADD, RESTRICT = 444, 445, 446
NEW_USER, NEW_NET, NO_NEW_PRIVILEGES, SUBREAPER, INTERFACE_UP = 0x10000000, 0x40000000, 38, 36, 0x8914


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
        return [f"Not isolated: files and network are open to the program; {sys.platform} has no Landlock."]
    libc = ctypes.CDLL(None, use_errno=True)
    notes = (
        []
        if _cut_network(libc)
        else ["Not isolated: the network is open to the program; no user namespaces here."]
    )
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    version = libc.syscall(CREATE, None, 0, 1)
    if version < 1:
        return [*notes, "Not isolated: files are open to the program; the kernel has no Landlock."]
    everything = SUPPORTED[min(version, 3)]
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent)
    rights = dict.fromkeys((*map(Path, SYSTEM), *python, *programs), READ)
    for tree in trees:
        rights |= {tree: LIST} | {entry: READ for entry in tree.iterdir() if entry.name not in HIDDEN}
    rights |= {work: everything, Path("/dev/null"): FILES}
    ruleset = libc.syscall(CREATE, struct.pack("Q", everything), 8, 0)
    for path, allowed in rights.items():
        if path.exists():
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            access = (allowed if path.is_dir() else allowed & FILES) & everything
            _check(
                libc.syscall(ADD, ruleset, 1, struct.pack("=Qi", access, descriptor), 0),
                f"no rule for {path}",
            )
            os.close(descriptor)
    _check(libc.syscall(RESTRICT, ruleset, 0), "not put in force")
    os.close(ruleset)
    return notes


def apart(work: Callable[[], int]) -> int:
    """Run `work` in a process of its own, which may isolate itself; its code. Nothing is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
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
            for each in (*_children(pid), pid):
                os.kill(each, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(each) for each in file.read_text().split()]
    except OSError:
        return []


def _cut_network(libc: ctypes.CDLL) -> bool:
    """Move to a network that has nothing but loopback; tried in a child first, since there is no way back."""
    user, group = os.getuid(), os.getgid()
    maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}

    def move() -> bool:
        if libc.unshare(NEW_USER | NEW_NET) != 0:
            return False
        try:
            for file, text in maps.items():
                Path(f"/proc/self/{file}").write_text(text)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                fcntl.ioctl(one, INTERFACE_UP, struct.pack("16sH14x", b"lo", 1))
        except OSError:
            return False
        return True

    pid = os.fork()
    if not pid:
        os._exit(0 if move() else 1)
    return os.waitpid(pid, 0)[1] == 0 and move()


def _check(result: int, text: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {text}")
