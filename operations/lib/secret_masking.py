"""Masking of secret values in Pulumi's output about a real stack, on the terminal and in files."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any, cast

from operations.lib.command_runner import CommandRunner
from review.plain_data import build_mask

CREDENTIAL = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)$")
"""Pattern for names of environment variables that hold a credential."""


def hide(runner: CommandRunner, stack: str) -> set[str]:
    """Mask the stack's secrets and the caller's credentials in all further output.

    Returns the lines of the masked values, so that reports can mask them too.
    """
    config = runner.read("pulumi", "config", "--show-secrets", "--json", "--stack", stack)
    values = {value for name, value in os.environ.items() if CREDENTIAL.search(name)}
    for setting in json.loads(config).values():
        if setting.get("secret"):
            values |= {*_texts(setting.get("objectValue", setting["value"]))}
    lines = {line for value in values for line in value.splitlines() if line}
    runner.hide = build_mask(lines)
    return lines


def _texts(value: Any) -> Iterator[str]:
    """Yield the strings in a JSON value, except the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*cast(dict[str, Any], value).values()])
    elif isinstance(value, list):
        for setting in cast(list[Any], value):
            yield from _texts(setting)
