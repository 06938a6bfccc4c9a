"""Faults of a stack file, reported together: key, value, allowed values, and the command that fixes each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.settings.config_commands import KeyPath, format_path, plain_number

LONGEST_VALUE = 120
"""Largest number of characters of a value in a message."""


@dataclass(frozen=True, kw_only=True)
class SettingFault:
    """One mistake in a stack file."""

    key: str
    """The whole key: `pipe:network.subnets.private[0]`."""
    problem: str
    """The value, or what is wrong with the key, such as `= "10.10.0.0/8"` or `is missing`; never a secret."""
    allowed: str
    """A short description of the allowed values."""
    fix: tuple[str, ...]
    """The commands that fix the fault, without `pulumi` and `--stack`."""

    def commands(self, stack: str, folder: str = "") -> list[str]:
        """Return the commands that fix the fault, ready to be typed in the repository's root.

        `folder` is the project's folder; empty if the project is in the root.
        """
        project = f" --cwd {folder}" if folder else ""
        return [f"pulumi {command} --stack {stack}{project}" for command in self.fix]

    def text(self, stack: str, folder: str = "") -> str:
        """Return the fault as a paragraph."""
        fix = " && ".join(self.commands(stack, folder))
        return f"  {self.key} {self.problem}\n    allowed: {self.allowed}\n    fix:     {fix}"


class SettingsError(pulumi.RunError):
    """Error for a stack file with faults; Pulumi prints its message without a traceback."""

    def __init__(self, stack: str, faults: Sequence[SettingFault], folder: str = "") -> None:
        super().__init__(describe_faults(stack, faults, folder))


def describe_faults(stack: str, faults: Sequence[SettingFault], folder: str = "") -> str:
    """Return the message that lists all faults of one stack file.

    `folder` is the project's folder; empty if the project is in the repository's root.
    """
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    file = f"{folder}/Pulumi.{stack}.yaml" if folder else f"Pulumi.{stack}.yaml"
    return "\n\n".join([f"{file}: {count}", *(fault.text(stack, folder) for fault in faults)])


def invalid_value(path: KeyPath, value: object, allowed: str, *fix: str) -> SettingFault:
    """Return the fault of a value that is not allowed."""
    return SettingFault(key=format_path(path), problem=f"= {format_value(value)}", allowed=allowed, fix=fix)


def format_value(value: object) -> str:
    """Return a value for a message: as JSON, cut to 120 characters."""
    text = json.dumps(plain_number(value), ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
