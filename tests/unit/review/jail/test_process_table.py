"""Tests of the processes and their memory as /proc shows them."""

import mmap
import os
import sys
from pathlib import Path

import pytest

from review.jail import process_table
from review.jail.process_table import (
    PROCESSES,
    Process,
    kernel_caches,
    kernel_memory,
    memory,
    open_files,
    read_processes,
    reservable_memory,
    unseen_memory,
)

OWN = PROCESSES / str(os.getpid())
NAME = "x) Z 1 (\vVmPTE: 9\r"
"""A name like fields, which a program may choose; the kernel replaces only a new line (proc(5))."""


def _folder(folder: Path, state: str) -> Path:
    folder.mkdir(parents=True)
    fields = [state, "7", *("0" for _ in range(15)), "3", "0", "99", "0"]
    (folder / "stat").write_text(f"{folder.name} ({NAME}) {' '.join(fields)}\n", newline="")
    (folder / "statm").write_text("900 50 20 1 0 30 0\n")
    status = f"Name:\t{NAME}\nVmRSS:\t 5 kB\nVmPTE:\t 2 kB\nVmSwap:\t 3 kB\nThreads:\t3\n"
    (folder / "status").write_text(status, newline="")
    return folder


def test_fields_are_read_behind_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    folder = _folder(tmp_path / "42", "S")
    (tmp_path / "cpuinfo").touch()
    (tmp_path / "43").mkdir()  # has ended
    process = Process(42, 7, 3, 99, ended=False)
    assert read_processes() == {42: process}
    assert process.folders() == [folder]
    assert memory(folder) == 30 * os.sysconf("SC_PAGE_SIZE") + 5 * 1024


def test_a_process_whose_first_thread_has_ended_is_read_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    thread = _folder(_folder(tmp_path / "42", "Z") / "task" / "44", "S")
    process = Process(42, 7, 3, 99, ended=True)
    assert read_processes() == {42: process}
    assert process.folders() == [thread]
    assert Process(45, 7, 3, 99, ended=True).folders() == []


@pytest.mark.parametrize(
    ("flags", "pending", "expected"),
    [("4194368", "0000000000000000", False), ("4194368", "0000000000000100", True), ("4194372", "0", True)],
    ids=["a sleeping thread", "a killed thread", "a thread that exits"],
)
def test_a_process_is_ending_if_each_of_its_threads_is(
    flags: str, pending: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    process = Process(42, 7, 3, 99, ended=True)
    assert process.is_ending()
    tasks = _folder(tmp_path / "42", "Z") / "task"
    _folder(tasks / "42", "Z")
    assert process.is_ending()
    thread = _folder(tasks / "44", "S")
    text = (thread / "stat").read_text().replace(" S 7 0 0 0 0 0", f" S 7 0 0 0 0 {flags}", 1)
    (thread / "stat").write_text(text, newline="")
    with (thread / "status").open("a") as status:
        status.write(f"SigPnd:\t{pending}\n")
    assert process.is_ending() is expected


def test_memory_of_processes_that_have_ended_is_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    assert unseen_memory() == 0, "this system has no /proc"
    shown = memory(_folder(tmp_path / "42", "S"))
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nAnonPages:    4096 kB\n")
    assert unseen_memory() == 4096 * 1024 - shown
    assert unseen_memory(4096 * 1024 + 1) == 0


def test_memory_that_no_process_has_and_caches_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    assert kernel_memory() == kernel_caches() == 0, "this system has no /proc"
    text = "Slab: 70 kB\nSReclaimable: 50 kB\nSUnreclaim:   20 kB\nKernelStack:   3 kB\nPageTables: 9 kB\n"
    (tmp_path / "meminfo").write_text(f"{text}Shmem: 400 kB\nShmemHugePages: 9 kB\n")
    assert kernel_memory() == 423 * 1024
    assert kernel_caches() == 50 * 1024


def test_reserved_memory_counts_only_where_it_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    assert reservable_memory() is None, "this system has no /proc"
    (tmp_path / "meminfo").write_text("CommitLimit:    90 kB\nCommitted_AS:   20 kB\n")
    (tmp_path / "sys/vm").mkdir(parents=True)
    for mode, expected in (("0", None), ("1", None), ("2", 70 * 1024)):
        (tmp_path / "sys/vm/overcommit_memory").write_text(f"{mode}\n")
        assert reservable_memory() == expected


def test_open_files_of_the_machine_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_table, "PROCESSES", tmp_path)
    assert open_files() == 0, "this system has no /proc"
    (tmp_path / "sys/fs").mkdir(parents=True)
    (tmp_path / "sys/fs/file-nr").write_text("1146\t0\t2466177\n")
    assert open_files() == 1146


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_memory_and_page_tables_are_measured() -> None:
    before, size = memory(OWN), 2**30
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ) as addresses:
        addresses.madvise(mmap.MADV_NOHUGEPAGE)
        assert not any(addresses[:: mmap.PAGESIZE])
        # Eight bytes for each page.
        assert memory(OWN) - before >= 0.9 * size / mmap.PAGESIZE * 8
    held = b"x" * 2**26
    assert memory(OWN) - before > 0.9 * len(held)
    assert memory(PROCESSES / str(2**22 + 1)) == 0, "no process has this PID"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_the_own_process_is_one_of_the_machine() -> None:
    process = read_processes()[os.getpid()]
    assert (process.parent, process.ended) == (os.getppid(), False)
    assert process.threads >= 1
