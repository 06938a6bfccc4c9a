"""Tests of the build in two jobs: one builds the image without credentials, the other one pushes the file."""

import json
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from operations.delivery import build
from operations.lib import migrations
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.run_log import RunLog
from operations.lib.services import image

REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
NAME, DIGEST = f"{REGISTRY}/pipe/api:1.1.0", "sha256:" + "b" * 64
REAL = Options(
    "dev", "real", False, True, {"service": {"sharedAccount": "123456789012", "region": "ap-northeast-1"}}
)


class Machine:
    """A machine with fake programs and a registry, which has the image from the first push on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.log = RunLog("build", REAL)
        self.commands: list[str] = []
        self.is_pushed = False
        (folder / "Dockerfile").touch()
        monkeypatch.setattr(migrations, "source", lambda: folder)
        monkeypatch.setattr(migrations, "is_checked_out", MagicMock(return_value=True))
        monkeypatch.setattr(image.shutil, "which", MagicMock(return_value=None))
        monkeypatch.setattr(self.log, "follow", self._follow)
        monkeypatch.setattr(self.log.runner, "read", self._aws)
        monkeypatch.setattr(self.log.runner, "change", self._aws)

    def _follow(self, *command: str) -> None:
        self.commands.append(" ".join(command[:2]))
        self.is_pushed = self.is_pushed or command[1] == "push"

    def _aws(self, *command: str, stdin: str | None = None) -> str:
        self.commands.append(" ".join(command[:3] if command[0] == "aws" else command[:2]))
        if "describe-images" in command:
            if not self.is_pushed:
                raise FailedError("ImageNotFoundException")
            return json.dumps({"imageDetails": [{"imageDigest": DIGEST}]})
        if "describe-image-scan-findings" in command:
            return json.dumps({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {}})
        return ""

    def run(self, *arguments: str) -> list[str]:
        """Run the command; return the programs that it ran."""
        self.commands.clear()
        build.work(self.log, REAL, build.build_parser().parse_args(["dev", "--version", "1.1.0", *arguments]))
        return list(self.commands)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_a_build_that_is_saved_asks_no_registry(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    archive = tmp_path / "new" / "image.tar"
    assert machine.run("--save", str(archive)) == ["docker build", "docker save"]
    assert archive.parent.is_dir()
    assert (tmp_path / "output").read_text() == "version=1.1.0\n"


def test_an_image_that_was_built_elsewhere_is_pushed_and_not_built(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    push = ["docker load", "aws ecr get-login-password", "docker login", "docker push"]
    look = "aws ecr describe-images"
    scan = "aws ecr describe-image-scan-findings"
    assert machine.run("--load", "image.tar") == [look, *push, look, scan]
    assert (tmp_path / "output").read_text() == f"version=1.1.0\nimage={NAME}@{DIGEST}\n"
    assert machine.run("--load", "image.tar") == [look, scan], "the registry has it"


def test_a_job_of_a_workflow_builds_no_image_that_it_pushes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(RefusedError) as refusal:
        machine.run()
    assert str(refusal.value) == (
        f"1.1.0 is not in {REGISTRY}/pipe/api, and this job has credentials, so it may not build images: run"
        " the workflow Deploy again with all its jobs, which builds and pushes the image"
    )
    assert machine.commands == ["aws ecr describe-images"]
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert machine.run()[1] == "docker build"


def test_an_image_is_either_saved_or_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build.build_parser().parse_args(["dev", "--save", "a", "--load", "b"])
    assert "not allowed with argument" in capsys.readouterr().err
