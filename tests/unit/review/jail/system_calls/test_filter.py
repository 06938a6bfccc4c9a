"""Tests of the system call filter, with an interpreter that works as the kernel's does."""

import errno
import fcntl
import re
import signal
import struct
import termios
from pathlib import Path

import pytest

from review.jail.system_calls.allowed import ALLOWED, NO_CALL
from review.jail.system_calls.filter import (
    ALLOW,
    ARCHITECTURES,
    BAD_SYSTEM_CALL,
    CACHE_ADVICE,
    CLOSE_RANGE,
    CREATE_PROCESS,
    CREATE_PROCESS_BY_STRUCT,
    DENIED,
    DEVICE_CONTROL,
    ERROR,
    FILE_CONTROL,
    FROM_PAGES,
    FUTEX,
    HANDLE_SIGNAL,
    LOWEST_PRIORITY,
    MACHINE_LOAD,
    MAPPINGS,
    MEMORY_ADVICE,
    NEW_SESSION,
    OF_OTHERS,
    OPEN,
    OWN_LIMIT,
    PROCESS_CONTROL,
    PROCESS_LIMIT,
    SENDING,
    SET_OPTION,
    SET_PRIORITY,
    SOCKETS,
    SPECIAL_FILES,
    SUCCESS,
    THREAD_CONTROL,
    TRAP,
    WRITE_BACK,
    filter_program,
)

