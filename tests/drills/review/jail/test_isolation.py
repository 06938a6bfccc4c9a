"""Tests of attacks from inside the isolation: small programs with the permissions of the tests' user."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from review.jail import bubblewrap, isolation
from review.jail.isolation import Isolation
from review.jail.system_calls.filter import filter_program
from sandbox.errors import CommandError
from tests.support.drills.tools import as_user

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]
ROOT = Path(__file__).parents[4]

PRELUDE = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def system_call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def attempt(action):
    try:
        print("possible", action())
    except (OSError, MemoryError, ValueError) as error:
        print(type(error).__name__, getattr(error, "strerror", None) or error)
"""


class Jail:
    """A runner of programs in the isolation that the program under review gets."""

    def __init__(self, work: Path, *readable: Path, trusted: bool = False) -> None:
        work.mkdir()
        self.work = work
        self.isolation = Isolation(
            work,
            [ROOT / "review", ROOT / "sandbox", *readable],
            trusted=trusted,
        )

    def run(self, program: str, **variables: str) -> str:
        """Return the output of a program in the isolation."""
        done = subprocess.run(
            self.isolation.command(sys.executable, "-c", PRELUDE + textwrap.dedent(program)),
            env=isolation.environment(self.work, Path("/usr/bin/pulumi")) | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=self.isolation.descriptors,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[Jail]:
    jail = Jail(tmp_path / "work")
    yield jail
    jail.isolation.close()


PROC = (
    "sys/kernel/core_pattern",
    "sys/kernel/modprobe",
    "sys/vm/drop_caches",
    "sys/user/max_user_namespaces",
    "irq/default_smp_affinity",
    "sysrq-trigger",
    "mtrr",
    "pressure/memory",
)


@pytest.mark.parametrize("name", PROC)
def test_settings_of_the_kernel_cannot_be_written_even_by_root(jail: Jail, name: str) -> None:
    if not Path("/proc", name).exists():
        pytest.skip(f"this kernel has no /proc/{name}")
    # Opening the file proves the access and changes no setting.
    assert "possible" not in jail.run(f"attempt(lambda: open('/proc/{name}', 'w'))")


def test_only_files_of_processes_in_proc_can_be_written(jail: Jail) -> None:
    program = """
        writable = []
        for folder, folders, files in os.walk("/proc"):
            if folder == "/proc":
                folders[:] = [name for name in folders if not name.isdigit() and "self" not in name]
            for name in files:
                try:
                    os.close(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_NONBLOCK))
                    writable.append(f"{folder}/{name}")
                except OSError:
                    pass
        print(writable)
    """
    assert jail.run(program) == "[]"


def test_modes_and_times_of_the_machines_files_cannot_be_changed_even_by_root(jail: Jail) -> None:
    program = """
        names = ["null", "zero", "full", "random", "urandom", "tty"]
        for path in [*(f"/dev/{name}" for name in names), "/proc/version", "/usr/bin/env"]:
            attempt(lambda: os.chmod(path, os.stat(path).st_mode))
            attempt(lambda: os.utime(path, (1, 1)))
            attempt(lambda: os.utime(path))
        for name in "null", "random", "urandom":
            with open(f"/dev/{name}", "r+b", buffering=0) as device:
                print(device.write(b"x"), len(device.read(4)))
    """
    *attempts, null, random, urandom = jail.run(program).splitlines()
    assert len(attempts) == 24
    refusal = r"(OSError Read-only file system|PermissionError (Operation not permitted|Permission denied))"
    assert all(re.fullmatch(refusal, line) for line in attempts), attempts
    assert (null, random, urandom) == ("1 0", "1 4", "1 4")


OTHER_USER = 12345


def run_as_user(start: list[str], folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the isolation of the user to whom the start of the command changes."""
    code = filter_program(os.uname().machine, trusted=False)
    assert code
    with (folder / "filter").open("w+b") as file:
        file.write(code)
        file.seek(0)
        command = bubblewrap.bwrap_command(Path("/tmp/work"), [], [], file.fileno())
        return subprocess.run(
            [*start, *command, "sh", "-c", script],
            cwd="/",
            capture_output=True,
            text=True,
            pass_fds=[file.fileno()],
        )


def test_no_user_can_change_times_of_devices_that_everybody_may_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = as_user(OTHER_USER)
    if start:
        monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
        monkeypatch.setattr(os, "getegid", lambda: OTHER_USER)
    script = f"id -u; for name in {' '.join(bubblewrap.DEVICES)} zero; do touch -c /dev/$name; done; :"
    done = run_as_user(start, tmp_path, script)
    assert done.stdout.split() == [str(os.geteuid())], done.stderr
    errors = done.stderr.splitlines()
    assert len(errors) == len(bubblewrap.DEVICES) + 1
    assert all(line.endswith(": Read-only file system") for line in errors), errors


OF_THE_MACHINE = (
    "keys",
    "key-users",
    "kcore",
    "kpageflags",
    "slabinfo",
    "locks",
    "loadavg",
    "meminfo",
    "stat",
    "sys/fs/dentry-state",
    "sys/fs/file-nr",
    "sys/vm/stat_refresh",
    "uptime",
)


@pytest.mark.parametrize("name", OF_THE_MACHINE)
def test_the_kernels_data_on_others_cannot_be_read(jail: Jail, name: str) -> None:
    assert "possible" not in jail.run(f"attempt(lambda: open('/proc/{name}').read(10))")


def test_the_settings_that_libraries_need_can_be_read(jail: Jail) -> None:
    answer = jail.run("""
        for name in "net/core/wmem_default", "net/core/somaxconn", "vm/overcommit_memory":
            print(open(f"/proc/sys/{name}").read().strip().isdecimal())
    """)
    assert answer.split() == ["True"] * 3


@pytest.mark.parametrize(
    "family",
    [40, 38, 17, 2, 10, 16],
    ids=["AF_VSOCK", "AF_ALG", "AF_PACKET", "AF_INET", "AF_INET6", "AF_NETLINK"],
)
def test_code_under_review_has_only_unix_sockets(jail: Jail, family: int) -> None:
    answer = jail.run(f"attempt(lambda: socket.socket({family}, socket.SOCK_STREAM))")
    assert answer == "PermissionError Operation not permitted"


def test_the_evaluation_has_sockets_of_loopback(tmp_path: Path) -> None:
    jail = Jail(tmp_path / "work", trusted=True)
    program = """
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname())
        print("connected")
    """
    assert jail.run(program) == "connected"
    jail.isolation.close()


CALLS = {
    "keyctl": "250, 0, -3, 1",
    "add_key": "248, b'user', b'k', b'v', 1, -3",
    "request_key": "249, b'user', b'k', None, 0",
    "io_uring_setup": "425, 8, ctypes.create_string_buffer(120)",
    "ptrace": "101, 0, 0, 0, 0",
    "process_mrelease": "448, 0, 0",
    "get_robust_list": "274, 0, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)",
    "memfd_create": "319, b'x', 0",
    "shmget": "29, 0, 4096, 0o1600",
    "bpf": "321, 0, None, 0",
    "unshare": "272, 0x10000000",
    "userfaultfd": "323, 1",
    "io_setup": "206, 1, ctypes.create_string_buffer(8)",
    "seccomp": "317, 1, 0, None",
    "seccomp by prctl": "157, 22, 2, None, 0, 0",
    "landlock_create_ruleset": "444, ctypes.create_string_buffer(b'\\1', 8), 8, 0",
    "setpriority of others": "141, 0, 1, 19",
    "setpriority": "141, 0, 0, 0",
    "setsid": "112",
    "sysinfo": "99, ctypes.create_string_buffer(200)",
    "sched_setaffinity": "203, 1, 1, b'\\1'",
    "prlimit64": "302, 1, 7, None, ctypes.create_string_buffer(16)",
    "prlimit64 of core dumps": "302, 0, 4, ctypes.create_string_buffer(16), None",
    "setrlimit of core dumps": "160, 4, ctypes.create_string_buffer(16)",
    "mknodat of a FIFO": "259, -100, b'fifo', 0o10600, 0",
    "clone without CLONE_FILES": "56, 0x10900, None, None, None, None",
    "close_range of a copy": "436, 50, 60, 2",
    "mmap of a stack": "9, None, 4096, 3, 0x122, -1, 0",
    "quotactl": "179, 0x80000100, None, 0, None",
    "sync": "162",
    "syncfs": "306, 0",
}


def test_memory_that_counts_towards_no_limit_is_denied(jail: Jail) -> None:
    program = """
        import mmap
        attempt(lambda: mmap.mmap(-1, 4096))
        attempt(lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close())
        attempt(lambda: open("/dev/zero", "rb"))
    """
    assert jail.run(program).splitlines() == [
        "PermissionError Operation not permitted",
        "possible None",
        "PermissionError Permission denied",
    ]


def test_datagrams_and_access_lists_are_denied_since_nothing_counts_their_memory(jail: Jail) -> None:
    program = f"""
        for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
            attempt(lambda: socket.socket(socket.AF_UNIX, kind))
            attempt(lambda: socket.socketpair(socket.AF_UNIX, kind))
        os.chdir("{jail.work}")
        open("file", "w").close()
        attempt(lambda: os.setxattr("file", "user.name", b""))
        attempt(lambda: os.setxattr("file", "user.name", b"", follow_symlinks=False))
        attempt(lambda: os.setxattr(os.open("file", os.O_RDWR), "user.name", b""))
    """
    assert jail.run(program).splitlines() == ["PermissionError Operation not permitted"] * 9


def is_killed(jail: Jail, preparation: str, statement: str) -> bool:
    """Return True if the system call filter kills a child process at a statement."""
    program = f"""
        {preparation}
        if not (child := os.fork()):
            try:
                {statement}
            finally:
                os._exit(1)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    """
    return jail.run(program) == str(signal.SIGSYS.value)


DIFFERENT = {
    "urgent bytes": "ours.send(b'x', socket.MSG_OOB)",
    "urgent bytes of a message": "ours.sendmsg([b'x'], [], socket.MSG_OOB)",
    "bytes that wait": "ours.send(b'x', socket.MSG_MORE)",
    "an end without the rest": "ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, *bytes(7)]))",
    "a slow rate": "ours.setsockopt(socket.SOL_SOCKET, 47, 1)",
    "a filter of confirmations": "ours.setsockopt(socket.SOL_SOCKET, 26, bytes(16))",
    "another protocol": "ours.setsockopt(socket.IPPROTO_TCP, 31, b'tls')",
    "pages of a file": "os.sendfile(ours.fileno(), os.open(sys.executable, os.O_RDONLY), 0, 10)",
    "pages of a pipe": "os.splice(os.pipe()[0], ours.fileno(), 10)",
    "pages of memory": "libc.vmsplice(os.pipe()[1], None, 0, 0)",
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_the_engine_may_read_differently_than_the_review_ends_the_process(jail: Jail, name: str) -> None:
    assert is_killed(jail, "ours, theirs = socket.socketpair(); ours.send(b'x')", DIFFERENT[name])


OF_OTHERS = {
    "a lock": "fcntl.flock(file, fcntl.LOCK_SH)",
    "a lock of a part": "fcntl.lockf(file, fcntl.LOCK_SH)",
    "a lease": "fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "a notification": "fcntl.fcntl(os.open('/usr', os.O_RDONLY), fcntl.F_NOTIFY, 1)",
    "a watch": "libc.inotify_init1(0)",
    "a watch by the old call": "libc.inotify_init()",
}


@pytest.mark.parametrize("name", OF_OTHERS)
def test_code_under_review_neither_locks_nor_watches_the_machines_files(jail: Jail, name: str) -> None:
    assert is_killed(jail, "import fcntl; file = os.open(sys.executable, os.O_RDONLY)", OF_OTHERS[name])


FUTEX = """
import mmap, platform
libc.mmap.restype = ctypes.c_void_p
descriptor = os.open(FILE, os.O_RDONLY)
address = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, descriptor, ctypes.c_long(0))
other = ctypes.c_void_p(address + 64)
number = {"x86_64": 202, "aarch64": 98}[platform.machine()]
def futex(operation, value, time_out=None):
    return system_call(number, ctypes.c_void_p(address), operation, value, time_out, other, 0)
