"""System call filter for the program under review, as a classic BPF program for `bwrap --seccomp`.

Namespaces isolate the program; the filter denies the calls that no namespace confines. The evaluation runs
Python, gRPC and Go, which use most system calls, and each version uses different ones, so for it the filter
lists the denied calls. Code under review has only the calls in `allowed.py` and those for which this
module has a rule.

Code under review speaks to the review over a Unix socket, and to the engine of a deployment over TCP. For it,
the filter also denies what succeeds at both kinds of sockets, but has an effect at one of them only, or at
another time: the engine would get other bytes than the review. It also denies what concerns the files of
other processes, for which it is enough that code under review can read them. A program could ignore an error,
so it is killed. Where other answers are harmless, and the C library asks again or can do without the call,
the filter gives these.

On x86-64, `uretprobe` and `uprobe` (335 and 336) pass each filter (kernel/seccomp.c:
seccomp_uprobe_exception). The kernel refuses them except in the code that it maps for traced functions
(arch/x86/kernel/uprobes.c), and code under review cannot trace any.

Sources of the instructions and of the layout of their data: Linux,
Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{seccomp,filter,bpf_common,audit}.h.
Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl and, for arm64,
include/uapi/asm-generic/unistd.h.
"""

import errno
import resource
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from review.jail.system_calls.allowed import ALLOWED, NO_CALL

LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, JMP|JEQ, JMP|JGE, RET
AND = 0x54  # BPF_ALU|AND
NUMBER, ARCHITECTURE = 0, 4
ARGUMENTS, ARGUMENT_BYTES = 16, 8
"""Offsets in struct seccomp_data, and the length of an argument, whose lower half is its first one on
little-endian machines.
"""

TRAP, ERROR, ALLOW = 0x00030000, 0x00050000, 0x7FFF0000  # SECCOMP_RET_TRAP, _ERRNO and _ALLOW
"""A trap ends the process by SIGSYS, which code under review can neither handle nor block (HANDLE_SIGNAL).
SECCOMP_RET_KILL_PROCESS would write a record into the machine's log for each process (kernel/seccomp.c:
seccomp_log).
"""

SUCCESS = ERROR | 0
"""The call returns 0 and has no effect."""

X32 = 0x40000000  # __X32_SYSCALL_BIT: other numbers for the same calls on x86-64

AF_NETLINK = 16  # used by resolvers to list interfaces

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, AF_NETLINK)
"""Allowed socket families of the evaluation. AF_VSOCK, which is denied, reaches the hypervisor and its other
guests despite network namespaces.
"""

UNTRUSTED_FAMILIES = (socket.AF_UNIX,)
"""Allowed socket families of code under review. A TCP connection takes up to 8 MB of the kernel's memory,
which counts towards no process, and the limit of this memory is one of the whole machine (tcp(7): tcp_mem).
Of AF_UNIX, it has only streams: eleven datagrams wait at a socket, even if their senders are closed, and each
takes 0.4 MB (unix(7): max_dgram_qlen).
"""


@dataclass(frozen=True)
class Architecture:
    """The numbers that are specific to a processor architecture."""

    audit: int
    """Value of AUDIT_ARCH_*, by which the kernel identifies the architecture of a call."""
    column: int
    """Column of DENIED and SOCKETS that contains the architecture's system call numbers."""
    past_cache: int
    """The flag O_DIRECT of an open file (arch/*/include/uapi/asm/fcntl.h)."""
    other_numbers: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, 0, 0x4000, other_numbers=True),
    "aarch64": Architecture(0xC00000B7, 1, 0x10000),
}

DENIED: Mapping[str, tuple[int, int]] = {
    # No namespace confines keyrings: a process can request any key of its user by the key's number.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Through io_uring, a program opens sockets and files without the calls that this filter sees.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Access to other processes of the review.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "get_robust_list": (274, 100),
    "kcmp": (312, 272),
    # Memory that does not count toward any limit of a process or a file system.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "map_shadow_stack": (453, 453),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    # The kernel's own memory, which counts toward no limit either. A file system in memory does not count the
    # access lists of its files (acl(5)). Compiled filters count toward a limit of the whole machine, beyond
    # which nobody else can install one (/proc/sys/net/core/bpf_jit_limit); `prctl` installs them as well.
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    # Priorities and processors, also of other processes: the one that counts files and sockets is in the
    # isolation.
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    # Limits and file systems of the whole machine (/proc/sys/fs/aio-max-nr, sync(2), quotactl(2): Q_SYNC).
    "io_setup": (206, 0),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # Parts of the kernel with a history of exploits, which the program does not need.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "modify_ldt": (154, NO_CALL),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "syslog": (103, 116),
    "open_by_handle_at": (304, 265),
    # Changes to mounts; the capabilities for these calls are dropped as well.
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
}
"""Numbers of the denied system calls, which fail with EPERM, on x86-64 and on arm64, by name."""