X86, ARM = "x86_64", "aarch64"
VSOCK, ALG, PACKET = 40, 38, 17  # include/linux/socket.h
DENY = ERROR | errno.EPERM
HEADERS = {
    X86: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    ARM: Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(
    machine: str, number: int, *arguments: int, audit: int | None = None, trusted: bool = False
) -> int:
    """Return the filter's verdict on a system call with up to four arguments for a machine."""
    program = filter_program(machine, trusted=trusted)
    assert program is not None
    instructions = list(struct.iter_unpack("<HBBI", program))
    values = (*arguments, 0, 0, 0, 0)[:4]
    data = struct.pack("<IIQQQQQ", number, audit or ARCHITECTURES[machine].audit, 0, *values)
    loaded = position = 0
    while True:
        code, if_so, if_not, value = instructions[position]
        position += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, value)
        elif code == 0x15:
            position += if_so if loaded == value else if_not
        elif code == 0x35:
            position += if_so if loaded >= value else if_not
        elif code == 0x54:
            loaded &= value
        else:
            assert code == 0x06
            return value


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_call_of_the_list_is_denied(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    assert {verdict(machine, numbers[column]) for numbers in DENIED.values()} == {DENY}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_only_sockets_that_a_program_needs_are_allowed(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    for numbers in SOCKETS.values():
        for trusted, families in ((True, [1, 2, 10, 16]), (False, [1])):
            verdicts = [verdict(machine, numbers[column], family, 1, trusted=trusted) for family in range(64)]
            assert [family for family in range(64) if verdicts[family] == ALLOW] == families
        assert {verdict(machine, numbers[column], family) for family in (VSOCK, ALG, PACKET)} == {DENY}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_has_only_streams_since_datagrams_outlive_their_senders(machine: str) -> None:
    unix, stream, flags = 1, 1, 0x80000 | 0x800  # SOCK_CLOEXEC, SOCK_NONBLOCK
    for numbers in SOCKETS.values():
        number = numbers[ARCHITECTURES[machine].column]
        types = [kind for kind in range(16) if verdict(machine, number, unix, kind | flags) == ALLOW]
        assert types == [stream]
        assert verdict(machine, number, unix, 2, trusted=True) == ALLOW


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_filters_and_limits_of_other_processes_are_denied(machine: str, trusted: bool) -> None:
    column = ARCHITECTURES[machine].column
    set_seccomp, set_name, set_child_subreaper = 22, 15, 36
    for operation, answer in ((set_seccomp, DENY), (set_name, ALLOW), (set_child_subreaper, ALLOW)):
        assert verdict(machine, PROCESS_CONTROL[column], operation, trusted=trusted) == answer
    merge_memory, hash_futexes = 67, 78  # take memory of the kernel, or of others
    answer = ALLOW if trusted else ERROR | errno.EINVAL
    for operation in (merge_memory, hash_futexes, 0x53564D41, 1000):
        assert verdict(machine, PROCESS_CONTROL[column], operation, trusted=trusted) == answer
    for process, answer in ((0, ALLOW), (1, DENY), (42, DENY)):
        assert verdict(machine, PROCESS_LIMIT[column], process, trusted=trusted) == answer


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_limit_of_core_dumps_cannot_be_set_but_read(machine: str, trusted: bool) -> None:
    column = ARCHITECTURES[machine].column
    core, data, upper_half = 4, 2, 1 << 32
    for resource, new, answer in (
        (core, 0, ALLOW),
        (core, 1, DENY),
        (core, upper_half, DENY),
        (core | upper_half, 1, DENY),
        (data, 1, ALLOW),
    ):
        assert verdict(machine, PROCESS_LIMIT[column], 0, resource, new, trusted=trusted) == answer
    for resource, answer in ((core, DENY), (core | upper_half, DENY), (data, ALLOW)):
        assert verdict(machine, OWN_LIMIT[column], resource, trusted=trusted) == answer


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_priority_can_only_become_the_lowest_one(machine: str, trusted: bool) -> None:
    number = SET_PRIORITY[ARCHITECTURES[machine].column]
    process, group, user, upper_half, minus_one = 0, 1, 2, 1 << 32, (1 << 64) - 1
    for kind, target, priority, answer in (
        (process, 0, LOWEST_PRIORITY, ALLOW),
        (process, 0, upper_half | LOWEST_PRIORITY, ALLOW),  # The kernel ignores the upper half.
        (process, 0, 0, DENY),
        (process, 0, LOWEST_PRIORITY - 1, DENY),
        (process, 0, minus_one, DENY),
        (process, 1, LOWEST_PRIORITY, DENY),
        (group, 0, LOWEST_PRIORITY, DENY),
        (user, 0, LOWEST_PRIORITY, DENY),
    ):
        assert verdict(machine, number, kind, target, priority, trusted=trusted) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_has_no_sessions_and_no_load_of_the_machine(machine: str) -> None:
    for numbers in (NEW_SESSION, MACHINE_LOAD):
        number = numbers[ARCHITECTURES[machine].column]
        assert verdict(machine, number) == DENY
        assert verdict(machine, number, trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_thread_has_no_files_that_its_process_does_not_show(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    thread, same_files, same_memory, sigchld = 0x10000, 0x400, 0x100, 17
    for flags, answer in (
        (thread | same_memory, DENY),
        (thread | same_memory | same_files, ALLOW),
        (sigchld, ALLOW),
        (same_memory | sigchld, ALLOW),
    ):
        assert verdict(machine, CREATE_PROCESS[column], flags) == answer
    assert verdict(machine, CREATE_PROCESS_BY_STRUCT[column]) == ERROR | errno.ENOSYS
    unshare, close_on_exec = 2, 4
    assert verdict(machine, CLOSE_RANGE[column], 3, 9, unshare | close_on_exec) == DENY
    assert verdict(machine, CLOSE_RANGE[column], 3, 9, close_on_exec) == ALLOW
    numbers = (CREATE_PROCESS[column], CREATE_PROCESS_BY_STRUCT[column], CLOSE_RANGE[column])
    assert {verdict(machine, number, thread, 0, unshare, trusted=True) for number in numbers} == {ALLOW}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_creates_no_fifos_whose_pipes_no_descriptor_shows(machine: str) -> None:
    numbers = {name: columns[ARCHITECTURES[machine].column] for name, columns in SPECIAL_FILES.items()}
    assert {verdict(machine, number) for number in numbers.values()} == {DENY}
    assert verdict(machine, numbers["mknodat"], trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_upper_half_of_a_family_is_ignored_as_by_the_kernel(machine: str) -> None:
    number = SOCKETS["socket"][ARCHITECTURES[machine].column]
    assert verdict(machine, number, (1 << 32) | VSOCK) == DENY


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_only_private_memory_and_shared_files_can_be_mapped(machine: str) -> None:
    number = MAPPINGS["mmap"][ARCHITECTURES[machine].column]
    shared, private, validated, anonymous, no_reserve = 0x01, 0x02, 0x03, 0x20, 0x4000
    for kind in (shared, validated, shared | no_reserve, 1 << 32 | shared):
        assert verdict(machine, number, 0, 0, 0, kind | anonymous) == DENY
        assert verdict(machine, number, 0, 0, 0, kind) == ALLOW
    assert verdict(machine, number, 0, 0, 0, private | anonymous) == ALLOW
    huge, of_one_gigabyte = 0x40000, 30 << 26
    grows_down = 0x100  # counts as a stack, and not as data
    for kind in (
        private | anonymous | huge,
        private | anonymous | huge | of_one_gigabyte,
        private | grows_down,
    ):
        assert verdict(machine, number, 0, 0, 0, kind) == DENY


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_sends_only_what_all_sockets_send_alike(machine: str) -> None:
    flags = {"oob": 1, "more": 0x8000, "zerocopy": 0x4000000, "fastopen": 0x20000000, "eor": 0x80}
    nosignal, dontwait = 0x4000, 0x40
    for *numbers, index in SENDING.values():
        number, before = numbers[ARCHITECTURES[machine].column], [7] * index
        for flag in flags.values():
            assert verdict(machine, number, *before, nosignal | flag) == TRAP
            assert verdict(machine, number, *before, nosignal | flag, trusted=True) == ALLOW
        assert verdict(machine, number, *before, nosignal | dontwait) == ALLOW
        assert verdict(machine, number, *before, 0) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_sets_only_options_that_lose_no_bytes(machine: str) -> None:
    number = SET_OPTION[ARCHITECTURES[machine].column]
    of_sockets, of_tcp, of_ip, of_ipv6, of_tls = 1, 6, 0, 41, 282
    allowed = [(of_sockets, 2), (of_sockets, 15), (of_tcp, 1), (of_tcp, 18), (of_ip, 11), (of_ipv6, 26)]
    linger, oob_inline, attach_filter, attach_bpf, pacing_rate = 13, 10, 26, 50, 47
    denied = [(of_sockets, name) for name in (linger, oob_inline, attach_filter, attach_bpf, pacing_rate)]
    cork, repair, upper_layer, min_ttl = 3, 19, 31, 21
    denied += [(of_tcp, cork), (of_tcp, repair), (of_tcp, upper_layer), (of_ip, min_ttl), (of_tls, 1)]
    assert {verdict(machine, number, 9, *option) for option in allowed} == {ALLOW}
    assert {verdict(machine, number, 9, *option) for option in denied} == {TRAP}
    assert {verdict(machine, number, 9, *option, trusted=True) for option in denied} == {ALLOW}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_size_of_a_buffer_cannot_be_set_but_this_is_no_error(machine: str) -> None:
    number = SET_OPTION[ARCHITECTURES[machine].column]
    of_sockets, upper_half = 1, 1 << 32
    for option in (7, 8, 32, 33, upper_half | 7):  # SO_SNDBUF, SO_RCVBUF and those with FORCE
        assert verdict(machine, number, 9, of_sockets, option) == ERROR, "no error and no effect"
        assert verdict(machine, number, 9, of_sockets, option, trusted=True) == ALLOW
    of_tcp, of_tcp_fastopen_key = 6, 33
    assert verdict(machine, number, 9, of_tcp, of_tcp_fastopen_key) == TRAP


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_advises_only_on_its_own_memory(machine: str) -> None:
    number = MEMORY_ADVICE[ARCHITECTURES[machine].column]
    normal, do_not_need, free, no_huge_page, guard = 0, 4, 8, 15, 102
    for advice in (normal, do_not_need, free, no_huge_page, guard):
        assert verdict(machine, number, 0, 4096, advice) == ALLOW
    mergeable, huge_page, cold, page_out, collapse, hardware_poison = 12, 14, 20, 21, 25, 100
    for advice in (mergeable, 1 << 32 | mergeable, huge_page, cold, page_out, collapse, hardware_poison):
        assert verdict(machine, number, 0, 4096, advice) == ERROR | errno.EINVAL
        assert verdict(machine, number, 0, 4096, advice, trusted=True) == ALLOW


def test_code_under_review_sets_only_the_address_of_its_threads_data() -> None:
    number = THREAD_CONTROL[ARCHITECTURES[X86].column]
    set_fs, get_fs, set_gs, ask_for_states, enable_shadow_stack = 0x1002, 0x1003, 0x1001, 0x1023, 0x5001
    assert {verdict(X86, number, operation) for operation in (set_fs, get_fs)} == {ALLOW}
    for operation in (set_gs, ask_for_states, enable_shadow_stack):
        assert verdict(X86, number, operation) == ERROR | errno.EINVAL
        assert verdict(X86, number, operation, trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_sends_no_bytes_that_can_still_change(machine: str) -> None:
    for numbers in FROM_PAGES.values():
        number = numbers[ARCHITECTURES[machine].column]
        assert verdict(machine, number) == TRAP
        assert verdict(machine, number, trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_neither_locks_nor_watches_the_machines_files(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    for numbers in OF_OTHERS.values():
        assert verdict(machine, numbers[column]) == TRAP
        assert verdict(machine, numbers[column], trusted=True) == ALLOW
    own = (fcntl.F_DUPFD, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_DUPFD_CLOEXEC)
    locks = (fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW, 37, 38)  # and F_OFD_SETLK, F_OFD_SETLKW
    others = (*locks, fcntl.F_SETLEASE, fcntl.F_NOTIFY, fcntl.F_SETOWN)
    number = FILE_CONTROL[column]
    assert {verdict(machine, number, 9, command) for command in own} == {ALLOW}
    assert {verdict(machine, number, 9, command) for command in others} == {TRAP}
    assert {verdict(machine, number, 9, command, trusted=True) for command in others} == {ALLOW}


@pytest.mark.parametrize(("machine", "past_cache"), [(X86, 0x4000), (ARM, 0x10000)])
def test_code_under_review_reads_no_files_past_the_memory(machine: str, past_cache: int) -> None:
    column = ARCHITECTURES[machine].column
    closed_on_exec, upper_half = 0x80000, 1 << 32
    for *numbers, index in OPEN.values():
        number, before = numbers[column], [7] * index
        if number == NO_CALL:
            continue
        for flags in (past_cache, past_cache | closed_on_exec, upper_half | past_cache):
            assert verdict(machine, number, *before, flags) == ERROR | errno.EINVAL
            assert verdict(machine, number, *before, flags, trusted=True) == ALLOW
        assert verdict(machine, number, *before, closed_on_exec) == ALLOW
    number = FILE_CONTROL[column]
    assert verdict(machine, number, 9, fcntl.F_SETFL, past_cache) == ERROR | errno.EINVAL
    assert verdict(machine, number, 9, fcntl.F_SETFL, 0x800) == ALLOW  # O_NONBLOCK


PRIVATE, REAL_TIME = 128, 256
WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET, WAKE_BITSET = 0, 1, 3, 4, 5, 9, 10
WITH_PRIORITIES = (6, 7, 8, 11, 12, 13)  # FUTEX_LOCK_PI to FUTEX_LOCK_PI2


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_futex_of_code_under_review_never_reaches_another_process(machine: str) -> None:
    number = FUTEX[ARCHITECTURES[machine].column]
    time_out, upper_half = 0x7FFE0000, 1 << 32
    for operation, answer in (
        (WAIT, ERROR | errno.EAGAIN),
        (WAIT_BITSET, ERROR | errno.EAGAIN),
        (WAIT_BITSET | REAL_TIME, ERROR | errno.EAGAIN),
        (WAKE, SUCCESS),
        (WAKE_BITSET, SUCCESS),
        *((other, ERROR | errno.ENOSYS) for other in (2, REQUEUE, CMP_REQUEUE, WAKE_OP, *WITH_PRIORITIES)),
    ):
        for value in (0, 1, 2, 4711):
            assert verdict(machine, number, 4096, operation, value) == answer
            # The kernel ignores the upper half of the operation.
            assert verdict(machine, number, 4096, upper_half | operation, value) == answer
            assert verdict(machine, number, 4096, operation, value, trusted=True) == ALLOW
    for operation in (WAIT, WAIT_BITSET, WAIT_BITSET | REAL_TIME):
        for address in (time_out, upper_half):
            assert verdict(machine, number, 4096, operation, 1, address) == TRAP, "it would never end"


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_private_futexes_work_without_priorities(machine: str) -> None:
    number = FUTEX[ARCHITECTURES[machine].column]
    for operation in (WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET, WAKE_BITSET):
        for flags in (PRIVATE, PRIVATE | REAL_TIME):
            assert verdict(machine, number, 4096, flags | operation, 1, 4096) == ALLOW
    for operation in WITH_PRIORITIES:
        assert verdict(machine, number, 4096, PRIVATE | operation) == ERROR | errno.ENOSYS


NOT_NEEDED = {
    "ustat": (136, NO_CALL),
    "sysfs": (139, NO_CALL),
    "futex_waitv": (449, 449),
    "futex_wake": (454, 454),
    "mincore": (27, 232),
    "cachestat": (451, 451),
    "preadv2": (327, 286),
    "openat2": (437, 437),
    "mbind": (237, 235),
    "move_pages": (279, 239),
    "membarrier": (324, 283),
    "mq_open": (240, 180),
    "rt_sigqueueinfo": (129, 138),
    "pidfd_send_signal": (424, 424),
    "readahead": (187, 213),
    "mlock": (149, 228),
    "adjtimex": (159, 171),
    "statmount": (457, 457),
    "a call of a later kernel": (999, 999),
}


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("name", NOT_NEEDED)
def test_a_call_that_no_program_needs_seems_to_be_missing(machine: str, name: str) -> None:
    number = NOT_NEEDED[name][ARCHITECTURES[machine].column]
    assert name not in ALLOWED
    if number != NO_CALL:
        assert verdict(machine, number) == ERROR | errno.ENOSYS
        assert verdict(machine, number, trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_has_the_calls_of_the_list(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    numbers = {columns[column] for columns in ALLOWED.values()} - {NO_CALL}
    assert {verdict(machine, number) for number in numbers} == {ALLOW}
    assert not {columns[column] for columns in DENIED.values()} & numbers


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_makes_no_disk_flush_its_cache_or_read_again(machine: str) -> None:
    for numbers in (*WRITE_BACK.values(), CACHE_ADVICE):
        number = numbers[ARCHITECTURES[machine].column]
        assert verdict(machine, number) == ERROR, "no error and no effect"
        assert verdict(machine, number, trusted=True) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_controls_no_file_system(machine: str) -> None:
    number = DEVICE_CONTROL[ARCHITECTURES[machine].column]
    own = (termios.TCGETS, termios.TIOCGWINSZ, termios.FIONREAD, termios.FIONBIO, termios.FIOCLEX)
    add_key, set_flags, dedupe, push_input = 0xC0506617, 0x40086602, 0xC0189436, termios.TIOCSTI
    others = (add_key, set_flags, dedupe, push_input)
    assert {verdict(machine, number, 9, command) for command in own} == {ALLOW}
    assert {verdict(machine, number, 9, command) for command in others} == {ERROR | errno.ENOTTY}
    assert {verdict(machine, number, 9, command, trusted=True) for command in others} == {ALLOW}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_code_under_review_gets_no_handler_of_traps(machine: str) -> None:
    number = HANDLE_SIGNAL[ARCHITECTURES[machine].column]
    for handler in (1, 2**32):
        assert verdict(machine, number, BAD_SYSTEM_CALL, handler) == SUCCESS
        assert verdict(machine, number, 2**32 | BAD_SYSTEM_CALL, handler) == SUCCESS
        assert verdict(machine, number, signal.SIGINT, handler) == ALLOW
        assert verdict(machine, number, BAD_SYSTEM_CALL, handler, trusted=True) == ALLOW
    assert verdict(machine, number, BAD_SYSTEM_CALL, 0) == ALLOW


@pytest.mark.parametrize(("machine", "number"), [(X86, 0), (X86, 59), (ARM, 63), (ARM, 221)])
def test_reading_and_starting_programs_is_allowed(machine: str, number: int) -> None:
    assert verdict(machine, number) == ALLOW


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers_of_another_processor_are_no_bypass(machine: str) -> None:
    assert verdict(machine, 41, VSOCK, audit=0x40000003) == TRAP  # AUDIT_ARCH_I386


def test_the_second_numbers_of_x86_64_are_no_bypass() -> None:
    assert verdict(X86, 0x40000000 | DENIED["keyctl"][0]) == ERROR | errno.ENOSYS


def test_a_machine_without_a_list_has_no_filter() -> None:
    assert filter_program("riscv64", trusted=False) is None


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_equal_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("linux-libc-dev is not installed")
    pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)$"
    known = {name: int(number) for name, number in re.findall(pattern, HEADERS[machine].read_text(), re.M)}
    known.pop("syscalls", None)  # the number of calls
    if machine == ARM:
        known["inotify_init"] = known["inotify_init1"]  # arm64 has only this one
        known["newfstatat"] = known["fstatat"]
    column = ARCHITECTURES[machine].column
    wrong = {
        name: numbers
        for name, numbers in {
            **DENIED,
            **SOCKETS,
            **MAPPINGS,
            **FROM_PAGES,
            **SENDING,
            **OF_OTHERS,
            **WRITE_BACK,
            **ALLOWED,
            **OPEN,
            "futex": FUTEX,
            "setsockopt": SET_OPTION,
            "madvise": MEMORY_ADVICE,
            "fadvise64": CACHE_ADVICE,
            "fcntl": FILE_CONTROL,
            "ioctl": DEVICE_CONTROL,
            "prctl": PROCESS_CONTROL,
            "arch_prctl": THREAD_CONTROL,
            "prlimit64": PROCESS_LIMIT,
            "rt_sigaction": HANDLE_SIGNAL,
            "setrlimit": OWN_LIMIT,
            "setpriority": SET_PRIORITY,
            "setsid": NEW_SESSION,
            "sysinfo": MACHINE_LOAD,
            "clone": CREATE_PROCESS,
            "clone3": CREATE_PROCESS_BY_STRUCT,
            "close_range": CLOSE_RANGE,
            **SPECIAL_FILES,
        }.items()
        if known.get(name) != numbers[column]
        # Older headers lack the newest calls.
        and (name in known or numbers[column] <= max(known.values()))
    }
    assert wrong == {}
