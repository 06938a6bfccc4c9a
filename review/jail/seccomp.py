"""System call filter for the program under review, as a classic BPF program for `bwrap --seccomp`.

The filter lists denied calls instead of allowed calls, since Python, gRPC and Go use most system calls, and
each version uses different ones. Namespaces isolate the program; the filter denies the calls that no
namespace confines.

Sources of the instructions and of the layout of their data: Linux,
Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{seccomp,filter,bpf_common,audit}.h.
Numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl and, for arm64,
include/uapi/asm-generic/unistd.h.
"""

import errno
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, JMP|JEQ, JMP|JGE, RET
AND = 0x54  # BPF_ALU|AND
NUMBER, ARCHITECTURE = 0, 4
FIRST_ARGUMENT, FOURTH_ARGUMENT = 16, 40
"""Offsets in struct seccomp_data, those of arguments on little-endian machines for the lower halves."""

KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000  # SECCOMP_RET_KILL_PROCESS, _ERRNO, _ALLOW
X32 = 0x40000000  # __X32_SYSCALL_BIT: other numbers for the same calls on x86-64

AF_NETLINK = 16  # used by resolvers to list interfaces

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, AF_NETLINK)
"""Allowed socket families. AF_VSOCK, which is denied, reaches the hypervisor and its other guests despite
network namespaces. A Pulumi program needs neither AF_ALG, AF_PACKET nor any other family.
"""


@dataclass(frozen=True)
class Architecture:
    """The numbers that are specific to a processor architecture."""

    audit: int
    """Value of AUDIT_ARCH_*, by which the kernel identifies the architecture of a call."""
    column: int
    """Column of DENIED and SOCKETS that contains the architecture's system call numbers."""
    other_numbers: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, 0, other_numbers=True),
    "aarch64": Architecture(0xC00000B7, 1),
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
    "kcmp": (312, 272),
    # Memory that does not count toward any limit of a process or a file system.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    # Parts of the kernel with a history of exploits, which the program does not need.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
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

MAPPINGS: Mapping[str, tuple[int, int]] = {"mmap": (9, 222)}
"""Numbers of the system calls whose fourth argument has the flags of a mapping."""

SHARED_MEMORY = 0x21  # MAP_SHARED (also in MAP_SHARED_VALIDATE) and MAP_ANONYMOUS, include/uapi/linux/mman.h
"""Flags of memory that several processes share. It counts towards no limit of a process, and it stays in use
when a process has dropped its pages (MADV_DONTNEED). /dev/zero, which gives such memory as well, is hidden.
"""


def filter_program(machine: str) -> bytes | None:
    """Return the filter for a machine that is named as in `uname -m`; None for an unknown machine."""
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return None
    instructions = [
        _instruction(LOAD, ARCHITECTURE),
        *_unless_equal(architecture.audit, KILL),  # calls of other architectures have other numbers
        _instruction(LOAD, NUMBER),
    ]
    if architecture.other_numbers:
        instructions.append(_instruction(JUMP_IF_AT_LEAST, X32, if_not=1))
        instructions.append(_instruction(RETURN, ERROR | errno.ENOSYS))
    for numbers in DENIED.values():
        instructions += _if_equal(numbers[architecture.column], [_instruction(RETURN, ERROR | errno.EPERM)])
    family = [_instruction(LOAD, FIRST_ARGUMENT), *_allow_only(FAMILIES)]
    for numbers in SOCKETS.values():
        instructions += _if_equal(numbers[architecture.column], family)
    flags = [
        _instruction(LOAD, FOURTH_ARGUMENT),
        _instruction(AND, SHARED_MEMORY),
        *_if_equal(SHARED_MEMORY, [_instruction(RETURN, ERROR | errno.EPERM)]),
        _instruction(RETURN, ALLOW),
    ]
    for numbers in MAPPINGS.values():
        instructions += _if_equal(numbers[architecture.column], flags)
    instructions.append(_instruction(RETURN, ALLOW))
    return b"".join(instructions)


def _instruction(code: int, value: int, *, if_so: int = 0, if_not: int = 0) -> bytes:
    """Return an encoded struct sock_filter; a jump skips `if_so` or `if_not` instructions."""
    return struct.pack("<HBBI", code, if_so, if_not, value)


def _if_equal(value: int, block: list[bytes]) -> list[bytes]:
    """Return instructions that run `block`, which must return, if the loaded value equals `value`."""
    return [_instruction(JUMP_IF_EQUAL, value, if_not=len(block)), *block]


def _unless_equal(value: int, verdict: int) -> list[bytes]:
    """Return instructions that return `verdict` unless the loaded value equals `value`."""
    return [_instruction(JUMP_IF_EQUAL, value, if_so=1), _instruction(RETURN, verdict)]


def _allow_only(values: Iterable[int]) -> list[bytes]:
    """Return instructions that allow the call if the loaded value is one of `values`, and else deny it."""
    allowed = [part for value in values for part in _if_equal(value, [_instruction(RETURN, ALLOW)])]
    return [*allowed, _instruction(RETURN, ERROR | errno.EPERM)]
