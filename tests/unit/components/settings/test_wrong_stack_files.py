"""Each entry of wrong/*.yaml is the stack file of dev with a few changes, and the whole message about it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.errors import message
from components.settings.load import load_file
from tests.support.components.settings.stack_files import changed, run, write


@dataclass(frozen=True, kw_only=True)
class Wrong:
    name: str
    message: str
    change: dict[str, Any] = field(default_factory=dict[str, Any])
    remove: list[str] = field(default_factory=list[str])


WRONG = [
    Wrong(**entry)
    for file in sorted(
        (Path(__file__).parents[3] / "support" / "components" / "settings" / "wrong").glob("*.yaml")
    )
    for entry in yaml.safe_load(file.read_text())
]

each_wrong = pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)


@each_wrong
def test_the_message_names_every_fault(wrong: Wrong, tmp_path: Path) -> None:
    file = load_file(write(tmp_path, changed(wrong.change, wrong.remove)))
    assert message(file.stack, file.faults) == wrong.message.rstrip()


@each_wrong
def test_its_commands_mend_the_file(wrong: Wrong, tmp_path: Path) -> None:
    """Not always at once: a list gets one entry a command, and a removed map is asked for again."""
    config = changed(wrong.change, wrong.remove)
    for _ in range(6):
        faults = load_file(write(tmp_path, config)).faults
        for fault in faults:
            for command in fault.commands("dev"):
                run(config, command)
    assert load_file(write(tmp_path, config)).faults == []


def test_a_value_that_may_be_a_secret_is_never_shown() -> None:
    assert any("hunter2" in str(wrong.change) for wrong in WRONG)
    assert not any("hunter2" in wrong.message for wrong in WRONG)


def test_every_wrong_file_has_a_name_of_its_own() -> None:
    names = [wrong.name for wrong in WRONG]
    assert len(names) == len(set(names)) >= 40
