"""Tests of the search for sockets and FIFOs, where overlayfs cannot mount a folder."""

import os
import socket
from pathlib import Path

import pytest

from review.jail import installed_files
from review.jail.installed_files import NOTHING, cut_off


@pytest.fixture
def mountable(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let a machine mount the folders in a list; nothing is mounted."""
    folders: list[Path] = []

    def can_mount(lines: str) -> bool:
        return {line.split()[1] for line in lines.splitlines()} <= {str(folder) for folder in folders}

    monkeypatch.setattr(installed_files, "_can_mount", can_mount)
    return folders


def mounts(*paths: Path) -> list[str]:
    """Return the lines of fstab(5) for the paths."""
    lines = cut_off(paths)[-1]
    assert lines.startswith(NOTHING)
    return lines.removeprefix(NOTHING).splitlines()


def test_only_the_outermost_folders_are_mounted(tmp_path: Path, mountable: list[Path]) -> None:
    prefix = tmp_path / "usr"
    (prefix / "local/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to(prefix)
    (tmp_path / "hosts").touch()
    mountable.append(prefix)
    paths = (prefix / "local/lib", tmp_path / "lib", prefix, tmp_path / "hosts", tmp_path / "missing")
    assert mounts(*paths) == [f"cut-off {prefix} overlay ro,lowerdir={prefix}:/sys 0 0"]


def test_where_a_folder_cannot_be_mounted_its_sockets_and_fifos_are_covered(
    tmp_path: Path, mountable: list[Path]
) -> None:
    (tmp_path / "mounted").mkdir()
    mountable.append(tmp_path / "mounted")
    folder = tmp_path / "searched"
    (folder / "a name\t#").mkdir(parents=True)
    (folder / "file").touch()
    (folder / "link").symlink_to(tmp_path)
    os.mkfifo(folder / "a name\t#" / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        assert sorted(mounts(folder, tmp_path / "mounted")) == [
            f"/dev/null {folder}/a\\040name\\011\\043/fifo none bind 0 0",
            f"/dev/null {folder}/socket none bind 0 0",
            f"cut-off {tmp_path}/mounted overlay ro,lowerdir={tmp_path}/mounted:/sys 0 0",
        ]


def test_a_folder_whose_files_cannot_be_listed_is_covered(tmp_path: Path) -> None:
    # Root can list every folder, but no file.
    (tmp_path / "file").touch()
    assert [*installed_files.covers(tmp_path / "file")] == [f"/sys {tmp_path}/file none bind 0 0\n"]
    assert not [*installed_files.covers(tmp_path / "missing")]
