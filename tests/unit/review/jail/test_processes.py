"""Tests of the commands of a review's processes."""

import socket
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from review.jail.processes import Processes


@pytest.fixture
def short() -> Generator[Path]:
    """Provide a temporary folder whose path is short, unlike those of pytest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("length", [10, 120])
def test_the_sockets_listen_whatever_the_length_of_the_folder(
    short: Path, tmp_path: Path, length: int
) -> None:
    root, project = short / ("r" * length), tmp_path
    root.mkdir()
    with Processes(root, project, Path("/usr/bin/pulumi"), isolated=False) as processes:
        processes.add("dev", "base", project, project)
        folder = processes.sockets["dev"]["base"]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "program"))
        processes.add("dev", "head", project, project, policies=True)
        folders = processes.sockets["dev"].values()
        names = [[path.name for path in sorted(sockets.iterdir())] for sockets in folders]
        assert names == [["program", "services"], ["analyzer", "program", "services"]]
        assert len(processes.commands) == 3
    assert folder.is_relative_to(root) == (length == 10)
    assert not folder.exists() or length == 10


def test_the_paths_of_a_program_do_not_tell_which_run_it_is(tmp_path: Path) -> None:
    def paths(root: Path) -> set[str]:
        root.mkdir()
        with Processes(root, tmp_path, Path("/usr/bin/pulumi"), isolated=False) as processes:
            for side in ("base", "head", "again"):
                processes.add("dev", side, tmp_path, tmp_path)
            return {command.environment["HOME"].rsplit("/", 1)[1] for command in processes.commands}

    assert len(paths(tmp_path / "1") | paths(tmp_path / "2")) == 6