SOCKETS: Mapping[str, tuple[int, int]] = {"socket": (41, 198), "socketpair": (53, 199)}
"""Numbers of the system calls whose first argument is a socket family."""

TYPE_BITS = 0xF  # SOCK_TYPE_MASK, include/linux/net.h; the other bits are SOCK_CLOEXEC and SOCK_NONBLOCK

PROCESS_CONTROL: tuple[int, int] = (157, 167)
"""Numbers of the system call `prctl`, whose first argument is an operation."""

SET_SECCOMP = 22  # PR_SET_SECCOMP, include/uapi/linux/prctl.h

PROCESS_OPERATIONS = (1, 2, 3, 4, 15, 16, 23, 29, 30, 36, 37, 38, 39, 40)
"""PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_NAME, PR_GET_NAME,
PR_CAPBSET_READ, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER,
PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS and PR_GET_TID_ADDRESS. The others fail as in a kernel that lacks
them. PR_FUTEX_HASH takes up to 1 GB of the kernel's memory (futex_hash_allocate in kernel/futex/core.c), and
with PR_SET_MEMORY_MERGE, a process learns of the memory of others.
"""

THREAD_CONTROL: tuple[int, int] = (158, NO_CALL)
"""Numbers of the system call `arch_prctl`, whose first argument is an operation."""

THREAD_OPERATIONS = (0x1002, 0x1003)
"""ARCH_SET_FS and ARCH_GET_FS of the C libraries (arch/x86/include/uapi/asm/prctl.h). Others give a process
more of the kernel's memory for each thread, or a shadow stack (DENIED: map_shadow_stack). They fail as in a
kernel that lacks them.
"""

MEMORY_ADVICE: tuple[int, int] = (28, 233)
"""Numbers of the system call `madvise`, whose third argument is an advice."""

ADVICES = (*range(5), 8, 9, 10, 11, 13, *range(15, 20), 22, 23, 102, 103)
"""MADV_NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, REMOVE, DONTFORK, DOFORK, UNMERGEABLE,
NOHUGEPAGE, DONTDUMP, DODUMP, WIPEONFORK, KEEPONFORK, POPULATE_READ, POPULATE_WRITE, GUARD_INSTALL and
GUARD_REMOVE (include/uapi/asm-generic/mman-common.h). The others fail as in a kernel that lacks them. With
MADV_MERGEABLE, the kernel merges pages with equal ones of other processes, and a write to a merged page takes
longer, so a process learns of their memory (Linux, Documentation/admin-guide/mm/ksm.rst). MADV_COLD and
MADV_PAGEOUT take pages of files from the memory, so that others have to read them again.
"""

SET_PRIORITY: tuple[int, int] = (141, 140)
"""Numbers of the system call `setpriority`, whose arguments are a kind of target, a target and a value."""

LOWEST_PRIORITY = 19
"""The nice value of code under review: the processes that observe it and end it take precedence. In a filter
that allows no other value, a process that has it keeps it, and so do the processes that it starts
(setpriority(2), sched(7): The nice value).
"""

NEW_SESSION: tuple[int, int] = (112, 157)
"""Numbers of the system call `setsid`. With autogroups, each session has the same share of the processors,
whatever the priorities of its processes (sched(7): The autogroup feature).
"""

MACHINE_LOAD: tuple[int, int] = (99, 179)
"""Numbers of the system call `sysinfo`, which tells the load, the processes and the free memory of the whole
machine. A later run of a program could read in the load that an earlier one had many threads. The isolation
hides the files in /proc with the same numbers (bubblewrap.py).
"""

PROCESS_LIMIT: tuple[int, int] = (302, 261)
"""Numbers of the system call `prlimit64`, whose first argument is a process, or 0 for the own one. Its second
argument is a resource, and its third one is the address of new limits, or 0.
"""

OWN_LIMIT: tuple[int, int] = (160, 164)
"""Numbers of the system call `setrlimit`, whose first argument is a resource."""

