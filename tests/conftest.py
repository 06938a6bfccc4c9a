"""Configuration of the tests: lanes, order of files, and the table of measurements (`record_property`)."""

import importlib
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pulumi.runtime.proto import source_pb2
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests import lanes

# A property test that is slow on a busy machine is no failure.
settings.register_profile("busy", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Pulumi records the lines that declare each resource, for the messages of the engine. Mocks do not read them,
# and below pytest's deep stack they took a third of the time of an evaluation.
vars(importlib.import_module("pulumi.runtime.resource"))["_get_stack_trace"] = source_pb2.StackTrace

LONGEST = (
    "drills/sandbox/test_life.py",
    "drills/sandbox/test_random_kills.py",
    "drills/sandbox/test_real_plugin.py",
    "drills/docs/test_commands.py",
    "engine/review/test_pairs.py",
    "drills/operations/test_deploy_in_sandbox.py",
    "drills/sandbox/kubernetes/test_life.py",
    "drills/operations/test_in_cluster.py",
    "drills/service/test_region_lost.py",
    "drills/review/test_command.py",
    "drills/test_first_up.py",
    "drills/operations/test_deploy.py",
    "drills/service/test_killed.py",
    "engine/test_stacks.py",
)
"""Files whose tests take minutes, longest first: started last, such a file would keep one process busy alone.
"""


SPLIT = ("drills/sandbox/test_life.py",)
"""Files whose tests take minutes and share nothing, so that each may run in another process."""

TOGETHER: dict[str, str] = dict.fromkeys(
    (
        "unit/docs/test_first_up.py",
        "unit/foundation/test_stack_roles.py",
        "unit/review/test_cost.py",
        "unit/tools/iam/test_paths.py",
    ),
    "unit/docs/test_documents.py",
)
"""Files that run in the process of another file, since both use the evaluated programs, which are cached."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its lane, and put the longest files first."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(file_of(item.nodeid), len(order)))
    for item in items:
        if (lane := lanes.lane_of(item)) != "unit":
            item.add_marker(lane)


def file_of(node_id: str) -> str:
    """Return the path of a test's file relative to tests/."""
    return node_id.partition("::")[0].removeprefix("tests/")


def process_group(node_id: str) -> str:
    """Return the group of tests that run in one process: a file, or one test of a file that may be split."""
    file = file_of(node_id)
    return node_id if file in SPLIT else TOGETHER.get(file, file)


class GroupScheduling(LoadScopeScheduling):
    """Distribution of tests over processes by group.

    A module's fixtures are set up once, and the module's tests run in order. pytest-xdist's own `--dist
    loadgroup` ignores its groups with pytest 9.2 (github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return process_group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Return the scheduler that distributes tests by group."""
    return GroupScheduling(config, log)


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
