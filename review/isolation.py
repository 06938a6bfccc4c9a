"""What untrusted code gets: no credentials, only loopback, only its own files, sockets and processes.

Linux only: namespaces that hold, read-only, what it needs; where there are none, that is said.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from pathlib import Path

# What programs get of the caller's environment.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/nix/store",
          "/dev/null", "/dev/zero", "/dev/urandom")  # fmt: skip
HIDDEN = frozenset({".git", ".sandbox"})  # entries of the tree that hold keys or other people's state
NAMESPACES = 0x10000000 | 0x40000000 | 0x20000 | 0x20000000 | 0x8000000  # user, network, mount, PID, IPC
BIND, PRIVATE, RECURSIVE, READ_ONLY = 1 << 12 | 1 << 14, 1 << 18 | 1 << 14, 0x8000, 1
SET_MOUNT = 442  # a system call that the C library has no name for
DUMPABLE, CAPABILITY, SUBREAPER, NO_NEW_PRIVILEGES, INTERFACE_UP = 4, 24, 36, 38, 0x8914
OPEN = "Not isolated: files, network, sockets and processes are open to the program; no namespaces here."
LIBC = ctypes.CDLL(None, use_errno=True)


def scrub(home: Path) -> None:
    """Forget the caller's environment, credentials with it."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"})


def isolate(work: Path, trees: Iterable[Path], programs: Iterable[Path]) -> list[str]:
    """Shut this process and all that it starts in; what could not be shut, as notes.

    It may write below `work` and read `trees` and what Python and `programs` need.
    """
    python = (sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parent.parent)
    # By path the kind of what is mounted there; None: what is there already.
    held: dict[Path, bytes | None] = dict.fromkeys((*map(Path, (*SYSTEM, *python)), *programs, work))
    held[Path("/proc")] = b"proc"
    for tree in trees:
        held |= {entry: None for entry in tree.iterdir() if entry.name not in HIDDEN} | {tree: b"tmpfs"}
    held = {path: kind for path, kind in sorted(held.items()) if path.exists()}
    # Tried in a child first, since there is no way back.
    shut = sys.platform == "linux" and apart(lambda: _enter(work, held)) == 0 and _enter(work, held) == 0
    return [] if shut else [OPEN]


def apart(work: Callable[[], int]) -> int:
    """Run `work` in a process of its own, which may isolate itself; its code. Nothing is left behind."""
    if sys.platform == "linux":
        LIBC.prctl(SUBREAPER, 1, 0, 0, 0)
    process = get_context("fork").Process(target=_leave, args=(work,))
    process.start()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process gets it, too, and ends
    process.join()
    signal.signal(signal.SIGINT, handler)
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


def _enter(work: Path, held: Mapping[Path, bytes | None]) -> int:
    """Go on as the first process in namespaces that hold this, and loopback; 0 if that is done.

    Nothing in there can kill the first process, and whatever is left ends with it.
    """
    user, group = f"{os.getuid()} {os.getuid()} 1", f"{os.getgid()} {os.getgid()} 1"
    try:
        _check(LIBC.unshare(NAMESPACES))
        for name, text in (("setgroups", "deny"), ("uid_map", user), ("gid_map", group)):
            Path("/proc/self", name).write_text(text)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, INTERFACE_UP, struct.pack("16sH14x", b"lo", 1))
        if pid := os.fork():
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.setsid()  # else a signal to its group would reach those who wait outside
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _mount(work, held)
        # No way back: no capability, none to be had; its memory and descriptors are nobody else's.
        for each in range(64):
            LIBC.prctl(CAPABILITY, each, 0, 0, 0)
        LIBC.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        LIBC.prctl(DUMPABLE, 0, 0, 0, 0)
        _check(LIBC.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)))
    except OSError:
        return 1
    return 0


def _mount(work: Path, held: Mapping[Path, bytes | None]) -> None:
    """Have a root with this, read-only but for `work`."""
    root = work.with_name("root")
    root.mkdir(exist_ok=True)
    _check(LIBC.mount(None, b"/", None, PRIVATE, None))
    _check(LIBC.mount(None, bytes(root), b"tmpfs", 0, None))
    for path, kind in held.items():
        at = root / path.relative_to("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        (Path.mkdir if path.is_dir() else Path.touch)(at, exist_ok=True)
        _check(LIBC.mount(bytes(path), bytes(at), kind, 0 if kind else BIND, None))
    for at, on, off in ((root, READ_ONLY, 0), (root / work.relative_to("/"), 0, READ_ONLY)):
        change = struct.pack("QQQQ", on, off, 0, 0)
        _check(LIBC.syscall(SET_MOUNT, -100, bytes(at), RECURSIVE, change, len(change)))
    os.chroot(root)  # nobody leaves it without a capability, and in it nobody can make a user namespace
    os.chdir("/")


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not isolate")