MAPPINGS: Mapping[str, tuple[int, int]] = {"mmap": (9, 222)}
"""Numbers of the system calls whose fourth argument has the flags of a mapping."""

SHARED_MEMORY = 0x21  # MAP_SHARED (also in MAP_SHARED_VALIDATE) and MAP_ANONYMOUS, include/uapi/linux/mman.h
"""Flags of memory that several processes share. It counts towards no limit of a process, and it stays in use
when a process has dropped its pages (MADV_DONTNEED). /dev/zero, which gives such memory as well, is hidden.
"""

HUGE_PAGES = 0x40000  # MAP_HUGETLB, include/uapi/asm-generic/hugetlb_encode.h
"""Flag of memory from a pool of the whole machine. It counts towards no resident memory."""

GROWS_DOWN = 0x100  # MAP_GROWSDOWN, include/uapi/asm-generic/mman.h
"""Flag of memory that counts as a stack, and not towards RLIMIT_DATA (is_data_mapping in mm/)."""

DEVICE_CONTROL: tuple[int, int] = (16, 29)
"""Numbers of the system call `ioctl`, whose second argument is a command."""

DEVICE_COMMANDS = (0x5401, 0x802C542A, 0x5413, 0x540F, 0x541B, 0x5421, 0x5450, 0x5451, 0x40049409)
"""TCGETS, TCGETS2, TIOCGWINSZ and TIOCGPGRP of isatty(3) and others, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX,
and FICLONE, with which Python 3.14 tries to copy a file (include/uapi: asm-generic/ioctls.h, linux/fs.h).
Others reach the machine's file systems even through a file that is read-only, and some need no privilege:
a key of FS_IOC_ADD_ENCRYPTION_KEY stays with one (Linux, Documentation/filesystems/fscrypt.rst).
"""

SENDING: Mapping[str, tuple[int, int, int]] = {
    "sendto": (44, 206, 3),
    "sendmsg": (46, 211, 2),
    "sendmmsg": (307, 269, 3),
}
"""Numbers of the system calls that send with flags, and the index of the argument with the flags. `send` of
the C library is `sendto`.
"""

SEND_FLAGS = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
"""Flags with which code under review may send. An urgent byte (MSG_OOB) stays in the stream of a Unix socket
if another one follows, and leaves that of TCP (net/unix/af_unix.c: manage_oob, net/ipv4/tcp_input.c:
tcp_check_urg). With MSG_MORE, TCP keeps bytes back, and loses them if SO_LINGER ends the connection. With
MSG_ZEROCOPY, the bytes can still change.
"""

SET_OPTION: tuple[int, int] = (54, 208)
"""Numbers of the system call `setsockopt`, whose second and third argument are a level and an option."""

SOCKET_OPTIONS: Mapping[int, tuple[int, ...]] = {
    # SO_REUSEADDR, SO_BROADCAST, SO_KEEPALIVE, SO_REUSEPORT, SO_PASSCRED, SO_RCVLOWAT, SO_RCVTIMEO and
    # SO_SNDTIMEO with the old and the new numbers, SO_ZEROCOPY
    socket.SOL_SOCKET: (2, 6, 9, 15, 16, 18, 20, 21, 66, 67, 60),
    # TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_DEFER_ACCEPT, TCP_QUICKACK, TCP_USER_TIMEOUT,
    # TCP_INQ
    socket.IPPROTO_TCP: (1, 4, 5, 6, 9, 12, 18, 36),
    socket.IPPROTO_IP: (1, 8, 11),  # IP_TOS, IP_PKTINFO, IP_RECVERR
    socket.IPPROTO_IPV6: (25, 26, 49, 67),  # IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_TCLASS
}
"""Options that code under review may set, by their level: those that Python, gRPC and the C library set. Unix
sockets accept other ones that have no effect there: with SO_LINGER or SO_MAX_PACING_RATE, TCP does not send
all bytes, and with SO_ATTACH_FILTER, it drops the confirmations of the other side.
"""

