"""Tests of the limits of a program's process."""

import os
import sys
import tempfile
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


def test_the_process_ends_when_all_its_files_together_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([2, 2, 3, 2])
    codes: list[int] = []

    def count_files(_folder: Path) -> int:
        return next(counts)

    monkeypatch.setattr(program, "count_files", count_files)
    monkeypatch.setattr(os, "_exit", codes.append)
    program.limit_files((Path("/a"), Path("/b")), most=4)
    assert codes == [1]
