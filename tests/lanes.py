"""The lanes of the tests, and what a test of each lane may start.

unit: tests/unit. Neither the engine, nor a server process, nor a Go build, nor a browser.
engine: tests/engine. The real engine and the local APIs, without a control plane; and tests that
    need neither and take half a minute.
drill: tests/drills. The control plane, PostgreSQL, nginx, Chromium, kills, whole lives of a stack.

A test that starts what belongs to a later lane fails and names the marker that it needs.
"""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pytest

from sandbox.toolchain.builds import RECIPES, cache_folder

Lane = Literal["unit", "engine", "drill"]

TESTS = Path(__file__).parent

ENGINE_PROGRAMS: tuple[str, ...] = ("pulumi",)
DRILL_PROGRAMS: tuple[str, ...] = (
    "bwrap",
    "chromium",
    "etcd",
    "go",
    "initdb",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "nginx",
    "pg_dump",
    "pg_restore",
    "postgres",
    "psql",
    "shellcheck",
    "unshare",
)
SERVER_MODULE = "sandbox.clouds"

REFUSAL = "a test of the {lane} lane starts {program}: mark it {marker} (tests/lanes.py)"
STUB = f"""\
#!/bin/sh
echo "error: {REFUSAL}" >&2
exit 97
"""


class LaneError(Exception):
    """A test's attempt to start a program that belongs to a later lane."""


@dataclass(frozen=True)
class Environment:
    """Environment variables for the tests of a lane, which hide refused programs or make them fail."""

    lane: Lane
    variables: dict[str, str]
    refused: dict[str, str]
    """Marker that permits each refused program, by the program's name."""


def lane_of(item: pytest.Item) -> Lane:
    """Return the lane of a test: that of its folder, or a later lane that a marker names."""
    folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
    if folder == "drills" or item.get_closest_marker("drill"):
        return "drill"
    return "engine" if folder == "engine" or item.get_closest_marker("engine") else "unit"


def environment(lane: Lane, folder: Path) -> Environment:
    """Write a lane's stubs and cache to a folder; return the environment that uses them."""
    refused = dict.fromkeys(DRILL_PROGRAMS, "pytest.mark.drill")
    if lane == "unit":
        refused |= dict.fromkeys(ENGINE_PROGRAMS, "pytest.mark.engine")
    stubs, cache = folder / "bin", folder / "cache"
    stubs.mkdir(parents=True)
    cache.mkdir()
    for program, marker in refused.items():
        stub = stubs / program
        stub.write_text(STUB.format(lane=lane, program=program, marker=marker))
        stub.chmod(0o755)
    kept = cache / cache_folder().name
    kept.mkdir()
    if lane == "engine":
        engine = RECIPES["pulumi"].folder
        (kept / engine.name).symlink_to(engine)
    path = os.pathsep.join((str(stubs), os.environ.get("PATH", os.defpath)))
    return Environment(lane, {"PATH": path, "XDG_CACHE_HOME": str(cache)}, refused)


_current: Environment | None = None


@contextmanager
def enforced(lane_environment: Environment | None) -> Generator[None]:
    """Set a lane's variables, and refuse programs that these cannot hide; None enforces nothing."""
    global _current
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lane_environment.variables.items() if lane_environment else ():
            patch.setenv(name, value)
        _current = lane_environment
        try:
            yield
        finally:
            _current = None


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Raise LaneError if this process starts a program that the lane refuses; this is an audit hook."""
    if event != "subprocess.Popen" or _current is None:
        return
    command = cast(Sequence[str | os.PathLike[str]], arguments[1])
    command_line = [command] if isinstance(command, str) else [os.fsdecode(part) for part in command]
    program = Path(command_line[0])
    name, marker = program.name, _current.refused.get(program.name)
    if SERVER_MODULE in command_line and _current.lane == "unit":
        name, marker = f"python -m {SERVER_MODULE}", "pytest.mark.engine"
    elif not program.is_absolute() or not program.is_relative_to("/usr"):
        return  # A name leads to a stub, and a path outside of /usr to a test's own program.
    if marker:
        raise LaneError(REFUSAL.format(lane=_current.lane, program=name, marker=marker))


sys.addaudithook(refuse)
