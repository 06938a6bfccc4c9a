"""Tests that a test fails if it, or a process that it starts, starts a program of a later lane."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from xdist.remote import Producer

from sandbox.clouds.kubernetes import control_plane
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from tests import lanes, scheduling
from tests.support.stacks import ROOT


def test_the_latest_marker_is_the_lane(request: pytest.FixtureRequest) -> None:
    item: pytest.Item = request.node
    assert lanes.lane_of(item) == "unit"
    item.add_marker(pytest.mark.drill)
    item.add_marker(pytest.mark.engine)
    assert lanes.lane_of(item) == "drill"


def test_the_engine_and_the_control_plane_are_hidden_from_a_unit_test() -> None:
    with pytest.raises(CommandError):
        pulumi_cli.find(Progress())
    assert control_plane.find() is None


@pytest.mark.engine
def test_the_engine_is_there_for_a_test_of_its_lane_and_the_control_plane_is_not() -> None:
    assert pulumi_cli.find(Progress()).exists()
    assert control_plane.find() is None


@pytest.mark.parametrize(
    ("program", "marker"),
    [("pulumi", "engine"), ("go", "drill"), ("postgres", "drill"), ("kubectl", "drill")],
)
def test_a_program_by_name_ends_at_once_and_names_the_marker_that_permits_it(
    program: str, marker: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import os; os.execvp('{program}', ['x'])"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 97
    assert done.stderr == (
        f"error: a test of the unit lane starts {program}: mark it pytest.mark.{marker} (tests/lanes.py)\n"
    )


@pytest.mark.parametrize(
    ("command", "marker"),
    [
        (["/usr/sbin/nginx", "-v"], "drill"),
        (["/usr/lib/postgresql/15/bin/postgres"], "drill"),
        ([sys.executable, "-m", "sandbox.clouds", "folder"], "engine"),
    ],
)
def test_a_server_by_its_path_is_refused(command: list[str], marker: str) -> None:
    with pytest.raises(lanes.LaneError, match=f"mark it pytest.mark.{marker}"):
        subprocess.run(command, check=False)


def test_a_test_s_own_program_of_a_refused_name_runs(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\necho its own\n")
    program.chmod(0o755)
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "its own\n"


class Process:
    """A process of pytest-xdist that records which tests it gets."""

    def __init__(self) -> None:
        self.assigned: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.assigned += indices

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.mark.engine
def test_the_tests_of_a_file_run_in_one_process_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.scheduling import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler\n"
    )
    log = tmp_path / "log"
    test = (
        "import os, pytest\n"
        "@pytest.mark.parametrize('number', range(9))\n"
        "def test_it(number):\n"
        f"    with open({str(log)!r}, 'a') as log:\n"
        "        print(__name__, number, os.environ['PYTEST_XDIST_WORKER'], file=log)\n"
    )
    for name in ("test_first.py", "test_second.py"):
        (tmp_path / name).write_text(test)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:anyio",
        "-p",
        "no:hypothesispytest",
        "--rootdir",
        tmp_path,
        tmp_path,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run(command, cwd=ROOT, env=environment | {"PYTHONPATH": str(ROOT)}, check=True)
    lines = [line.split() for line in log.read_text().splitlines()]
    for module in ("test_first", "test_second"):
        tests = [(number, worker) for name, number, worker in lines if name == module]
        assert [number for number, _ in tests] == [str(number) for number in range(9)]
        assert len({worker for _, worker in tests}) == 1


def test_a_short_group_follows_a_test_of_minutes_in_its_process() -> None:
    """Give one process all tests: behind a test of minutes, the next long file does not wait."""
    life, kills = "tests/drills/sandbox/test_life.py::test_it", "tests/drills/sandbox/test_random_kills.py"
    short = "tests/unit/test_inventory.py"
    tests = [life, *(f"{file}::test_{number}" for file in (kills, short) for number in range(3))]
    process = Process()
    options = {"tx": ["popen"]}
    config = SimpleNamespace(option=SimpleNamespace(loadscopereorder=False), getvalue=options.__getitem__)
    distribution = scheduling.GroupScheduling(cast(Any, config), Producer("test", enabled=False))
    distribution.add_node(cast(Any, process))
    distribution.add_node_collection(cast(Any, process), tests)
    distribution.schedule()
    assert [tests[index] for index in process.assigned] == [life, *tests[4:]]
    for index in (0, 4):
        distribution.mark_test_complete(cast(Any, process), index)
    assert [tests[index] for index in process.assigned] == [life, *tests[4:], *tests[1:4]]


def test_every_file_of_the_order_exists() -> None:
    files = {*scheduling.LONGEST, *scheduling.SPLIT, *scheduling.TOGETHER, *scheduling.TOGETHER.values()}
    assert {file for file in files if not (ROOT / "tests" / file).exists()} == set()


def test_lives_that_share_nothing_may_run_in_several_processes() -> None:
    life = "tests/drills/sandbox/test_life.py::test_it[dev]"
    assert scheduling.process_group(life) == life
    assert scheduling.process_group("tests/unit/test_makefile.py::test_it[a::b]") == "unit/test_makefile.py"