BUFFER_OPTIONS = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE and SO_RCVBUFFORCE of SOL_SOCKET, which succeed and have no effect.
The memory of buffers counts towards no process, and each socket could otherwise have twice net.core.wmem_max
(socket(7)), often some megabytes.
"""

FROM_PAGES: Mapping[str, tuple[int, int]] = {
    "sendfile": (40, 71),
    "splice": (275, 76),
    "tee": (276, 77),
    "vmsplice": (278, 75),
}
"""Numbers of the system calls that send the pages of a file or of memory without a copy: the program can
still change the bytes until somebody reads them. The review and the engine read at other times.
"""

OF_OTHERS: Mapping[str, tuple[int, int]] = {
    "flock": (73, 32),
    "inotify_init": (253, 26),  # arm64 only has inotify_init1
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
}
"""Numbers of the system calls that lock a file, or watch who uses it. An isolation shows the machine's own
files, so a lock of a file that code under review may only read makes other processes of the machine wait, and
a watch sees them (flock(2), inotify(7)). The kernel also limits the instances of inotify of a user in all
namespaces together (/proc/sys/fs/inotify/max_user_instances).
"""

WRITE_BACK: Mapping[str, tuple[int, int]] = {
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "sync_file_range": (277, 84),
    "msync": (26, 227),
}
"""Numbers of the system calls that write a file back to its disk. For each call, a file system such as ext4
makes the whole disk flush its cache, even for an unchanged file that the caller may only read
(fs/ext4/fsync.c, mm/msync.c), so all users of the disk would wait. All files that code under review can write
are in memory, where the calls have no effect (fs/libfs.c: noop_fsync).
"""

CACHE_ADVICE: tuple[int, int] = (221, 223)
"""Numbers of the system call `fadvise64`. With POSIX_FADV_DONTNEED, whoever can read a file takes it from the
memory (mm/fadvise.c), and all others have to read it again from the disk.
"""

OPEN: Mapping[str, tuple[int, int, int]] = {"open": (2, NO_CALL, 1), "openat": (257, 56, 2)}
"""Numbers of the system calls that open files, and the index of the argument with the flags. With O_DIRECT,
the disk reads a file each time that a program does, and before, the changes of others to it are written back
(mm/filemap.c: kiocb_write_and_wait). The flag fails as on a file system that lacks it (open(2): EINVAL).
"""

FUTEX: tuple[int, int] = (202, 98)
"""Numbers of the system call `futex`, whose second argument is an operation, and whose fourth one is the
address of a time-out, or 0.

The kernel finds a futex that is not private by the inode of its page, so all processes meet there that can
read the same file, also through overlayfs, and no process has to be able to write to it (kernel/futex/core.c:
get_futex_key). With a lock or semaphore in such a file, code under review could take the wake-ups of other
processes of the machine, or move their waiting threads to another address. So no such operation reaches the
kernel:

- A wait returns as if the value had changed. All callers look at the value again, and again until it has
  changed (futex(2): EAGAIN): pthread_join (glibc: nptl/pthread_join_common.c, musl: src/thread/__wait.c),
  sem_wait, and initial values of static variables in C++ (GCC: libstdc++-v3/libsupc++/guard.cc).
- A wake-up returns 0, since nobody waits.
- A wait with a time-out would never end by it, so it ends the process.
- Other operations fail as in a kernel that lacks them.

