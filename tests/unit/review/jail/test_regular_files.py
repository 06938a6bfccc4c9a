"""Tests of the reading of files that a program under review may have written."""

import os
from pathlib import Path

import pytest

from review.jail.regular_files import read_bytes, read_text
from review.stacks import engine_run
from sandbox.errors import CommandError


def test_a_regular_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    assert read_bytes(file, 10) == b"x" * 10
    with pytest.raises(CommandError, match="too large: the review reads files of at most 9 bytes"):
        read_bytes(file, 9)


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.jsonl")
    with pytest.raises(CommandError, match="is a FIFO, and only regular files are read"):
        engine_run.read(tmp_path / "events.jsonl")


def test_a_link_to_an_endless_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").symlink_to("/dev/zero")
    with pytest.raises(CommandError, match="is a link"):
        engine_run.read(tmp_path / "plan.json")
    with pytest.raises(CommandError, match="is a device"):
        read_bytes(tmp_path / "plan.json", follow_links=True)


def test_a_sparse_file_takes_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "ledger.jsonl").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(CommandError, match="too large"):
        engine_run.read(tmp_path / "ledger.jsonl")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is a folder"):
        read_bytes(tmp_path)


def test_a_link_to_a_file_is_followed_on_request(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}")
    (tmp_path / "Pulumi.stg.yaml").symlink_to("Pulumi.dev.yaml")
    assert read_text(tmp_path / "Pulumi.stg.yaml", follow_links=True) == "config: {}"
