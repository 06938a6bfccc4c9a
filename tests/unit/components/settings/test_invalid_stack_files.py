"""Tests of the messages about the stack files in invalid/*.yaml, which are changes to the file of dev."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from components.settings.errors import describe_faults
from components.settings.load import StackFile, load_file
from tests.support.components.settings.stack_files import INVALID, changed, run, write
from tests.support.rows import each_row


@dataclass(frozen=True, kw_only=True)
class InvalidStackFile:
    """Changes to the stack file of dev, and the faults that they cause."""

    name: str
    faults: Sequence[Mapping[str, Any]]
    change: dict[str, Any] = field(default_factory=dict[str, Any])
    remove: list[str] = field(default_factory=list[str])

    @property
    def message(self) -> str:
        """Whole message about the file."""
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        return "\n\n".join([f"Pulumi.dev.yaml: {count}", *map(_paragraph, self.faults)])


def _paragraph(fault: Mapping[str, Any]) -> str:
    return f"  {fault['setting']}\n    allowed: {fault['allowed']}\n    fix:     {' && '.join(fault['fix'])}"


INVALID_FILES = [
    InvalidStackFile(**entry)
    for file in sorted(INVALID.glob("*.yaml"))
    for entry in yaml.safe_load(file.read_text())
]

for_every_invalid_file = each_row("invalid", INVALID_FILES, ids=lambda invalid: invalid.name)


@cache
def loaded(name: str) -> StackFile:
    """Return the faulty file with this name, which both tests of all files read."""
    [invalid] = [invalid for invalid in INVALID_FILES if invalid.name == name]
    with TemporaryDirectory() as folder:
        return load_file(write(Path(folder), changed(invalid.change, invalid.remove)))


@for_every_invalid_file
def test_the_message_names_every_fault(invalid: InvalidStackFile) -> None:
    file = loaded(invalid.name)
    assert describe_faults(file.stack, file.faults) == invalid.message


@for_every_invalid_file
def test_the_commands_of_the_message_fix_the_file(invalid: InvalidStackFile, tmp_path: Path) -> None:
    """Run the commands in several rounds, since a command adds only one entry to a list, or removes a map."""
    config = changed(invalid.change, invalid.remove)
    faults = loaded(invalid.name).faults
    for _ in range(6):
        for fault in faults:
            for command in fault.commands("dev"):
                run(config, command)
        if not (faults := load_file(write(tmp_path, config)).faults):
            break
    assert faults == []


def test_a_value_that_may_be_a_secret_is_never_shown() -> None:
    assert any("hunter2" in str(invalid.change) for invalid in INVALID_FILES)
    assert not any("hunter2" in invalid.message for invalid in INVALID_FILES)


def test_every_invalid_file_has_a_unique_name() -> None:
    names = [invalid.name for invalid in INVALID_FILES]
    assert len(names) == len(set(names)) >= 40
