"""Tests of full disks and of folders without write access."""

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox.cli import main
from sandbox.errors import from_system_error
from sandbox.workspace import state
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import find_stack
from tests.support.sandbox.file_provider import serve
from tests.support.sandbox.project import Project


class Usage(NamedTuple):
    free: int


def nearly_full(_folder: Path) -> Usage:
    return Usage(free=3 << 20)


def test_no_command_starts_on_a_nearly_full_disk(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    assert main(["up", "dev", "--project", str(project.root)], serve) == 2
    output = capsys.readouterr().err
    message = f"the disk of {project.folder} has only 3 MB left, and 64 MB are needed. Free some space."
    assert output == f"error: {message}\n"
    assert not (project.folder / "state").exists()


def test_a_write_to_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.json"
    file.write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError) as error:
        write_atomically(file, "new")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])
    message = f"{file}: No space left on device. Free some space (du -sh {tmp_path}), and run this again."
    assert str(from_system_error(error.value, tmp_path)) == message


def test_a_folder_that_cannot_be_written_is_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / ".sandbox").write_text("a file where the folder belongs")
    assert main(["up", "dev", "--project", str(project.root)], serve) == 2
    output = capsys.readouterr().err
    assert f"Make {project.root / '.sandbox'} writable for this user, and run this again." in output


def test_a_truncated_state_is_restored(project: Project) -> None:
    project.run("up", "--skip-preview")
    project.things(cup={"size": 1}, jug={"size": 2}, pan={"size": 3})
    project.run("up", "--skip-preview")
    file = project.folder / "state" / ".pulumi" / "stacks" / "pipe" / "dev.json"
    file.write_text(file.read_text()[:2000])
    code, output = project.run("up")
    assert code == 0, output
    assert "a full disk truncated the state; the state from before that run is restored" in output
    assert project.creations() == ["cup created", "jug created", "pan adopted", "pan created"]


def test_a_truncated_first_state_is_deleted(project: Project) -> None:
    stack = find_stack(project.root, "dev")
    file = project.folder / "state" / ".pulumi" / "stacks" / "pipe" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"version": 3, "check')
    assert state.repair_truncated(stack) == (
        "a full disk truncated the stack's first state; this state is deleted"
    )
    assert not file.exists()
    assert state.repair_truncated(stack) == ""
