"""Tests of the command that starts an isolated program."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from review.jail import bubblewrap
from review.jail.bubblewrap import ENDED_FIRST, SYSTEM, WITH_READ_ONLY_DEVICES, bwrap_command


@pytest.fixture(autouse=True)
def nothing_is_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(paths: Iterable[Path]) -> list[str]:
        return ["cut-off", *map(str, paths)]

    monkeypatch.setattr(bubblewrap, "cut_off", cut_off)


def test_a_folder_of_path_that_cannot_be_read_is_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plugin = tmp_path / "pulumi-resource-evil"
    plugin.write_text("#!/bin/sh\n")
    # Root can read every folder, but no folder has a name of this length.
    monkeypatch.setenv("PATH", f"/{'x' * 300}:{tmp_path}")
    command = bwrap_command(tmp_path / "work", [tmp_path], [], 3)
    assert command[command.index(str(plugin)) - 2 :][:3] == ["--ro-bind", "/dev/null", str(plugin)]


def test_only_known_files_on_the_whole_machine_are_visible(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proc = tmp_path / "proc"
    for folder in ("1", "sys", "driver"):
        (proc / folder).mkdir(parents=True)
    for file in ("cpuinfo", "meminfo", "locks", "newest"):
        (proc / file).touch()
    (proc / "self").symlink_to("1")
    monkeypatch.setattr(bubblewrap, "PROC", proc)
    assert f"{proc}/meminfo" not in bwrap_command(tmp_path / "work", [], [], 3, trusted=True)
    command = bwrap_command(tmp_path / "work", [], [], 3)
    mounted = {command[index] for index in range(len(command)) if command[index].startswith(f"{proc}/")}
    settings = [f"sys/{name}" for name in bubblewrap.VISIBLE_SETTINGS]
    assert mounted == {
        f"{proc}/{name}" for name in ("driver", "locks", "meminfo", "newest", "sys", *settings)
    }
    assert command.index(f"{proc}/{settings[0]}") < command.index(
        f"{proc}/sys", command.index(f"{proc}/sys") + 1
    )
    assert command[command.index(f"{proc}/locks") - 2 :][:2] == ["--ro-bind", "/dev/null"]


@pytest.mark.parametrize("user", [0, 1000])
def test_every_user_has_read_only_devices_and_keeps_its_number(
    user: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "getegid", lambda: user + 1)
    command = bwrap_command(tmp_path / "work", [tmp_path], [], 3, installed=[tmp_path / "python"])
    cut_off = ["cut-off", *SYSTEM, f"{tmp_path}/python"]
    assert command[: command.index("bwrap")] == [*ENDED_FIRST, *WITH_READ_ONLY_DEVICES, *cut_off]
    assert command[command.index("--uid") :][:4] == ["--uid", f"{user}", "--gid", f"{user + 1}"]
