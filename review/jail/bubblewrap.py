"""Command line of bubblewrap: the namespaces of an isolation, and the files in it."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from review.jail.installed_files import NEW_MOUNTS, cut_off

ETC = ("alternatives", "hosts", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "ssl/certs")
USR = ("bin", "lib", "lib32", "lib64", "libexec", "sbin", "share")
"""Folders of /usr that an isolation shows. The others may have private files: images of containers often have
the checkout at /usr/src/app, and administrators install into /usr/local.
"""

SYSTEM = (
    *(f"/usr/{name}" for name in USR),
    *("/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store"),
    *(f"/etc/{name}" for name in ETC),
)

ENGINE = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec", "pulumi-analyzer-policy-python")
"""Programs of an installed engine. Other files in their folder, which may be a user's home, stay hidden."""

NAMESPACES = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    "--cap-drop",
    "ALL",
)

PLUGINS = "pulumi-*-*"
"""Pattern of the names of Pulumi's plugins. The engine runs a plugin on PATH or beside it if a program
declares a resource of its package. The plugin of the package `pulumi-python` runs code that the program sends
(pulumi/pulumi, sdk/go/common/workspace/plugins.go: GetPluginPath, IsPluginBundled).
"""

PROC = Path("/proc")

VISIBLE_PROC = ("cpuinfo", "filesystems", "version")
"""Parts of /proc that an isolation shows beside its own processes and VISIBLE_SETTINGS. The others describe
the whole machine, and a later run of a program could read there what an earlier one has left: after a run
with many threads, the load in /proc/loadavg stays high for minutes. Root may read even those of root without
any capability. To read some of them, the kernel takes a lock, for which other processes of the machine wait:
for /proc/locks, all that lock a file (fs/locks.c: locks_start).
"""

OF_EVALUATION = ("meminfo", "stat")
"""Parts of /proc that only the evaluation sees, since psutil reads them."""

VISIBLE_SETTINGS = (
    "fs/file-max",
    "fs/nr_open",
    "fs/pipe-max-size",
    "kernel/cap_last_cap",
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/ngroups_max",
    "kernel/osrelease",
    "kernel/ostype",
    "kernel/pid_max",
    "kernel/random/boot_id",
    "kernel/random/uuid",
    "kernel/threads-max",
    "kernel/version",
    "net/core/somaxconn",
    "net/core/wmem_default",
    "vm/max_map_count",
    "vm/overcommit_memory",
)
"""Files of /proc/sys that an isolation shows: settings that C libraries, Python, gRPC and Go may read. Other
files there count what all processes of the machine have (fs/file-nr, fs/dentry-state), or make the kernel
work on all processors when somebody reads them (vm/stat_refresh: vmstat_refresh in mm/vmstat.c). The kernel
only compares user IDs there, so root needs no capability (fs/proc/proc_sysctl.c: test_perm).
"""

DEVICES = ("null", "full", "random", "urandom", "tty")
"""The machine's devices that `bwrap --dev` shows, except /dev/zero."""

READ_ONLY_DEVICES = f'''for device in {" ".join(DEVICES)}; do
mount -o bind,ro,nosuid,noexec "/dev/$device" "/dev/$device" || exit
done; exec "$@"'''
"""Script that makes the files of the devices read-only, and executes its arguments. Programs still read and
write the devices. `bwrap --remount-ro` would deny this, since it adds `nodev`.
"""

WITH_READ_ONLY_DEVICES = ("sh", "-c", READ_ONLY_DEVICES, "sh")
"""Start of the command, after NEW_MOUNTS. Everybody may write to the devices, and therefore set their times
to the present one (utimensat(2): Permissions requirements). Root, who owns them, may also change their modes.
All processes of the machine see these times and modes, also those of a later run of the program.
"""

NEW_PROCESSES = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--user", "--map-root-user", "--mount", "--pid", "--mount-proc", "--kill-child", "--"),
)
"""Start of a command as NEW_MOUNTS, in a PID namespace around that of bubblewrap. `unshare` waits for the
command's end, and a SIGKILL to it, or to the process that has started it, ends both.
"""

UNTRUSTED_THREADS = 512
"""Largest number of threads of a program under review, if the user is not root. The program of dev has 43."""

RESERVED_PIDS = 300
"""Once the numbers have reached this one, the kernel does not use lower ones again (include/linux/pid.h,
alloc_pid in kernel/pid.c).
"""

PID_MAX = "/proc/sys/kernel/pid_max"
"""The number that a process or thread cannot reach. Since Linux 6.14, this file is that of the PID namespace
in which it is opened, whichever /proc that is; before, it was the machine's (pid_table_root_lookup in
kernel/pid.c, commit 7863dcc72d0f). In the namespaces below, each process and thread has a number of this one,
too, also those of root.
"""

FIRST_WITH_OWN_PID_MAX = (6, 14)

LIMITED = f"""if [ $$ = 1 ]; then echo {RESERVED_PIDS + UNTRUSTED_THREADS} > {PID_MAX}; fi 2> {os.devnull}
exec "$@"
"""
"""Script that limits the processes and threads of a new PID namespace, and executes its arguments: to at
least UNTRUSTED_THREADS at one time, and to RESERVED_PIDS more before the first numbers are used again.
"""

OWN_PID_MAX = f"[ $$ = 1 ] && ! true >> {PID_MAX}"
"""Script that succeeds only in a new PID namespace, if this user may not open PID_MAX to write it."""

