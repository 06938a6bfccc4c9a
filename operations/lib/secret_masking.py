"""What Pulumi may show nowhere at work on a real stack: hidden by value, in the log and in files."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any, cast

from operations.lib.command_runner import CommandRunner
from review.plain_data import masks

CREDENTIAL = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE)$")
"""How the environment's variables are called that hold one."""


def hide(runner: CommandRunner, stack: str) -> set[str]:
    """From now on nothing that programs print has one of these values, which a report must not show either:
    line by line, the stack's secrets, and the credentials of whoever runs this."""
    said = runner.read("pulumi", "config", "--show-secrets", "--json", "--stack", stack)
    found = {value for name, value in os.environ.items() if CREDENTIAL.search(name)}
    for each in json.loads(said).values():
        if each.get("secret"):
            found |= {*_texts(each.get("objectValue", each["value"]))}
    lines = {line for value in found for line in value.splitlines() if line}
    runner.hide = masks(lines)
    return lines


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value of JSON, but for names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*cast(dict[str, Any], value).values()])
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _texts(each)
