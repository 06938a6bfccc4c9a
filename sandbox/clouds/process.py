"""Start, lookup and stop of the background process that serves a stack's targets.

The process has a session of its own, so neither Ctrl-C nor kill -9 of a command reaches it. It keeps running
between commands, as clouds do. Its data, and that of its children, is lost when it ends.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox import workspace
from sandbox.engine import lock
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds

KUBECONFIG = Path("control-plane", "admin.kubeconfig")  # in a stack's folder; an administrator's

STARTING_SECONDS = 90.0
ENDING_SECONDS = 15.0


@dataclass(frozen=True)
class Targets:
    """A process that serves the targets, as recorded in targets.json."""

    pid: int
    aws: str  # URL, as those that follow
    cloudflare: str
    datadog: str
    kubeconfig: Path | None  # None: there is no control plane
    since: float  # seconds since 1970; tells the process from a later one of the same number

    def write(self, folder: Path) -> None:
        """Write targets.json in one step, with mode 0600."""
        workspace.write_atomically(folder / "targets.json", json.dumps(asdict(self), default=str))


def running(folder: Path) -> Targets | None:
    """Return the running targets of a stack's folder; None if there are none."""
    found = written(folder)
    started = lock.started_at(found.pid) if found else None
    return found if found and started is not None and started <= found.since + 2 else None


def written(folder: Path) -> Targets | None:
    """Return the content of targets.json, even if its process is dead."""
    try:
        given: dict[str, Any] = json.loads((folder / "targets.json").read_text())
        kubeconfig = given.pop("kubeconfig")
        return Targets(**given, kubeconfig=Path(kubeconfig) if kubeconfig else None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def start(folder: Path, progress: Progress, *, control_plane: bool, zones: Iterable[str] = ()) -> Targets:
    """Return the targets, started now unless they run; `zones` are those of Cloudflare's account."""
    with lock.hold_file(folder / "targets.lock"):
        if found := running(folder):
            return found
        _clear(folder)
        program = (sys.executable, "-P", "-m", "sandbox.clouds", folder, str(int(control_plane)), *zones)
        own = workspace.inherited_variables("KUBEBUILDER_ASSETS") | {
            "HOME": str(folder / "home"),  # neither credentials nor settings of the caller's
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CACHE_HOME": str(builds.cache_folder().parent),
        }
        with (folder / "targets.log").open("w") as out:
            process = subprocess.Popen(
                program, env=own, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        try:
            return _wait(folder, process, progress)
        except BaseException:
            _kill(process.pid)
            process.wait()
            _clear(folder)
            raise


def stop(folder: Path) -> None:
    """End the targets and their children, if they run; their data is lost."""
    with lock.hold_file(folder / "targets.lock"):
        if found := running(folder):
            with contextlib.suppress(psutil.Error):
                (process := psutil.Process(found.pid)).terminate()
                process.wait(ENDING_SECONDS)
            _kill(found.pid)
        _clear(folder)


def _wait(folder: Path, process: "subprocess.Popen[bytes]", progress: Progress) -> Targets:
    end = time.monotonic() + STARTING_SECONDS
    while (found := running(folder)) is None or found.pid != process.pid:
        progress.tick("starting the targets")
        if process.poll() is not None or time.monotonic() > end:
            log = folder / "targets.log"
            last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise CommandError(
                f"the targets did not start; {log} ends with:\n{last}\n"
                "Mend that and run this again; TARGETS=none does without them."
            )
        time.sleep(0.05)
    return found


def _clear(folder: Path) -> None:
    """Delete the record of dead targets, and end the children of a killed process."""
    found = written(folder)
    if found and lock.started_at(found.pid) is None:
        _kill(found.pid)
    shutil.rmtree(folder / "control-plane", ignore_errors=True)
    (folder / "targets.json").unlink(missing_ok=True)


def _kill(group: int) -> None:
    # The process leads its group, in which its children are; the number stays taken while one of them lives.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