ENDED_FIRST = ("sh", "-c", 'echo 1000 > /proc/self/oom_score_adj && exec "$@"', "sh")
"""Start of the command: if the machine has no memory left, the kernel ends the processes of isolations before
all other ones (proc(5): /proc/pid/oom_score_adj). They cannot change this, since their /proc is read-only.
"""

EMPTY = ("--size", "4096", "--tmpfs")
"""Options that cover a folder with an empty one, whose path follows."""

WORK_BYTES = 2**30
SHARED_MEMORY_BYTES = 64 * 2**20


def bwrap_command(
    work: Path,
    readable: Iterable[Path],
    shared: Iterable[Path],
    seccomp: int,
    work_bytes: int = WORK_BYTES,
    *,
    installed: Iterable[Path] = (),
    trusted: bool = False,
) -> list[str]:
    """Return the command line of bubblewrap, to which the command to isolate is appended.

    That command may read `readable`, and connect to sockets there. It may also read `installed`, beside
    SYSTEM, where it reaches no sockets and FIFOs. It may write to `work`, a file system of its own with
    `work_bytes` bytes, and to the folders in `shared`. Unless it is `trusted`, it is code under review, and
    sees less of /proc.
    """
    installed = [*map(Path, SYSTEM), *installed]
    arguments = [
        *ENDED_FIRST,
        *(NEW_MOUNTS if trusted else NEW_PROCESSES),
        *(("sh", "-c", LIMITED, "sh") if not trusted and has_own_pid_max() else ()),
        *WITH_READ_ONLY_DEVICES,
        *cut_off(installed),
        "bwrap",
        *NAMESPACES,
        "--uid",  # the user's numbers, in place of those of root
        str(os.geteuid()),
        "--gid",
        str(os.getegid()),
        "--seccomp",
        str(seccomp),
        "--proc",
        "/proc",
        *_proc_mounts((*VISIBLE_PROC, *(OF_EVALUATION if trusted else ()))),
        "--dev",
        "/dev",
        "--ro-bind",  # without access to the device
        "/dev/null",
        "/dev/zero",
        *EMPTY,  # The kernel counts the terminals of all mounts together (/proc/sys/kernel/pty/max).
        "/dev/pts",
        "--remount-ro",
        "/dev/pts",
    ]
    arguments += ["--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    # Root owns the files of /proc, too: other processes of the machine see their new modes.
    arguments += ["--remount-ro", "/proc"]
    mounts = {path: ["--ro-bind-try", str(path)] for path in (*installed, *readable)}
    mounts[work] = ["--size", str(work_bytes), "--tmpfs"]
    mounts |= {path: ["--bind", str(path)] for path in shared}
    mounts |= {path: ["--ro-bind", "/dev/null"] for path in _plugins(mounts)}
    for path, options in sorted(mounts.items()):  # a folder before its content
        arguments += [*options, str(path)]
    return [*arguments, "--remount-ro", "/"]


@cache
def has_own_pid_max() -> bool:
    """Return True if PID_MAX is that of the PID namespace, so that a write in a new one changes no other.

    Nothing is written here. The namespace of this probe belongs to a user namespace without root. There, the
    kernel denies the namespace's own file to every user without capabilities (pid_table_root_permissions in
    kernel/pid.c). It allows the machine's file to root, also without any capability (test_perm in
    fs/proc/proc_sysctl.c), and denies it to others, whose later write therefore changes nothing either.
    """
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if release is None or tuple(map(int, release.groups())) < FIRST_WITH_OWN_PID_MAX:
        return False
    namespace = ("unshare", "--user", "--map-user=1", "--map-group=1", "--pid", "--fork", "--")
    command = ["sh", "-c", 'exec "$@"', "sh", *namespace, "sh", "-c", OWN_PID_MAX]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _plugins(visible: Iterable[Path]) -> set[Path]:
    """Return the plugins below the visible paths that the engine would run, except its own programs.

    The engine looks for plugins on PATH and beside itself.
    """
    visible = [*visible]
    folders = {*map(Path, os.get_exec_path()), *(path.parent for path in visible if path.is_file())}
    plugins = {file.resolve() for folder in folders for file in _plugins_in(folder)}
    return {
        plugin
        for plugin in plugins
        if plugin.name not in ENGINE and any(map(plugin.is_relative_to, visible)) and plugin.is_file()
    }


def _plugins_in(folder: Path) -> list[Path]:
    """Return the plugins in a folder; none if the user may not read the folder, which PATH may name."""
    try:
        with os.scandir(folder) as files:
            return [folder / file.name for file in files if fnmatchcase(file.name, PLUGINS)]
    except OSError:
        return []


def _proc_mounts(visible: Iterable[str]) -> list[str]:
    """Return the bwrap arguments that cover all parts of /proc on the machine, except the visible ones."""
    visible = {*visible}
    arguments: list[str] = []
    for path in sorted(PROC.glob("*")):
        if path.name.isdecimal() or path.name in visible or path.is_symlink():
            continue  # The links lead to the process that follows them.
        if path.is_dir():
            arguments += [*EMPTY, str(path)]
            for setting in VISIBLE_SETTINGS if path.name == "sys" else ():
                arguments += ["--ro-bind-try", str(path / setting), str(path / setting)]
            arguments += ["--remount-ro", str(path)]
        else:
            arguments += ["--ro-bind", "/dev/null", str(path)]
    return arguments
