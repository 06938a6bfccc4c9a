"""Masking of secret values in Pulumi's output about a real stack, on the terminal and in files."""

import json
import os
import re

from operations.lib.command_runner import CommandRunner
from review.plain_data import build_mask
from review.values.secret_documents import find_lines, list_scalars

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
            values |= {*list_scalars(setting.get("objectValue", setting["value"]))}
    lines = find_lines(values)
    runner.hide = build_mask(lines)
    return lines