"""
WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP = 0, 1, 3, 4, 5


def test_threads_of_others_that_wait_at_a_file_neither_wake_up_nor_move(tmp_path: Path) -> None:
    folder = tmp_path / "readable"
    folder.mkdir()
    lock = folder / "lock"
    lock.write_bytes(bytes(4096))
    code = PRELUDE + FUTEX.replace("FILE", repr(str(lock)))
    jail = Jail(tmp_path / "work", folder)
    with subprocess.Popen([sys.executable, "-c", f"{code}\nfutex({WAIT}, 0)"]) as waiter:
        try:
            # A requeue to the same address returns the number of threads that wait there.
            count = [sys.executable, "-c", f"{code}\nother.value -= 64\nprint(futex({REQUEUE}, 0, 9))"]
            while not int(subprocess.check_output(count)):
                assert waiter.poll() is None
                time.sleep(0.1)
            attempts = [
                f"attempt(lambda: futex({other}, 9, 9))" for other in (WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP)
            ]
            program = [
                FUTEX.replace("FILE", repr(str(lock))),
                *attempts,
                f"attempt(lambda: futex({WAIT}, 0))",
            ]
            answers = jail.run("\n".join(program))
            assert int(subprocess.check_output(count)) == 1
        finally:
            waiter.kill()
    jail.isolation.close()
    assert answers.splitlines() == [
        "possible 0",
        *["OSError Function not implemented"] * 3,
        "BlockingIOError Resource temporarily unavailable",
    ]


def test_a_wait_with_a_time_out_at_a_futex_that_is_not_private_ends_the_process(jail: Jail) -> None:
    preparation = "import multiprocessing; lock = multiprocessing.get_context('fork').Lock(); lock.acquire()"
    assert is_killed(jail, preparation, "lock.acquire(timeout=0.1)")


def test_threads_can_be_joined_and_processes_can_share_semaphores(jail: Jail) -> None:
    program = """
        import multiprocessing
        start = time.monotonic()
        sleep = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: time.sleep(0.3))
        thread = ctypes.c_ulong()
        print(libc.pthread_create(ctypes.byref(thread), None, sleep, None), libc.pthread_join(thread, None))
        print(time.monotonic() - start >= 0.3)
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            print(sum(pool.map(abs, range(100))))
        ready = context.Semaphore(0)
        process = context.Process(target=lambda: (time.sleep(0.3), ready.release()))
        process.start()
        print(ready.acquire())
        process.join()
    """
    assert jail.run(program).splitlines() == ["0 0", "True", "4950", "True"]


TRAPS = {
    "a handler": "signal.signal(signal.SIGSYS, lambda *_: None)",
    "a blocked signal": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSYS])",
    "an ignored signal": "signal.signal(signal.SIGSYS, signal.SIG_IGN)",
}


@pytest.mark.parametrize("name", TRAPS)
def test_the_signal_of_the_filter_always_ends_the_process(jail: Jail, name: str) -> None:
    assert is_killed(jail, f"import fcntl, signal; {TRAPS[name]}", "fcntl.flock(0, fcntl.LOCK_SH)")


def test_a_program_makes_no_disk_flush_its_cache(jail: Jail) -> None:
    program = """
        import tempfile
        with tempfile.TemporaryFile() as own:
            os.fsync(own)
        no_file = 99
        print(libc.fsync(no_file), libc.fdatasync(no_file), libc.sync_file_range(no_file, 0, 0, 7))
        print(libc.msync(None, 4096, 4), libc.posix_fadvise(no_file, 0, 0, os.POSIX_FADV_DONTNEED))
    """
    assert jail.run(program).split() == ["0"] * 5, "an error would say that there is no such file"


def test_a_program_reads_files_only_through_the_memory(jail: Jail) -> None:
    program = """
        import fcntl
        attempt(lambda: os.open(sys.executable, os.O_RDONLY | os.O_DIRECT))
        file = os.open(sys.executable, os.O_RDONLY)
        attempt(lambda: fcntl.fcntl(file, fcntl.F_SETFL, os.O_DIRECT))
        attempt(lambda: os.preadv(file, [bytearray(4)], 0))
        attempt(lambda: os.preadv(file, [bytearray(4)], 0, os.RWF_NOWAIT))
    """
    assert jail.run(program).splitlines() == [
        *["OSError Invalid argument"] * 2,
        "possible 4",
        "OSError Operation not supported",
    ]


def test_a_program_gets_no_terminal_since_they_are_counted_for_the_whole_machine(jail: Jail) -> None:
    program = """
        attempt(lambda: os.open("/dev/ptmx", os.O_RDWR))
        print(os.listdir("/dev/pts"))
    """
    assert jail.run(program).splitlines() == ["FileNotFoundError No such file or directory", "[]"]


def test_servers_of_grpc_work(jail: Jail) -> None:
    program = """
        import grpc
        from concurrent.futures import ThreadPoolExecutor
        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                return grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        server = grpc.server(ThreadPoolExecutor(), handlers=[Handler()])
        server.add_insecure_port("unix:socket")
        server.start()
        with grpc.insecure_channel("unix:socket") as channel:
            print(len(channel.unary_unary("/a/b")(bytes(1_000_000))))
        server.stop(None).wait()
        print(bool(socket.getaddrinfo("localhost", 80)))
    """.replace("unix:socket", f"unix:{jail.work}/socket")
    assert jail.run(program).splitlines() == ["1000000", "True"]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_no_namespace_confines_is_denied(jail: Jail, name: str) -> None:
    answer = jail.run(f"attempt(lambda: system_call({CALLS[name]}))")
    assert answer == "PermissionError Operation not permitted"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
def test_a_file_system_of_another_isolation_cannot_be_asked_by_its_number(jail: Jail) -> None:
    program = """
        number = os.makedev(0, os.stat("/proc").st_dev & 255)
        attempt(lambda: system_call(136, number, ctypes.create_string_buffer(64)))  # ustat
    """
    assert jail.run(program) == "OSError Function not implemented"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
def test_the_callers_session_keyring_is_out_of_reach(tmp_path: Path) -> None:
    program = """
        sys.path.insert(0, "ROOT")
        from review.jail import isolation
        system_call(250, 1, b"caller")  # a session keyring with a key in it, as a login has one
        system_call(248, b"user", b"token", b"secret", 6, -3)
        search = lambda: system_call(250, 10, -3, b"user", b"token", 0) > 0
        attempt(search)
        isolation.leave_session_keyring()
        attempt(search)
    """
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program).replace("ROOT", str(ROOT))]
    done = subprocess.run(command, capture_output=True, text=True)
    if "possible True" not in done.stdout:
        pytest.skip(f"this kernel has no keyrings: {done.stdout}{done.stderr}")
    assert done.stdout.splitlines() == ["possible True", "OSError Required key not available"]


def test_written_files_are_limited_and_vanish_with_the_program(jail: Jail) -> None:
    program = f"""
        def fill(folder, megabytes):
            block = bytes(2**20)
            with open(f"{{folder}}/filling", "wb") as file:
                for _ in range(megabytes):
                    file.write(block)
        attempt(lambda: fill("/dev/shm", 80))
        os.unlink("/dev/shm/filling")
        for folder in ("/dev", "/", "/proc", "/tmp"):
            attempt(lambda: fill(folder, 1))
        space = os.statvfs("{jail.work}")
        print(space.f_blocks * space.f_bsize)
        open("{jail.work}/kept", "w").close()
    """
    lines = jail.run(program).splitlines()
    assert lines[0] == "OSError No space left on device"
    assert "possible" not in " ".join(lines)
    assert lines[-1] == str(bubblewrap.WORK_BYTES)
    assert list(jail.work.iterdir()) == []


def test_each_process_has_limits_that_it_cannot_raise(jail: Jail) -> None:
    program = f"""
        sys.path.insert(0, "{ROOT}")
        import resource
        from review.jail import isolation
        for trusted, limits in ((True, isolation.LIMITS), (False, isolation.UNTRUSTED_LIMITS)):
            isolation.limit_resources(threads=True, trusted=trusted)
            attempt(lambda: bytearray(limits[resource.RLIMIT_DATA] + 2**20))
            for name, most in limits.items():
                assert resource.getrlimit(name) == (most, most)
            attempt(lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**40, 2**40)))
        import mmap
        attempt(lambda: mmap.mmap(-1, 40 * 2**30, mmap.MAP_PRIVATE, mmap.PROT_READ))
        attempt(lambda: [socket.socketpair() for _ in range(200)])
        timers = (ctypes.c_void_p() for _ in range(100))
        print("OSError" if any(libc.timer_create(0, None, ctypes.byref(it)) for it in timers) else "possible")
    """
    lines = jail.run(program).splitlines()
    assert [line.split()[0] for line in lines[::2]] == ["MemoryError", "MemoryError", "OSError", "OSError"]
    assert "possible" not in " ".join(lines)


def test_only_operations_on_the_own_process_that_take_no_kernel_memory_are_possible(jail: Jail) -> None:
    program = """
        attempt(lambda: -libc.prctl(78, 1, 1 << 10, 0, 0))  # PR_FUTEX_HASH, PR_FUTEX_HASH_SET_SLOTS
        attempt(lambda: -libc.prctl(67, 1, 0, 0, 0))  # PR_SET_MEMORY_MERGE
        attempt(lambda: -libc.prctl(15, b"name", 0, 0, 0))
        import mmap
        memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for advice in mmap.MADV_MERGEABLE, mmap.MADV_HUGEPAGE, mmap.MADV_DONTNEED:
            attempt(lambda: memory.madvise(advice))
        print([line.split()[1] for line in open("/proc/self/status") if line.startswith("THP_enabled")])
    """
    *operations, merge, huge, drop, thp_enabled = jail.run(program).splitlines()
    assert operations == ["possible 1", "possible 1", "possible 0"], "minus one is an error"
    assert (merge, huge, drop) == ("OSError Invalid argument", "OSError Invalid argument", "possible None")
    assert thp_enabled in ("['0']", "[]"), "older kernels do not show this"


def test_the_buffers_of_sockets_have_the_size_of_the_machine(jail: Jail) -> None:
    program = """
        size = int(open("/proc/sys/net/core/wmem_default").read())
        for end in socket.socketpair():
            for option in socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33:
                end.setsockopt(socket.SOL_SOCKET, option, 1 << 30)
            print(end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == size)
    """
    assert jail.run(program).splitlines() == ["True", "True"]


def test_the_kernel_ends_processes_of_isolations_before_others(jail: Jail) -> None:
    program = """
        print(open("/proc/self/oom_score_adj").read().strip())
        attempt(lambda: open("/proc/self/oom_score_adj", "w"))
    """
    assert jail.run(program).splitlines() == ["1000", "OSError Read-only file system"]


WITH_OWN_PID_MAX = pytest.mark.skipif(
    sys.platform == "linux" and not bubblewrap.has_own_pid_max(),
    reason="before Linux 6.14, the supervisor alone limits the processes of root",
)


@WITH_OWN_PID_MAX
def test_the_kernel_limits_processes_even_for_root(jail: Jail) -> None:
    program = """
        import threading
        def start_processes():
            pids = []
            try:
                while len(pids) < 2000:
                    pids.append(os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
            except OSError as error:
                print(len(pids), error.strerror)
            for pid in pids:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
        start_processes()
        for _ in range(1000):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        start_processes()
    """
    before = Path(bubblewrap.PID_MAX).read_text()
    lines = jail.run(program).splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["Resource temporarily unavailable"] * 2, lines
    first, later = (int(line.split()[0]) for line in lines)
    assert bubblewrap.UNTRUSTED_THREADS <= later <= first
    assert first < bubblewrap.UNTRUSTED_THREADS + bubblewrap.RESERVED_PIDS
    assert Path(bubblewrap.PID_MAX).read_text() == before


@WITH_OWN_PID_MAX
def test_the_kernel_limits_processes_of_other_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start = as_user(OTHER_USER)
    if start:
        monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
        monkeypatch.setattr(os, "getegid", lambda: OTHER_USER)
    script = "id -u; for number in $(seq 2000); do sleep 60 & echo $number; done"
    done = run_as_user(start, tmp_path, script)
    user, *_, last = done.stdout.split()
    assert user == str(os.geteuid())
    assert done.stderr.endswith("Cannot fork\n"), done.stderr
    limit = bubblewrap.UNTRUSTED_THREADS + bubblewrap.RESERVED_PIDS
    assert bubblewrap.UNTRUSTED_THREADS <= int(last) < limit


def test_a_setting_of_the_whole_machine_is_no_limit_of_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Path("/proc/sys/kernel/threads-max")
    before = shared.read_text()
    script = bubblewrap.OWN_PID_MAX.replace(bubblewrap.PID_MAX, str(shared))
    assert script != bubblewrap.OWN_PID_MAX
    monkeypatch.setattr(bubblewrap, "OWN_PID_MAX", script)
    # Others than root could not write the setting later either.
    assert not bubblewrap.has_own_pid_max.__wrapped__() or os.access(shared, os.W_OK) is False
    assert shared.read_text() == before


SLEEP = ["sleep", "7322"]


def test_an_isolation_ends_with_the_process_that_has_started_it(tmp_path: Path) -> None:
    jail = Jail(tmp_path / "work")
    command = jail.isolation.command(*SLEEP)
    program = f"""
        import subprocess
        subprocess.run({command!r}, pass_fds={jail.isolation.descriptors!r})
    """
    starting = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], pass_fds=jail.isolation.descriptors
    )
    until = time.monotonic() + 60
    while not (running := [it for it in psutil.process_iter(["cmdline"]) if it.info["cmdline"] == SLEEP]):
        assert time.monotonic() < until
        time.sleep(0.05)
    below = psutil.Process(starting.pid).children(recursive=True)
    assert running[0] in below
    starting.kill()
    starting.wait()
    gone, alive = psutil.wait_procs(below, timeout=60)
    assert not [it for it in alive if it.status() != psutil.STATUS_ZOMBIE], gone
    jail.isolation.close()


def test_a_crash_starts_no_handler_of_core_dumps(jail: Jail) -> None:
    program = f"""
        sys.path.insert(0, "{ROOT}")
        import resource
        from review.jail import isolation
        print(resource.getrlimit(resource.RLIMIT_CORE))
        isolation.limit_resources(threads=True, trusted=False)
        print(resource.getrlimit(resource.RLIMIT_CORE))
        attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 1)))
        attempt(lambda: os.mkfifo("{jail.work}/fifo"))
    """
    limit, same, *attempts, fifo = jail.run(program).splitlines()
    assert (limit, same) == ("(1, 1)", "(1, 1)")
    assert attempts == ["ValueError not allowed to raise maximum limit"] * 2, "Python's text for EPERM"
    assert fifo == "PermissionError Operation not permitted"


def test_other_files_in_the_folder_of_the_engine_are_hidden(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("pulumi", "pulumi-language-python", "credentials.json"):
        (home / name).write_text("#!/bin/sh\n")
    jail = Jail(tmp_path / "work", *isolation.engine_files(home / "pulumi"))
    assert jail.run(f"print(sorted(os.listdir({str(home)!r})))") == "['pulumi', 'pulumi-language-python']"
    jail.isolation.close()


def test_plugins_that_the_engine_would_run_are_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = tmp_path / "engine", tmp_path / "path"
    for folder in folders:
        folder.mkdir()
        for name in ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python", "pulumi-tool-x"):
            (folder / name).write_text("#!/bin/sh\necho ran\n")
            (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folders[1]}:{os.environ['PATH']}")
    jail = Jail(tmp_path / "work", *folders, folders[0] / "pulumi")
    program = f"""
        import shutil
        for folder in {[*map(str, folders)]!r}:
            print([bool(shutil.which(name, path=folder)) for name in sorted(os.listdir(folder))])
    """
    assert jail.run(program).splitlines() == ["[True, True, False, False]"] * 2
    jail.isolation.close()


def test_of_pythons_prefix_in_the_users_home_only_python_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prefix = tmp_path / "home" / ".local"
    for name in ("bin", "lib/python3", "share/keyrings", "state"):
        (prefix / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "base_prefix", str(prefix))
    shown = {path for path in isolation.python_files() if path.is_relative_to(tmp_path)}
    assert shown == {prefix / "bin", prefix / "lib"}


@pytest.mark.parametrize("name", ["mounted", "searched,"])
def test_sockets_and_fifos_of_others_below_an_installed_folder_are_out_of_reach(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / name  # overlayfs mounts no folder whose name has a comma.
    folder.mkdir()
    (folder / "data").write_text("found")
    os.mkfifo(folder / "fifo")
    files = [*isolation.python_files(), folder]
    monkeypatch.setattr(isolation, "python_files", lambda: files)
    program = f"""
        print(open("{folder}/data").read())
        attempt(lambda: socket.socket(socket.AF_UNIX).connect("{folder}/socket"))
        attempt(lambda: os.write(os.open("{folder}/fifo", os.O_WRONLY | os.O_NONBLOCK), b"command"))
    """
    reader = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        server.listen()
        jail = Jail(tmp_path / "work")
        data, connection, write = jail.run(program).splitlines()
        jail.isolation.close()
    assert (data, connection) == ("found", "ConnectionRefusedError Connection refused")
    # /dev/null covers a FIFO, and no device can be opened in the folder.
    errors = {
        "mounted": "OSError No such device or address",
        "searched,": "PermissionError Permission denied",
    }
    assert write == errors[name]
    assert os.read(reader, 7) == b""
    os.close(reader)


def test_of_usr_only_the_folders_of_the_system_and_python_are_shown(jail: Jail) -> None:
    python = {Path(path).parts[2] for path in map(str, isolation.python_files()) if path.startswith("/usr/")}
    shown = {*jail.run("print(*os.listdir('/usr'))").split()}
    assert {"bin", "lib", "share"} <= shown <= {*bubblewrap.USR, *python}


def test_without_bubblewrap_the_refusal_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as refusal:
        Isolation(tmp_path / "work", [])
    assert "was not run: bubblewrap (bwrap) is not installed." in str(refusal.value)
    assert "sudo apt-get install bubblewrap" in str(refusal.value)
    assert "--no-isolation" in str(refusal.value)


def test_if_bubblewrap_fails_the_refusal_names_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bwrap").write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n"
    )
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CommandError, match=r"\(bwrap: setting up uid map: Permission denied\)") as refusal:
        Isolation(tmp_path / "work", [])
    assert "user namespaces" in str(refusal.value)


@pytest.mark.parametrize(("name", "value"), [("system", "Darwin"), ("machine", "riscv64")])
def test_a_machine_that_cannot_isolate_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(f"platform.{name}", lambda: value)
    if name == "system":
        monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CommandError, match=f"was not run: .*{value}"):
        Isolation(tmp_path / "work", [])


def test_a_process_is_ended_with_all_its_descendants() -> None:
    command = ["sh", "-c", "setsid sleep 7317 & sleep 7317"]
    process = subprocess.Popen(command)
    while len(below := psutil.Process(process.pid).children(recursive=True)) < 2:
        time.sleep(0.05)
    isolation.end_all([psutil.Process(process.pid)])
    process.wait()
    assert not [left for left in below if left.is_running() and left.status() != psutil.STATUS_ZOMBIE]