What remains is a superfluous wake-up of one waiter when a thread ends, for which every waiter is prepared
(kernel/fork.c: mm_release; futex(2)).
"""

CLOCK_FLAG, PRIVATE_FLAG = 0x100, 0x80  # FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, include/uapi/linux/futex.h

PRIVATE_OPERATIONS = (0, 1, 3, 4, 5, 9, 10)
"""FUTEX_WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET and WAKE_BITSET, which code under review may
use with PRIVATE_FLAG. The others hand down priorities, also to other processes (kernel/futex/pi.c).
"""

SHARED_WAITS, SHARED_WAKES = (0, 9), (1, 10)  # FUTEX_WAIT and WAIT_BITSET, FUTEX_WAKE and WAKE_BITSET

SPECIAL_FILES: Mapping[str, tuple[int, int]] = {"mknod": (133, NO_CALL), "mknodat": (259, 33)}
"""Numbers of the system calls that create FIFOs, which are pipes with a path. A thread that opens one waits
for the other side, and then no file descriptor shows the pipe (fs/pipe.c: fifo_open).
"""

BAD_SYSTEM_CALL = 31  # SIGSYS on both architectures, include/uapi/asm-generic/signal.h

HANDLE_SIGNAL: tuple[int, int] = (13, 134)
"""Numbers of the system call `rt_sigaction`, whose first argument is a signal, and whose second one is the
address of a new handler, or 0. A handler of SIGSYS would get the control after a trap; Go's runtime sets one,
which has no effect. If the signal is blocked or ignored, the kernel ends the process nevertheless
(kernel/signal.c: force_sig_info_to_task).
"""

CREATE_PROCESS: tuple[int, int] = (56, 220)
"""Numbers of the system call `clone`, whose first argument has flags."""

CREATE_PROCESS_BY_STRUCT: tuple[int, int] = (435, 435)
"""Numbers of the system call `clone3`, whose flags are in memory, where a filter does not see them. The C
library uses `clone` if the kernel lacks this call (glibc, sysdeps/unix/sysv/linux/clone-internal.c).
"""

THREAD, SAME_FILES = 0x10000, 0x400  # CLONE_THREAD, CLONE_FILES, include/uapi/linux/sched.h
"""Flags of a new thread. Without the second one, it gets a table of file descriptors of its own, which the
process does not show in /proc (proc(5): /proc/pid/task).
"""

CLOSE_RANGE: tuple[int, int] = (436, 436)
"""Numbers of the system call `close_range`, whose third argument has flags."""

OWN_FILES = 0x2  # CLOSE_RANGE_UNSHARE, include/uapi/linux/close_range.h
"""Flag that gives a thread a table of file descriptors of its own."""

FILE_CONTROL: tuple[int, int] = (72, 25)
"""Numbers of the system call `fcntl`, whose second argument is a command."""

SET_STATUS_FLAGS = 4  # F_SETFL, which could set the flag O_DIRECT as well (OPEN)

FILE_COMMANDS = (0, 1, 2, 3, 4, 1030, 1032)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC and F_GETPIPE_SZ, which concern a process's
own descriptors. The others lock files, watch folders, or hold leases: until a lease ends, whoever opens the
file for writing waits up to 45 seconds (fcntl(2), /proc/sys/fs/lease-break-time).
"""


def filter_program(machine: str, *, trusted: bool) -> bytes | None:
    """Return the filter for a machine that is named as in `uname -m`; None for an unknown machine.

    Without `trusted`, it is the filter for code under review.
    """
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return None
    column = architecture.column
    instructions = [
        _instruction(LOAD, ARCHITECTURE),
        *_unless_equal(architecture.audit, TRAP),  # calls of other architectures have other numbers
        _instruction(LOAD, NUMBER),
    ]
    if architecture.other_numbers:
        instructions.append(_instruction(JUMP_IF_AT_LEAST, X32, if_not=1))
        instructions.append(_instruction(RETURN, ERROR | errno.ENOSYS))
    if not trusted:
        instructions += _if_equal(FUTEX[column], _private_futexes())  # the most frequent call comes first
    for numbers in DENIED.values():
        instructions += _if_equal(numbers[column], [_instruction(RETURN, ERROR | errno.EPERM)])
    for numbers in SOCKETS.values():
        instructions += _if_equal(numbers[column], _sockets(trusted=trusted))
    denied = _if_equal(SET_SECCOMP, [_instruction(RETURN, ERROR | errno.EPERM)])
    others = (
        [_instruction(RETURN, ALLOW)] if trusted else _allow_only(PROCESS_OPERATIONS, ERROR | errno.EINVAL)
    )
    instructions += _if_equal(PROCESS_CONTROL[column], [_load_argument(0), *denied, *others])
    instructions += _if_equal(SET_PRIORITY[column], _own_lowest_priority())
    instructions += _limits(column)
    flags = [*_denied_flags(3, SHARED_MEMORY), *_denied_flags(3, HUGE_PAGES), *_denied_flags(3, GROWS_DOWN)]
    for numbers in MAPPINGS.values():
        instructions += _if_equal(numbers[column], [*flags, _instruction(RETURN, ALLOW)])
    if not trusted:
        instructions += _same_bytes_at_all_sockets(column)
        instructions += _countable_files(column)
        for numbers in (NEW_SESSION, MACHINE_LOAD):
            instructions += _if_equal(numbers[column], [_instruction(RETURN, ERROR | errno.EPERM)])
        for numbers in OF_OTHERS.values():
            instructions += _if_equal(numbers[column], [_instruction(RETURN, TRAP)])
        for numbers in (*WRITE_BACK.values(), CACHE_ADVICE):
            instructions += _if_equal(numbers[column], [_instruction(RETURN, SUCCESS)])
        handler = [*_unless_zero(1, SUCCESS), _instruction(RETURN, ALLOW)]
        of_traps = [*_if_equal(BAD_SYSTEM_CALL, handler), _instruction(RETURN, ALLOW)]
        instructions += _if_equal(HANDLE_SIGNAL[column], [_load_argument(0), *of_traps])
        for *numbers, flags in OPEN.values():
            opened = _denied_flags(flags, architecture.past_cache, errno.EINVAL)
            instructions += _if_equal(numbers[column], [*opened, _instruction(RETURN, ALLOW)])
        status = [*_denied_flags(2, architecture.past_cache, errno.EINVAL), _instruction(RETURN, ALLOW)]
        commands = [
            _load_argument(1),
            *_if_equal(SET_STATUS_FLAGS, status),
            *_allow_only(FILE_COMMANDS, TRAP),
        ]
        instructions += _if_equal(FILE_CONTROL[column], commands)
        operations = [_load_argument(0), *_allow_only(THREAD_OPERATIONS, ERROR | errno.EINVAL)]
        instructions += _if_equal(THREAD_CONTROL[column], operations)
        advices = [_load_argument(2), *_allow_only(ADVICES, ERROR | errno.EINVAL)]
        instructions += _if_equal(MEMORY_ADVICE[column], advices)
        commands = [_load_argument(1), *_allow_only(DEVICE_COMMANDS, ERROR | errno.ENOTTY)]
        instructions += _if_equal(DEVICE_CONTROL[column], commands)
        allowed = [numbers[column] for numbers in ALLOWED.values() if numbers[column] != NO_CALL]
        instructions += _allow_only(allowed, ERROR | errno.ENOSYS)
    instructions.append(_instruction(RETURN, ALLOW))
    return b"".join(instructions)


