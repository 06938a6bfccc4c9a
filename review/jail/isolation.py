"""Isolation of the program under review: no credentials, and a network, files and processes of its own.

Bubblewrap creates the namespaces. The program may write to a file system in memory, which has a limited size
and vanishes when the program ends.
"""

import ctypes
import os
import platform
import resource
import shutil
import site
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from review.jail.bubblewrap import ENGINE, SYSTEM, UNTRUSTED_THREADS, WORK_BYTES, bwrap_command
from review.jail.system_calls.filter import ARCHITECTURES, DENIED, LOWEST_PRIORITY, filter_program
from sandbox.errors import CommandError

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "NO_COLOR", "PIPE_LAZY_SDK")
"""Environment variables of the caller that the program receives."""

LIMITS: dict[int, int] = {
    # With 1, a crash neither writes a file nor starts the machine's handler of core dumps, which runs as root
    # outside of every isolation. A limit of 0 does not hold for a handler (core(5); coredump_pipe in
    # fs/coredump.c). So `forbid_core_dumps` sets the limit, and the filter denies another one.
    resource.RLIMIT_CORE: 1,
    resource.RLIMIT_DATA: 4 * 2**30,  # bytes of memory, in each process
    resource.RLIMIT_FSIZE: 512 * 2**20,  # bytes of each file
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_NOFILE: 4096,
}
"""Limits of each process. The supervisor enforces the limits of all processes together."""

UNTRUSTED_LIMITS = LIMITS | {
    resource.RLIMIT_STACK: 8 * 2**20,  # The default; a stack does not count towards RLIMIT_DATA.
    resource.RLIMIT_AS: 32
    * 2**30,  # bytes of addresses: the tables of their pages count towards no other limit
    resource.RLIMIT_DATA: 2 * 2**30,
    # Timers and queued signals. The kernel adds those of all isolations up to those of the user, who has
    # half of threads-max by default (kernel/ucount.c: inc_rlimit_get_ucounts, kernel/fork.c: fork_init).
    resource.RLIMIT_SIGPENDING: 64,
    resource.RLIMIT_NOFILE: 128,  # the kernel keeps up to 0.3 MB for each socket, outside of any process
    resource.RLIMIT_MEMLOCK: 0,  # locked pages of the machine's files count towards no process
}
"""Limits of each process that runs code under review. The program of dev takes 1.4 GB of addresses, 0.4 GB of
memory and 16 files.
"""

THREADS = 8192
"""Largest number of threads of all processes together. The supervisor counts the threads, since the kernel
exempts root from this limit (kernel/fork.c).
"""

SET_DUMPABLE, SET_CHILD_SUBREAPER = 4, 36  # prctl(2)
JOIN_SESSION_KEYRING = 1  # keyctl(2)
SET_THP_DISABLE = 41  # prctl(2)

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
"""The file that tells where core dumps go: to a program after `|`, or to a socket after `@` (core(5))."""

NO_HANDLER = "sudo sysctl kernel.core_pattern=core"
INSTALL = "sudo apt-get install bubblewrap (Debian, Ubuntu), or sudo dnf install bubblewrap (Fedora)"
ALLOW = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu 24.04), or see .ci/namespaces"


