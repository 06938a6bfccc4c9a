"""The functions that start, find and end the background process that serves a sandbox's targets.

The process has a separate session, so neither Ctrl-C nor kill -9 of a command reaches it. It keeps running
between commands, as clouds do. When it ends, its data and its children's data are lost.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from sandbox.engine import lock
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds
from sandbox.wire.aws_account import ACCOUNT
from sandbox.wire.targets import Targets
from sandbox.workspace.environment import inherited_variables
from sandbox.workspace.files import write_atomically

KUBECONFIG = Path("control-plane", "admin.kubeconfig")
"""The path of the administrator's kubeconfig, relative to a sandbox's folder."""

STARTING_SECONDS = 240.0
ENDING_SECONDS = 15.0
"""The time that the process has to start and to end. It starts in 15 s on two idle processors."""


def find_running(folder: Path) -> Targets | None:
    """Return the running targets of a sandbox's folder; None if no targets run."""
    targets = read_record(folder)
    if targets is None:
        return None
    started = lock.started_at(targets.pid)
    return targets if started is not None and started <= targets.since + 2 else None


def read_record(folder: Path) -> Targets | None:
    """Return the content of targets.json, even if its process is dead; None without a valid file."""
    try:
        members: dict[str, Any] = json.loads((folder / "targets.json").read_text())
        kubeconfig = members.pop("kubeconfig")
        return Targets(**members, kubeconfig=Path(kubeconfig) if kubeconfig else None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(folder: Path, targets: Targets) -> None:
    """Write targets.json atomically, with mode 0600."""
    write_atomically(folder / "targets.json", json.dumps(asdict(targets), default=str))


def start(
    folder: Path,
    progress: Progress,
    *,
    control_plane: bool,
    account: str = ACCOUNT,
    entities: Iterable[str] = (),
    zones: Iterable[str] = (),
) -> Targets:
    """Return the running targets of a sandbox's folder, or start them.

    - `control_plane`: True to start a Kubernetes control plane, too
    - `account`: the ID of the AWS account
    - `entities`: the users, roles and connections to GitHub that the account has from the beginning, such as
      `user/operator`, `role/admin` and `connection/REGION/ID`
    - `zones`: the names of the Cloudflare account's zones

    Raise CommandError if the targets do not start.
    """
    with lock.hold_file(folder / "targets.lock"):
        if targets := find_running(folder):
            return targets
        _clear(folder)
        settings: dict[str, Any] = {"control_plane": control_plane, "account": account}
        settings |= {"entities": list(entities), "zones": sorted(zones)}
        command = (sys.executable, "-P", "-m", "sandbox.clouds", folder, json.dumps(settings))
        environment = inherited_variables("KUBEBUILDER_ASSETS") | {
            # The targets read neither the caller's credentials nor the caller's settings.
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CACHE_HOME": str(builds.cache_folder().parent),
        }
        with (folder / "targets.log").open("w") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            return _wait(folder, process, progress)
        except BaseException:
            _kill(process.pid)
            process.wait()
            _clear(folder)
            raise


def stop(folder: Path) -> None:
    """End the targets and their child processes, if they run. Their data is lost."""
    with lock.hold_file(folder / "targets.lock"):
        if targets := find_running(folder):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(targets.pid)
                process.terminate()
                process.wait(ENDING_SECONDS)
            _kill(targets.pid)
        _clear(folder)


def _wait(folder: Path, process: "subprocess.Popen[bytes]", progress: Progress) -> Targets:
    end = time.monotonic() + STARTING_SECONDS
    while True:
        targets = find_running(folder)
        if targets and targets.pid == process.pid:
            return targets
        progress.tick("starting the targets")
        if process.poll() is not None or time.monotonic() > end:
            log = folder / "targets.log"
            last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise CommandError(
                f"the targets did not start; {log} ends with:\n{last_lines}\n"
                "Fix the cause and repeat the command, or run it without targets: TARGETS=none."
            )
        time.sleep(0.05)


def _clear(folder: Path) -> None:
    """Delete the record and the control plane's data of dead targets, and end their child processes."""
    targets = read_record(folder)
    if targets and lock.started_at(targets.pid) is None:
        _kill(targets.pid)
    shutil.rmtree(folder / "control-plane", ignore_errors=True)
    (folder / "targets.json").unlink(missing_ok=True)


def _kill(group: int) -> None:
    # The process leads a group with its children. The group's ID is not reused while a child lives.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
