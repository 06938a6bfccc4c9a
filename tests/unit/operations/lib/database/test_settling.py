"""Tests of the last steps after a change of the database, if the commit cannot be pushed."""

from pathlib import Path

import pytest

from operations.lib import pulumi_up, stack_commit, stack_file
from operations.lib.command_line import Options
from operations.lib.database import settling
from operations.lib.errors import FailedError
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog

FILE = """\
config:
  pipe:database:
    engineVersion: "17"
  pipe:api:
    image: registry/pipe/api:1
    migrate: true
"""


class UnreachableUpstream(Repository):
    """A repository whose upstream accepts no push."""

    def commit(self, subject: str, image: str, *, migrate: bool) -> str:
        raise FailedError(f"{subject}: the push of {image} was declined")


def test_the_program_is_applied_although_the_new_version_cannot_be_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    steps: list[str] = []

    def apply(*_: object) -> None:
        steps.append("up")

    def reboot(*_: object) -> None:
        steps.append("reboot")

    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    monkeypatch.setattr(pulumi_up, "up_from_here", apply)
    monkeypatch.setattr(settling, "reboot_for_parameters", reboot)
    options = Options("dev", "real", False, True, {})
    log = RunLog("restore", options)
    settling.settle(log, options, UnreachableUpstream(log.runner, options), "16")
    assert steps == ["up", "reboot"]
    with pytest.raises(FailedError) as raised:
        stack_commit.check_pushed(log)
    assert str(raised.value) == (
        "only the push of the commit failed. Bring the commit to the branch, in a pull request if you may not"
        " push, or the next deployment undoes this run: PostgreSQL 16 in dev: the push of registry/pipe/api:1"
        " was declined"
    )