class Isolation:
    """An isolated environment for commands, which run code under review unless they are `trusted`.

    Raises CommandError with the reason and the remedy if this machine cannot isolate commands. Without
    `probe`, only its commands fail then.
    """

    def __init__(
        self,
        work: Path,
        readable: Iterable[Path],
        shared: Iterable[Path] = (),
        *,
        work_bytes: int = WORK_BYTES,
        trusted: bool = False,
        probe: bool = True,
    ) -> None:
        if sys.platform != "linux":
            raise _refusal(f"isolation needs Linux, and this is {platform.system()}", "Use a Linux machine")
        program = filter_program(platform.machine(), trusted=trusted)
        if program is None:
            raise _refusal(f"there is no system call filter for {platform.machine()}", "Use x86-64 or arm64")
        if shutil.which("bwrap") is None:
            raise _refusal("bubblewrap (bwrap) is not installed", f"Install it: {INSTALL}")
        if shutil.which("sh") is None:
            raise _refusal("no folder of PATH has a shell (sh)", "Add the folder of sh to PATH")
        installed = python_files()
        forbid_core_dumps()
        forbid_huge_pages()
        self._filter = os.memfd_create("system-call-filter")
        os.write(self._filter, program)
        self.descriptors = (self._filter,)
        self._prefix = bwrap_command(
            work, readable, shared, self._filter, work_bytes, installed=installed, trusted=trusted
        )
        if probe:
            self._probe()

    def _probe(self) -> None:
        """Run a command that does nothing; raise CommandError if that fails."""
        done = subprocess.run(
            self.command("true"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=self.descriptors,
        )
        if done.returncode:
            self.close()
            message = (done.stderr.strip() or f"bwrap ended with {done.returncode}").splitlines()[-1]
            version = "bubblewrap 0.8 or newer is needed. " if "nknown option" in message else ""
            raise _refusal(
                f"bubblewrap cannot isolate here ({message})", f"{version}Allow user namespaces: {ALLOW}"
            )

    def command(self, *arguments: str) -> list[str]:
        """Return the command line for a command in isolation; its process must inherit `descriptors`."""
        os.lseek(self._filter, 0, os.SEEK_SET)  # an earlier command read it to its end
        return [*self._prefix, *arguments]

    def close(self) -> None:
        """Close the file descriptor of the filter."""
        os.close(self._filter)


def forbid_core_dumps() -> None:
    """Limit the core dumps of this process and its children permanently, so that no crash starts a handler.

    Raises CommandError if a handler would run in spite of the limit. A handler at a socket hears of each
    crash (fs/coredump.c: coredump_socket). One that is a program runs unless the limit is exactly 1, and only
    root can raise a hard limit of 0 to 1.
    """
    pattern = CORE_PATTERN.read_text()
    most = LIMITS[resource.RLIMIT_CORE]
    # Python raises a ValueError for a limit that is not permitted.
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    if pattern.startswith("@"):
        raise _refusal(
            f"its crashes would reach {pattern.strip()} ({CORE_PATTERN})", f"Use no handler: {NO_HANDLER}"
        )
    if pattern.startswith("|") and resource.getrlimit(resource.RLIMIT_CORE) != (most, most):
        raise _refusal(
            f"its crashes would start {pattern[1:].split()[0]}, since your hard limit of core dumps is 0",
            f"Raise it in /etc/security/limits.conf (`ulimit -Hc` shows it), or use no handler: {NO_HANDLER}",
        )


def forbid_huge_pages() -> None:
    """Give this process and its children only pages of the usual size, permanently.

    The kernel keeps a transparent huge page as a whole while a part of it is in use, and counts only the part
    (mm/huge_memory.c: deferred_split_folio). Raises CommandError if this is not possible.
    """
    if ctypes.CDLL(None).prctl(SET_THP_DISABLE, 1, 0, 0, 0):
        raise _refusal("huge pages cannot be disabled (prctl: PR_SET_THP_DISABLE)", "Use a newer kernel")


def _refusal(reason: str, remedy: str) -> CommandError:
    return CommandError(
        f"the program under review was not run: {reason}.\n{remedy}, and run this again. Or, for code that "
        "you trust like your own, add --no-isolation: it can then use files, network, sockets and processes."
    )


OF_PYTHON = "bin", "lib", "lib64", "pyvenv.cfg"
"""Names of the folders with Python and its packages in its prefix, and of the file that names the prefix."""


def python_files() -> list[Path]:
    """Return the folders of the current Python interpreter and its packages.

    Its prefix may have other things, too, such as the files of all programs if it is `~/.local`.
    """
    prefixes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]]
    folders = [prefix / name for prefix in prefixes for name in OF_PYTHON]
    # Debian's Python has packages in /usr/local.
    return [path for path in (*folders, *map(Path, site.getsitepackages())) if path.exists()]


