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
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from pathlib import Path

# What programs get of the caller's environment.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/nix", "/opt")
HIDDEN = frozenset({".git", ".sandbox"})  # entries of the tree that hold keys or other people's state
# Landlock's rights: to execute, read and list; to list; and all that a single file can have.
READ, LIST, FILES = 1 | 1 << 2 | 1 << 3, 1 << 3, 1 | 1 << 1 | 1 << 2 | 1 << 14
CREATE, ADD, RESTRICT = 444, 445, 446
NEW_USER, NEW_NET, NO_NEW_PRIVILEGES, SUBREAPER, INTERFACE_UP = 0x10000000, 0x40000000, 38, 36, 0x8914
OPEN = "Not isolated: {} the program; {}."


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
        return [OPEN.format("files and network are open to", f"{sys.platform} has no Landlock")]
    libc = ctypes.CDLL(None, use_errno=True)
    # Tried in a child first, since there is no way back.
    cut = apart(lambda: _cut_network(libc)) == 0 and _cut_network(libc) == 0
    notes = [] if cut else [OPEN.format("the network is open to", "no user namespaces here")]
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    version = libc.syscall(CREATE, None, 0, 1)
    if version < 1:
        return [*notes, OPEN.format("files are open to", "the kernel has no Landlock")]
    everything = (1 << 12 + min(version, 3)) - 1  # all rights to files that this version knows
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent)
    allowed = dict.fromkeys((*map(Path, SYSTEM), *python, *programs), READ)
    for tree in trees:
        allowed |= {tree: LIST} | {entry: READ for entry in tree.iterdir() if entry.name not in HIDDEN}
    allowed |= {work: everything, Path("/dev/null"): FILES}
    ruleset = libc.syscall(CREATE, struct.pack("Q", everything), 8, 0)
    for path, rights in allowed.items():
        if path.exists():
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = everything & (rights if path.is_dir() else rights & FILES)
            _check(libc.syscall(ADD, ruleset, 1, struct.pack("=Qi", rights, descriptor), 0))
            os.close(descriptor)
    _check(libc.syscall(RESTRICT, ruleset, 0))
    os.close(ruleset)
    return notes


def apart(work: Callable[[], int]) -> int:
    """Run `work` in a process of its own, which may isolate itself; its code. Nothing is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    process = get_context("fork").Process(target=_leave, args=(work,))
    process.start()
    try:
        process.join()
    except KeyboardInterrupt:
        process.join()
    finally:
        end_all()
    return process.exitcode or 0


def _leave(work: Callable[[], int]) -> None:
    """End with what `work` returns, whatever threads it has left."""
    code = work()
    sys.stdout.flush()
    os._exit(code)


def end_all() -> None:
    """Kill whatever is left of what was started here: what loses its parent becomes this process's child."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    while children.exists() and (pids := children.read_text().split()):
        for pid in map(int, pids):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _cut_network(libc: ctypes.CDLL) -> int:
    """Move to a network that has nothing but loopback; 0 if that is done."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_NET) != 0:
        return 1
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, INTERFACE_UP, struct.pack("16sH14x", b"lo", 1))
    except OSError:
        return 1
    return 0


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "Landlock refuses its own rules")
