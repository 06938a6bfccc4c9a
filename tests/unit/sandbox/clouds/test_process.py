"""Tests of the start, the look-up and the end of the background process for a stack's targets."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.clouds import process
from sandbox.clouds.kubernetes import control_plane
from sandbox.engine.lock import started_at
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.wire.targets import Targets


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    yield tmp_path
    process.stop(tmp_path)


def start(folder: Path, *, control_plane: bool = False) -> Targets:
    return process.start(folder, Progress(), control_plane=control_plane)


def children(group: int) -> list[str]:
    """Return the live processes of a process group, each with its state and name."""
    command = ["ps", "-o", "stat=,comm=", "-g", str(group)]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if not line.startswith("Z")]


@pytest.mark.engine
def test_every_api_answers_and_only_the_owner_can_read_the_record(folder: Path) -> None:
    targets = start(folder)
    for url in (targets.aws, targets.cloudflare, targets.datadog):
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError):  # The API answers with an error.
            urllib.request.urlopen(f"{url}/there-is-no-such-thing", timeout=60)
    assert targets.kubeconfig is None
    assert (folder / "targets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.engine
def test_the_activity_names_the_start_only_while_the_targets_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("QUIET_AT_FIRST", "QUIET_LATER"):
        monkeypatch.setattr(f"sandbox.progress.{name}", 0.1)
    progress = Progress()
    process.start(folder, progress, control_plane=False)
    assert capsys.readouterr().out.endswith("… starting the targets\n")
    time.sleep(0.2)
    progress.tick()
    assert capsys.readouterr().out.endswith("… getting ready\n")


@pytest.mark.engine
def test_two_simultaneous_starts_share_one_process(folder: Path) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(start, [folder, folder])
    assert first == second == start(folder) == process.find_running(folder)
    process.stop(folder)
    assert (process.find_running(folder), started_at(first.pid)) == (None, None)
    assert not (folder / "targets.json").exists()


@pytest.mark.drill
def test_the_control_plane_ends_with_its_process(folder: Path) -> None:
    targets = start(folder, control_plane=True)
    assert targets.kubeconfig is not None and targets.kubeconfig.exists()
    assert len(children(targets.pid)) >= 6
    process.stop(folder)
    assert children(targets.pid) == []
    again = start(folder, control_plane=True)
    os.kill(again.pid, signal.SIGKILL)
    while started_at(again.pid) is not None:
        time.sleep(0.05)
    assert process.find_running(folder) is None
    process.stop(folder)
    time.sleep(0.5)
    assert children(again.pid) == []


@pytest.mark.drill
@pytest.mark.parametrize("is_created_again", [False, True], ids=["deleted", "created again"])
def test_targets_end_after_their_folder_is_deleted(tmp_path: Path, is_created_again: bool) -> None:
    folder = tmp_path / "dev"
    folder.mkdir()
    targets = start(folder, control_plane=True)
    shutil.rmtree(folder)
    if is_created_again:
        folder.mkdir()
    end = time.monotonic() + 60
    while remaining := children(targets.pid):
        assert time.monotonic() < end, remaining
        time.sleep(0.1)


@pytest.mark.engine
def test_neither_a_hangup_nor_a_kill_of_the_command_ends_the_targets(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from sandbox.progress import Progress; "
        "from sandbox.clouds.process import start; "
        "start(Path(sys.argv[1]), Progress(), control_plane=False); "
        "print('started', flush=True); input()"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout
    while "started" not in command.stdout.readline():
        assert command.poll() is None
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()
    targets = process.find_running(tmp_path)
    assert targets is not None
    os.kill(targets.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert process.find_running(tmp_path) == targets
    process.stop(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', '{"pid": 1, "kubeconfig": null, "x": 1}', "[]"])
def test_an_invalid_record_counts_as_no_targets(tmp_path: Path, text: str) -> None:
    (tmp_path / "targets.json").write_text(text)
    assert process.find_running(tmp_path) is None


def test_a_record_older_than_the_process_with_its_pid_is_ignored(tmp_path: Path) -> None:
    dead = Targets(os.getpid(), "http://a", "http://b", "http://c", None, since=time.time() - 10**6)
    process.write_record(tmp_path, dead)
    assert process.find_running(tmp_path) is None
    process.stop(tmp_path)
    assert not (tmp_path / "targets.json").exists()  # This process, which has the PID, still runs.


@pytest.mark.drill
def test_a_failed_start_reports_the_reason_and_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(CommandError) as fault:
        start(tmp_path, control_plane=True)
    assert not (tmp_path / "targets.json").exists()
    assert str(fault.value) == (
        f"the targets did not start; {tmp_path / 'targets.log'} ends with:\n"
        "error: there is no Kubernetes control plane; run `make control-plane` once to build it\n"
        "Fix the cause and repeat the command, or run it without targets: TARGETS=none."
    )


@pytest.mark.drill
def test_the_servers_in_kubebuilder_assets_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for recipe in control_plane.RECIPES:
        for name in recipe.packages:
            (assets / name).write_text(f'#!/bin/sh\necho "{name} of the assets, v{recipe.version}"\n')
            (assets / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    # Each stand-in ends at once, so the timing decides which one the error names.
    with pytest.raises(CommandError, match=r"(etcd|kube-apiserver) has ended\n\1 of the assets"):
        start(tmp_path, control_plane=True)
