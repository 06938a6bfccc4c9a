"""Tests of the limits of a program's process."""

import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from review.jail import program


def test_empty_files_count() -> None:
    if sys.platform != "linux" or not os.access("/dev/shm", os.W_OK):
        pytest.skip("no file system in memory")
    before = program.count_files(program.SHARED_MEMORY)
    with tempfile.TemporaryDirectory(dir=program.SHARED_MEMORY) as folder:
        for number in range(1000):
            Path(folder, str(number)).touch()
        assert program.count_files(program.SHARED_MEMORY) - before > 900


def test_a_connection_counts_until_it_is_accepted_although_its_client_is_closed() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has /proc")
    before = program.count_sockets()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # a new abstract name
        listener.listen(500)
        for _ in range(500):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())
        assert program.count_sockets() - before > 400, "other tests may close some"


@pytest.mark.parametrize(
    ("buffer", "most"), [(4096, 128), (212_992, 128), (425_984, 72), (2**20, 32), (2**27, 32)]
)
def test_there_may_be_fewer_sockets_on_a_machine_with_larger_buffers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, buffer: int, most: int
) -> None:
    monkeypatch.setattr(program, "BUFFER_SIZE", tmp_path / "wmem_default")
    program.BUFFER_SIZE.write_text(f"{buffer}\n")
    assert program.most_sockets() == most


@pytest.mark.parametrize(
    ("files", "sockets"),
    [([2, 2, 3, 2], [9]), ([2, 2, 2, 2], [9, 10]), ([2, 2], []), ([], [])],
    ids=["files of all folders together", "sockets", "uncounted sockets", "uncounted files"],
)
def test_the_process_ends_when_it_has_too_much_or_nothing_counts_it(
    monkeypatch: pytest.MonkeyPatch, files: list[int], sockets: list[int]
) -> None:
    codes: list[int] = []

    def count_files(_folder: Path) -> int:
        return _next(files)

    def count_sockets() -> int:
        return _next(sockets)

    monkeypatch.setattr(program, "count_files", count_files)
    monkeypatch.setattr(program, "count_sockets", count_sockets)
    monkeypatch.setattr(program, "most_sockets", lambda: 9)
    monkeypatch.setattr(os, "_exit", codes.append)
    with suppress(OSError):
        program.limit_kernel_memory((Path("/a"), Path("/b")), files=4)
    assert (codes, files, sockets) == ([1], [], [])


def _next(counts: list[int]) -> int:
    if not counts:
        raise OSError
    return counts.pop(0)
