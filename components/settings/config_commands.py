"""Paths of values in a stack file, and the `pulumi config` commands that change them."""

import json
import re
import shlex
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and list indexes that lead to a value: ("pipe:network", "subnets", "private", 0)."""


def format_path(path: KeyPath) -> str:
    """Return a path in the notation of Pulumi's `--path`: `pipe:network.subnets.private[0]`."""
    key, *steps = path
    return str(key) + "".join(map(_format_step, steps))


def set_command(path: KeyPath, value: str | float) -> str:
    """Return the command that sets a value, without `pulumi` and `--stack`.

    The command names the value's type if Pulumi would guess another one.
    """
    value = plain_number(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"config set {_path_argument(path)} {shlex.quote(text)}{_type_option(value)}"


def remove_command(path: KeyPath) -> str:
    """Return the command that removes a value, without `pulumi` and `--stack`."""
    return f"config rm {_path_argument(path)}"


def plain_number(value: Any) -> Any:
    """Return a whole float as an int, since pydantic turns 90 into 90.0; return other values unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _format_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
        return f".{step}"
    return f"[{json.dumps(step)}]"


def _type_option(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+|true|false", value):
        return " --type string"
    return " --type float" if isinstance(value, float) else ""


def _path_argument(path: KeyPath) -> str:
    key = format_path(path)
    quoted = shlex.quote(key)
    if len(path) == 1:
        return quoted
    return f"--path {quoted if quoted != key else repr(key)}"
