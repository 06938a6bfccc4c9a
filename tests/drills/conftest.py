"""Configuration of the drills: the options of the sandbox's commands."""

from collections.abc import Generator

import pytest

from sandbox.cli import FLAGS_VARIABLE

FLAGS = {
    # These modules kill runs, so the states must contain what a run has done so far.
    "test_interrupted_runs.py": "",
    "test_random_kills.py": "",
    # These modules deploy often, and no deployment violates a policy.
    "test_commands.py": "--written-once --skip-preview",
    "test_deploy_in_sandbox.py": "--written-once --skip-preview",
    "test_region_lost.py": "--written-once --skip-preview",
}
"""Options by the name of the module."""


@pytest.fixture(scope="module", autouse=True)
def sandbox_flags(request: pytest.FixtureRequest) -> Generator[None]:
    """Give every command of the sandbox the options of the module; by default, states are written once.

    Plugins that the machine has are not used.

    The states after each resource take a quarter of the CPU time of an `up`.
    """
    with pytest.MonkeyPatch.context() as patch:
        flags = FLAGS.get(request.path.name, "--written-once")
        patch.setenv(FLAGS_VARIABLE, f"--providers stand-ins {flags}")
        yield