def refuse_shown(private: Sequence[tuple[str, Path, str]]) -> None:
    """Raise CommandError if an isolation would show one of these folders: of the system, or of Python.

    Each has a name, a path, and a remedy, which the path of the shown folder follows.
    """
    of_system = [(Path(path), "a folder of the system") for path in SYSTEM]
    of_python = [(path, "a folder of Python") for path in python_files()]
    for shown, kind in (*of_system, *of_python):
        for name, folder, remedy in private:
            if folder.resolve().is_relative_to(shown.resolve()):
                reason = f"it could read {name} ({folder}): it may read all of {shown}, {kind}"
                raise _refusal(reason, f"{remedy} {shown}")


def engine_files(pulumi: Path) -> list[Path]:
    """Return the engine's programs that are in the folder of `pulumi`."""
    return [file for name in ENGINE if (file := pulumi.with_name(name)).is_file() or file == pulumi]


def environment(home: Path, pulumi: Path) -> dict[str, str]:
    """Return the environment variables of the program under review, none of which is a credential."""
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = {"HOME": home, "TMPDIR": home, "PULUMI": pulumi, "PYTHONDONTWRITEBYTECODE": "1"}
    return inherited | {name: str(value) for name, value in own.items()}


def leave_session_keyring() -> None:
    """Join a new, empty session keyring, which child processes inherit instead of the caller's keyring.

    A failure is harmless: without keyrings in the kernel there is nothing to leave, and a container that
    forbids this call forbids keyrings. The filter denies access to keyrings in any case.
    """
    architecture = ARCHITECTURES.get(platform.machine())
    if sys.platform == "linux" and architecture:
        number = DENIED["keyctl"][architecture.column]
        ctypes.CDLL(None).syscall(ctypes.c_long(number), JOIN_SESSION_KEYRING, None)


def guard() -> None:
    """Protect this process's memory and descriptors from others, and adopt orphaned processes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit_resources(*, threads: bool, trusted: bool = True) -> None:
    """Limit this process and its children permanently; without `trusted`, the limits are lower.

    `threads` also limits the number of the user's threads, which requires a user namespace of its own.
    """
    limits = LIMITS if trusted else UNTRUSTED_LIMITS
    if threads:
        limits = limits | {resource.RLIMIT_NPROC: THREADS if trusted else UNTRUSTED_THREADS}
    for name, most in limits.items():
        allowed = resource.getrlimit(name)[1]
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        # In isolation, the limit of core dumps is set, and the filter denies to set it.
        if resource.getrlimit(name) != (limit, limit):
            resource.setrlimit(name, (limit, limit))


def lower_priority() -> None:
    """Give this thread the lowest priority, and all threads and processes that it starts from now on.

    Other threads of this process keep theirs (setpriority(2): C library/kernel differences).
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)


END_INTERVAL = 0.02
"""Seconds between two checks whether killed processes have ended."""


def end_all(processes: Sequence[psutil.Process] | None = None) -> None:
    """Kill these processes and their descendants; without an argument, the descendants of this process."""
    roots = [psutil.Process()] if processes is None else processes
    remaining: list[psutil.Process] = [*(processes or ())]
    while remaining := _alive([*remaining, *_descendants(roots)]):
        for process in remaining:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        # A process that ended may stay as a zombie until the system reaps it.
        psutil.wait_procs(remaining, timeout=END_INTERVAL)


def _descendants(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    descendants: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            descendants += process.children(recursive=True)
    return descendants


def _alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    alive: list[psutil.Process] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE or _has_threads(process.pid):
                alive.append(process)
    return alive


def _has_threads(pid: int) -> bool:
    """Return True if other threads of a process than its first one may be alive."""
    with suppress(OSError):  # The process has ended, or the system has no /proc.
        return len([*Path(f"/proc/{pid}/task").iterdir()]) > 1
    return False
