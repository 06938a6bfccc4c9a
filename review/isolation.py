"""What untrusted code gets: no credentials, only loopback, only its own files, sockets and processes.

Linux only: namespaces that hold, read-only, what it needs, and Landlock; what the system cannot do is said.
"""

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from pathlib import Path

# What programs get of the caller's environment.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/nix/store", "/dev/zero", "/dev/urandom")
HIDDEN = frozenset({".git", ".sandbox"})  # entries of the tree that hold keys or other people's state
# Landlock's rights: to execute, read and list; to list; all that a single file can have; all.
READ, LIST, FILES, ALL = 1 | 1 << 2 | 1 << 3, 1 << 3, 1 | 1 << 1 | 1 << 2 | 1 << 14, -1
# System calls that the C library has no names for; the last by the processor (else as on ARM).
CREATE, ADD, RESTRICT, SET_MOUNT = 444, 445, 446, 442
PIVOT_ROOT = {"x86_64": 155}.get(platform.machine(), 41)
NAMESPACES = 0x10000000 | 0x40000000 | 0x20000 | 0x20000000 | 0x8000000  # user, network, mount, PID, IPC
BIND, PRIVATE, DETACH, RECURSIVE, READ_ONLY = 1 << 12 | 1 << 14, 1 << 18 | 1 << 14, 2, 0x8000, 1
NO_NEW_PRIVILEGES, SUBREAPER, DUMPABLE, INTERFACE_UP, SIGNALS = 38, 36, 4, 0x8914, 2
OPEN = "Not isolated: {} open to the program; {}."


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
        return [OPEN.format("everything is", f"{sys.platform} has neither namespaces nor Landlock")]
    libc = ctypes.CDLL(None, use_errno=True)
    python = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent)
    allowed = dict.fromkeys((*map(Path, SYSTEM), *python, *programs), READ)
    for tree in trees:
        allowed |= {tree: LIST} | {entry: READ for entry in tree.iterdir() if entry.name not in HIDDEN}
    allowed |= {work: ALL, Path("/dev/null"): FILES}
    allowed = {path: rights for path, rights in sorted(allowed.items()) if path.exists()}
    # Tried in a child first, since there is no way back.
    shut = apart(lambda: _enter(libc, work, allowed)) == 0 and _enter(libc, work, allowed) == 0
    notes = [] if shut else [OPEN.format("network, sockets and processes are", "no namespaces here")]
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    version = libc.syscall(CREATE, None, 0, 1)
    if version < 1:
        return [*notes, OPEN.format("files are", "the kernel has no Landlock")]
    everything = (1 << 12 + min(version, 3)) - 1  # all rights to files that this version knows
    ruleset = libc.syscall(CREATE, struct.pack("Q", everything), 8, 0)
    for path, rights in {**allowed, Path("/proc"): READ}.items():
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights = everything & (rights if path.is_dir() else rights & FILES)
        _check(libc.syscall(ADD, ruleset, 1, struct.pack("=Qi", rights, descriptor), 0))
        os.close(descriptor)
    _check(libc.syscall(RESTRICT, ruleset, 0))
    os.close(ruleset)
    return notes


def keep_signals() -> None:
    """Send no signal to what was not started from here, where the kernel can say so (6.12)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.syscall(RESTRICT, libc.syscall(CREATE, struct.pack("QQQ", 0, 0, SIGNALS), 24, 0), 0)


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


def _enter(libc: ctypes.CDLL, work: Path, allowed: Mapping[Path, int]) -> int:
    """Go on as the first process in namespaces that hold what is allowed, and loopback; 0 if that is done.

    Nothing in there can kill the first process, and whatever is left ends with it.
    """
    user, group = os.getuid(), os.getgid()
    if libc.unshare(NAMESPACES) != 0:
        return 1
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, INTERFACE_UP, struct.pack("16sH14x", b"lo", 1))
        if pid := os.fork():
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.setsid()  # else a signal to its group would reach those who wait outside
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        libc.prctl(DUMPABLE, 0, 0, 0, 0)  # its memory and descriptors are nobody else's
        _mount(libc, work, allowed)
    except OSError:
        return 1
    return 0


def _mount(libc: ctypes.CDLL, work: Path, allowed: Mapping[Path, int]) -> None:
    """Have a root with what is allowed, read-only but for `work`."""
    root = work.with_name("root")
    root.mkdir(exist_ok=True)
    _check(libc.mount(None, b"/", None, PRIVATE, None))
    _check(libc.mount(None, bytes(root), b"tmpfs", 0, None))
    for path, rights in allowed.items():
        at = root / path.relative_to("/")
        (at if path.is_dir() else at.parent).mkdir(parents=True, exist_ok=True)
        if not path.is_dir() and not at.exists():
            at.touch()
        source, kind = (None, b"tmpfs") if rights == LIST else (bytes(path), None)
        _check(libc.mount(source, bytes(at), kind, 0 if kind else BIND, None))
    (root / "proc").mkdir()
    _check(libc.mount(None, bytes(root / "proc"), b"proc", 0, None))
    for at, on, off in ((root, READ_ONLY, 0), (root / work.relative_to("/"), 0, READ_ONLY)):
        change = struct.pack("QQQQ", on, off, 0, 0)
        _check(libc.syscall(SET_MOUNT, -100, bytes(at), RECURSIVE, change, len(change)))
    os.chdir(root)
    _check(libc.syscall(PIVOT_ROOT, b".", b"."))
    _check(libc.umount2(b".", DETACH))
    os.chdir("/")


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not isolate")