def _sockets(*, trusted: bool) -> list[bytes]:
    """Return instructions that allow a call with the family and the type of a socket, or deny it."""
    if trusted:
        return [_load_argument(0), *_allow_only(FAMILIES, ERROR | errno.EPERM)]
    streams = [
        _load_argument(1),
        _instruction(AND, TYPE_BITS),
        *_allow_only([socket.SOCK_STREAM], ERROR | errno.EPERM),
    ]
    families = [part for family in UNTRUSTED_FAMILIES for part in _if_equal(family, streams)]
    return [_load_argument(0), *families, _instruction(RETURN, ERROR | errno.EPERM)]


def _private_futexes() -> list[bytes]:
    """Return instructions that allow operations on private futexes, and answer others without an effect."""
    wait = [*_unless_zero(3, TRAP), _instruction(RETURN, ERROR | errno.EAGAIN)]
    answers = [
        *((PRIVATE_FLAG | operation, [_instruction(RETURN, ALLOW)]) for operation in PRIVATE_OPERATIONS),
        *((operation, wait) for operation in SHARED_WAITS),
        *((operation, [_instruction(RETURN, SUCCESS)]) for operation in SHARED_WAKES),
    ]
    return [
        _load_argument(1),
        _instruction(AND, ~CLOCK_FLAG & 0xFFFFFFFF),
        *(part for operation, block in answers for part in _if_equal(operation, block)),
        _instruction(RETURN, ERROR | errno.ENOSYS),
    ]


def _own_lowest_priority() -> list[bytes]:
    """Return instructions that allow a thread to give itself the lowest priority, and deny every other one.

    The arguments are PRIO_PROCESS and 0, the calling thread. The kernel ignores their upper halves, which an
    `int` does not have (kernel/sys.c).
    """
    deny = ERROR | errno.EPERM
    own = [part for index in (0, 1) for part in (_load_argument(index), *_unless_equal(0, deny))]
    return [*own, _load_argument(2), *_allow_only([LOWEST_PRIORITY], deny)]


def _limits(column: int) -> list[bytes]:
    """Return instructions that deny limits of other processes, and new ones of core dumps.

    A lower limit than 1 would start the machine's handler of core dumps (isolation.LIMITS).
    """
    deny = ERROR | errno.EPERM
    new_limits = [*_unless_zero(2, deny), _instruction(RETURN, ALLOW)]
    of_process = [
        _load_argument(0),
        *_unless_equal(0, deny),
        _load_argument(1),
        *_if_equal(resource.RLIMIT_CORE, new_limits),
        _instruction(RETURN, ALLOW),
    ]
    core = _if_equal(resource.RLIMIT_CORE, [_instruction(RETURN, deny)])
    own = [_load_argument(0), *core, _instruction(RETURN, ALLOW)]
    return [*_if_equal(PROCESS_LIMIT[column], of_process), *_if_equal(OWN_LIMIT[column], own)]


