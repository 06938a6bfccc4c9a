"""Tests of the command that starts an isolated program."""

import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from review.jail import bubblewrap
from review.jail.bubblewrap import (
    ENDED_FIRST,
    LIMITED,
    NEW_PROCESSES,
    SYSTEM,
    WITH_READ_ONLY_DEVICES,
    bwrap_command,
    has_own_pid_max,
)
from review.jail.installed_files import NEW_MOUNTS


@pytest.fixture(autouse=True)
def no_namespace_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(paths: Iterable[Path]) -> list[str]:
        return ["cut-off", *map(str, paths)]

    monkeypatch.setattr(bubblewrap, "cut_off", cut_off)
    monkeypatch.setattr(bubblewrap, "has_own_pid_max", lambda: True)


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
    command = bwrap_command(
        tmp_path / "work", [tmp_path], [], 3, installed=[tmp_path / "python"], trusted=True
    )
    cut_off = ["cut-off", *SYSTEM, f"{tmp_path}/python"]
    assert command[: command.index("bwrap")] == [
        *ENDED_FIRST,
        *NEW_MOUNTS,
        *WITH_READ_ONLY_DEVICES,
        *cut_off,
    ]
    assert command[command.index("--uid") :][:4] == ["--uid", f"{user}", "--gid", f"{user + 1}"]


@pytest.mark.parametrize("own", [False, True])
def test_only_code_under_review_has_a_limit_of_processes_and_only_in_its_own_namespace(
    own: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bubblewrap, "has_own_pid_max", lambda: own)
    command = bwrap_command(tmp_path / "work", [], [], 3)
    limited = [*ENDED_FIRST, *NEW_PROCESSES, "sh", "-c", LIMITED, "sh", *WITH_READ_ONLY_DEVICES]
    assert (command[: len(limited)] == limited) == own
    assert LIMITED not in bwrap_command(tmp_path / "work", [], [], 3, trusted=True)


@pytest.mark.parametrize("release", ["6.13.12-arch1", "5.14.0-427.el9", "4.4.0", "unknown"])
def test_an_older_kernel_has_one_largest_number_for_the_whole_machine(
    release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("an older kernel is not asked")

    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(subprocess, "run", refuse)
    assert not has_own_pid_max.__wrapped__()
