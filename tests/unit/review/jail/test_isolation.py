"""Tests of the limits of a process under review."""

import os
import resource
import site
import subprocess
import sys
from pathlib import Path

import pytest

from review.jail.isolation import Isolation, python_files
from review.jail.system_calls.filter import LOWEST_PRIORITY
from sandbox.errors import CommandError

CRASH = """
import os, resource, signal
from review.jail import isolation
isolation.limit_resources(threads=False, trusted=False)
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.chdir({folder!r})
os.kill(os.getpid(), signal.SIGSEGV)
"""

PRIORITIES = """
import os, subprocess, sys, threading
from review.jail import isolation
child = "import os; print(os.getpriority(os.PRIO_PROCESS, 0), flush=True)"
def print_priority():
    lowered.wait()
    print(os.getpriority(os.PRIO_PROCESS, 0) == before, flush=True)
before, lowered = os.getpriority(os.PRIO_PROCESS, 0), threading.Event()
thread = threading.Thread(target=print_priority)
thread.start()
isolation.lower_priority()
lowered.set()
thread.join()
subprocess.run([sys.executable, "-c", child])
"""

HARD_LIMIT = """
import pathlib, resource, sys
from review.jail import isolation
from sandbox.errors import CommandError
pattern, limit = sys.argv[1:]
isolation.CORE_PATTERN = pathlib.Path(pattern)
resource.setrlimit(resource.RLIMIT_CORE, (int(limit), int(limit)))
set_limit = resource.setrlimit
def as_user(name, limits):
    if limits[1] > resource.getrlimit(name)[1]:
        raise ValueError("not allowed to raise maximum limit")
    set_limit(name, limits)
resource.setrlimit = as_user
try:
    isolation.forbid_core_dumps()
    print(resource.getrlimit(resource.RLIMIT_CORE))
except CommandError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("pattern", "limit", "answer"),
    [
        ("|/usr/lib/systemd/systemd-coredump %P", 9, "(1, 1)"),
        (
            "|/usr/lib/systemd/systemd-coredump %P",
            0,
            "its crashes would start /usr/lib/systemd/systemd-coredump, ",
        ),
        ("core", 0, "(0, 0)"),
        ("@@/run/crashes", 9, "its crashes would reach @@/run/crashes ("),
    ],
)
def test_code_under_review_runs_only_where_its_crashes_start_no_handler(
    pattern: str, limit: int, answer: str, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux takes 1 as a limit that stops a handler")
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if 0 <= most < limit:
        pytest.skip(f"this machine does not allow a limit of {limit}")
    (tmp_path / "core_pattern").write_text(pattern + "\n")
    command = [sys.executable, "-c", HARD_LIMIT, tmp_path / "core_pattern", str(limit)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert answer in process.stdout, process.stderr


def test_a_crash_starts_no_handler_and_leaves_no_file(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux takes 1 as a limit that stops a handler")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine does not allow another limit than 0")
    crash = CRASH.format(folder=str(tmp_path))
    process = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True)
    assert (process.stdout, process.returncode) == ("(1, 1)\n", -11), process.stderr
    assert not [*tmp_path.iterdir()]


def test_only_the_calling_thread_and_what_it_starts_get_the_lowest_priority() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has priorities of threads")
    if os.getpriority(os.PRIO_PROCESS, 0) == LOWEST_PRIORITY:
        pytest.skip("these tests have the lowest priority themselves")
    process = subprocess.run([sys.executable, "-c", PRIORITIES], capture_output=True, text=True)
    assert process.stdout.splitlines() == ["True", str(LOWEST_PRIORITY)], process.stderr


def test_all_folders_of_packages_are_files_of_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = [tmp_path, *map(Path, site.getsitepackages())]
    folders = [f"{folder}" for folder in (*packages, tmp_path / "missing")]
    monkeypatch.setattr(site, "getsitepackages", lambda: folders)
    assert {folder for folder in packages if folder.exists()} <= {*python_files()}
    assert tmp_path / "missing" not in python_files()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the isolation")
@pytest.mark.parametrize(
    ("missing", "reason"),
    [("bwrap", "bubblewrap .* is not installed"), ("sh", "no folder of PATH has a shell")],
)
def test_a_machine_without_a_command_of_the_isolation_is_refused(
    missing: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"bwrap", "sh"} - {missing}:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match=f"the program under review was not run: {reason}"):
        Isolation(tmp_path, [])