def _countable_files(column: int) -> list[bytes]:
    """Return instructions that deny open files and pipes which /proc does not show for a process."""
    instructions: list[bytes] = []
    for numbers in SPECIAL_FILES.values():
        instructions += _if_equal(numbers[column], [_instruction(RETURN, ERROR | errno.EPERM)])
    thread = [
        _load_argument(0),
        _instruction(AND, THREAD | SAME_FILES),
        *_if_equal(THREAD, [_instruction(RETURN, ERROR | errno.EPERM)]),
        _instruction(RETURN, ALLOW),
    ]
    return [
        *instructions,
        *_if_equal(CREATE_PROCESS[column], thread),
        *_if_equal(CREATE_PROCESS_BY_STRUCT[column], [_instruction(RETURN, ERROR | errno.ENOSYS)]),
        *_if_equal(CLOSE_RANGE[column], [*_denied_flags(2, OWN_FILES), _instruction(RETURN, ALLOW)]),
    ]


def _same_bytes_at_all_sockets(column: int) -> list[bytes]:
    """Return instructions that deny what may lead to other bytes at another kind of sockets."""
    instructions: list[bytes] = []
    for numbers in FROM_PAGES.values():
        instructions += _if_equal(numbers[column], [_instruction(RETURN, TRAP)])
    for *numbers, flags in SENDING.values():
        others = _instruction(AND, ~SEND_FLAGS & 0xFFFFFFFF)
        instructions += _if_equal(numbers[column], [_load_argument(flags), others, *_allow_only([0], TRAP)])
    ignore = [_instruction(RETURN, SUCCESS)]
    buffers = [part for option in BUFFER_OPTIONS for part in _if_equal(option, ignore)]
    options = [_load_argument(1)]
    for level, allowed in SOCKET_OPTIONS.items():
        ignored = buffers if level == socket.SOL_SOCKET else []
        options += _if_equal(level, [_load_argument(2), *ignored, *_allow_only(allowed, TRAP)])
    options.append(_instruction(RETURN, TRAP))
    return [*instructions, *_if_equal(SET_OPTION[column], options)]


def _instruction(code: int, value: int, *, if_so: int = 0, if_not: int = 0) -> bytes:
    """Return an encoded struct sock_filter; a jump skips `if_so` or `if_not` instructions."""
    return struct.pack("<HBBI", code, if_so, if_not, value)


def _load_argument(index: int) -> bytes:
    """Return the instruction that loads the lower half of an argument."""
    return _instruction(LOAD, ARGUMENTS + index * ARGUMENT_BYTES)


def _unless_zero(index: int, verdict: int) -> list[bytes]:
    """Return instructions that return `verdict` unless both halves of an argument are 0."""
    upper = _instruction(LOAD, ARGUMENTS + index * ARGUMENT_BYTES + ARGUMENT_BYTES // 2)
    return [_load_argument(index), *_unless_equal(0, verdict), upper, *_unless_equal(0, verdict)]


def _denied_flags(index: int, flags: int, error: int = errno.EPERM) -> list[bytes]:
    """Return instructions that deny a call with an error if an argument has all of `flags`."""
    deny = _instruction(RETURN, ERROR | error)
    return [_load_argument(index), _instruction(AND, flags), *_if_equal(flags, [deny])]


def _if_equal(value: int, block: list[bytes]) -> list[bytes]:
    """Return instructions that run `block`, which must return, if the loaded value equals `value`."""
    return [_instruction(JUMP_IF_EQUAL, value, if_not=len(block)), *block]


def _unless_equal(value: int, verdict: int) -> list[bytes]:
    """Return instructions that return `verdict` unless the loaded value equals `value`."""
    return [_instruction(JUMP_IF_EQUAL, value, if_so=1), _instruction(RETURN, verdict)]


def _allow_only(values: Iterable[int], verdict: int) -> list[bytes]:
    """Return instructions that allow a call whose loaded value is one of `values`, else return `verdict`."""
    allowed = [part for value in values for part in _if_equal(value, [_instruction(RETURN, ALLOW)])]
    return [*allowed, _instruction(RETURN, verdict)]
