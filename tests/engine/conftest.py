"""Configuration of the engine lane: the options of the sandbox's commands."""

from collections.abc import Generator

import pytest

from sandbox.cli import FLAGS_VARIABLE

FLAGS = {
    # These modules test commands as users give them, with a small project.
    "test_commands.py": "",
    "test_disk.py": "",
    "test_required_stacks.py": "",
    "test_secrets.py": "",
}
"""Options by the name of the module."""


@pytest.fixture(scope="module", autouse=True)
def sandbox_flags(request: pytest.FixtureRequest) -> Generator[None]:
    """Give every command of the sandbox the options of the module; by default, states are written once.

    Plugins that the machine has are not used.

    The states after each resource take a quarter of the CPU time of an `up`. Nothing here kills a run that
    has to be continued from them.
    """
    with pytest.MonkeyPatch.context() as patch:
        flags = FLAGS.get(request.path.name, "--written-once")
        patch.setenv(FLAGS_VARIABLE, f"--providers stand-ins {flags}")
        yield
