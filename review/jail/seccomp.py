"""The system call filter of the program under review, as a classic BPF program for `bwrap --seccomp`.

A list of what is denied, not of what is allowed: Python, gRPC and Go use most of the system calls, and other
ones in each version. The namespaces do the separating; the filter takes away what namespaces do not separate.
Instructions and the layout of their data: Linux, Documentation/userspace-api/seccomp_filter.rst and
include/uapi/linux/{seccomp,filter,bpf_common,audit}.h. Numbers of system calls:
arch/x86/entry/syscalls/syscall_64.tbl and, for arm64, include/uapi/asm-generic/unistd.h.
"""

import errno
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, JMP|JEQ, JMP|JGE, RET
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little endian
KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000  # SECCOMP_RET_KILL_PROCESS, _ERRNO, _ALLOW
X32 = 0x40000000  # __X32_SYSCALL_BIT: the same calls under other numbers, on x86-64

FAMILIES = (
    socket.AF_UNIX,
    socket.AF_INET,
    socket.AF_INET6,
    16,
)  # 16 is AF_NETLINK: resolvers list interfaces
"""The families of sockets that there may be. AF_VSOCK reaches the hypervisor and its other guests, through
no network namespace; AF_ALG, AF_PACKET and the rest are nothing that a program of Pulumi's needs."""


@dataclass(frozen=True)
class Architecture:
    """A kind of processor, by its numbers."""

    audit: int
    """AUDIT_ARCH_*, by which the kernel names the kind that a call was made for."""
    column: int
    """The column of DENIED and SOCKETS that has its numbers."""
    other_numbers: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, 0, other_numbers=True),
    "aarch64": Architecture(0xC00000B7, 1),
}

DENIED: Mapping[str, tuple[int, int]] = {
    # Keyrings are in no namespace: whoever has a key's number asks for it by its user.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # A ring opens sockets and files without the calls that this filter sees.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Other processes of the review.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # Memory that no limit of a process or a file system counts.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    # Parts of the kernel through which it has been taken over, and which no program here needs.
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
    # Another view of files: its capabilities are gone already.
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
"""System calls that end with EPERM, by name: their numbers on x86-64 and on arm64."""

SOCKETS: Mapping[str, tuple[int, int]] = {"socket": (41, 198), "socketpair": (53, 199)}
"""The system calls whose first argument is a family of sockets."""


def filter_program(machine: str) -> bytes | None:
    """Assemble the filter for a kind of machine, as `uname -m` names it; None for one that is not known."""
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return None
    instructions = [
        _instruction(LOAD, ARCHITECTURE),
        *_unless_equal(architecture.audit, KILL),  # a call for another kind has other numbers
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
    instructions.append(_instruction(RETURN, ALLOW))
    return b"".join(instructions)


def _instruction(code: int, value: int, *, if_so: int = 0, if_not: int = 0) -> bytes:
    """Encode a struct sock_filter; `if_so` and `if_not` say how many instructions a jump skips."""
    return struct.pack("<HBBI", code, if_so, if_not, value)


def _if_equal(value: int, block: list[bytes]) -> list[bytes]:
    """Run a block, which returns, if what is loaded equals a value."""
    return [_instruction(JUMP_IF_EQUAL, value, if_not=len(block)), *block]


def _unless_equal(value: int, verdict: int) -> list[bytes]:
    """Return a verdict unless what is loaded equals a value."""
    return [_instruction(JUMP_IF_EQUAL, value, if_so=1), _instruction(RETURN, verdict)]


def _allow_only(values: Iterable[int]) -> list[bytes]:
    """Allow if what is loaded is one of the values, else deny."""
    allowed = [part for value in values for part in _if_equal(value, [_instruction(RETURN, ALLOW)])]
    return [*allowed, _instruction(RETURN, ERROR | errno.EPERM)]
