"""For every test: its lane, the order of the files, and the table of measurements (`record_property`)."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import lanes

# A property test is slow on a busy machine, and says nothing by it.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

LONGEST = (
    "drills/sandbox/test_life.py",
    "drills/sandbox/test_kills.py",
    "drills/sandbox/test_real_plugin.py",
    "drills/operations/test_deploy_in_sandbox.py",
    "drills/operations/test_in_cluster.py",
    "drills/sandbox/kubernetes/test_life.py",
    "engine/review/test_pairs.py",
    "drills/service/test_region_lost.py",
    "drills/service/test_killed.py",
    "engine/test_stacks.py",
    "drills/docs/test_commands.py",
)
"""Files of minutes, longest first: at the end of a run one process would work on such a file alone."""


SPLIT = ("drills/sandbox/test_life.py",)
"""Files whose tests take minutes and share nothing, so that each may run in another process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with their lane, put the longest files first, and keep each file in one process."""
    order = {name: place for place, name in enumerate(LONGEST)}

    def name_of(item: pytest.Item) -> str:
        return item.nodeid.partition("::")[0].removeprefix("tests/")

    items.sort(key=lambda item: order.get(name_of(item), len(order)))
    for item in items:
        if (lane := lanes.lane_of(item)) != "unit":
            item.add_marker(lane)
        item.add_marker(pytest.mark.xdist_group(process_group(name_of(item), item.name)))


def process_group(file: str, test: str) -> str:
    """Name the tests that run in one process: a file's, or one test of a file that may be split."""
    return f"{file}-{test.replace('[', '-').removesuffix(']')}" if file in SPLIT else file


ENVIRONMENTS = pytest.StashKey[dict[lanes.Lane, lanes.Environment | None]]()


def pytest_configure(config: pytest.Config) -> None:
    """Write what each lane may not start; drills may start everything."""
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
    """Run a test, its fixtures included, with what its lane may start."""
    with lanes.enforced(item.config.stash[ENVIRONMENTS][lanes.lane_of(item)]):
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the property `measured` of each test that passed."""
    reports: list[pytest.TestReport] = terminalreporter.getreports("passed")
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
