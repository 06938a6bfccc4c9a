"""Configuration of the tests: lanes, order of files, and the table of measurements (`record_property`)."""

import gc
import importlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pulumi.runtime.proto import source_pb2

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  (before any test imports an SDK)
from sandbox.toolchain import downloads
from tests import lanes
from tests.scheduling import place
from tests.scheduling import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

# A property test that is slow on a busy machine is no failure.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Pulumi records the lines that declare each resource, for the messages of the engine. Mocks do not read them,
# and below pytest's deep stack they took a third of the time of an evaluation.
vars(importlib.import_module("pulumi.runtime.resource"))["_get_stack_trace"] = source_pb2.StackTrace

# The same programs and providers run with and without the internet.
os.environ[downloads.VARIABLE] = "never"

# With Python's default of 700, a tenth of the processor time of the unit tests is garbage collection.
gc.set_threshold(100_000, 20, 50)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its lane, and put the longest files first."""
    items.sort(key=lambda item: place(item.nodeid))
    for item in items:
        if (lane := lanes.lane_of(item)) != "unit":
            item.add_marker(lane)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Exclude the modules and tests, which live until the end, from garbage collection."""
    gc.collect()
    gc.freeze()


ENVIRONMENTS = pytest.StashKey[dict[lanes.Lane, lanes.Environment | None]]()


def pytest_configure(config: pytest.Config) -> None:
    """Create the environment that hides what each lane may not start; drills may start everything."""
    folder = tempfile.TemporaryDirectory(prefix="lanes-")
    config.add_cleanup(folder.cleanup)
    environments: dict[lanes.Lane, lanes.Environment | None] = {
        "unit": lanes.environment("unit", Path(folder.name) / "unit"),
        "engine": lanes.environment("engine", Path(folder.name) / "engine"),
        "drill": None,
    }
    config.stash[ENVIRONMENTS] = environments


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test and its fixtures in the environment of the test's lane."""
    with lanes.enforced(item.config.stash[ENVIRONMENTS][lanes.lane_of(item)]):
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the property `measured` of each test that passed."""
    reports: list[pytest.TestReport] = terminalreporter.getreports("passed")
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
