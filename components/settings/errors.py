"""All faults of a stack file in one message: key, value, what is allowed, the command that sets it."""

import difflib
import json
import re
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pydantic_core import ErrorDetails

from components.settings.json_schema import KeyPath, Node, allowed, example, keys, node
from components.settings.stack import SECRETS

ENCRYPTED = object()
"""Stands for a value that is a secret where none belongs: never shown, valid nowhere."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with one key."""

    key: str
    """The whole key: pipe:network.subnets.private[0]."""
    found: str
    """What is there: `= "10.10.0.0/8"`, `is missing`; never the value of a secret."""
    allowed: str
    fix: tuple[str, ...]
    """The commands that set it, without program and stack: config set …"""

    def commands(self, stack: str) -> list[str]:
        """What to type to be rid of the fault."""
        return [f"pulumi {command} --stack {stack}" for command in self.fix]

    def text(self, stack: str) -> str:
        """The fault as a paragraph."""
        fix = " && ".join(self.commands(stack))
        return f"  {self.key} {self.found}\n    allowed: {self.allowed}\n    fix:     {fix}"


class SettingsError(pulumi.RunError):
    """A stack file that cannot be used; Pulumi prints the message without a traceback."""

    def __init__(self, stack: str, faults: Sequence[Fault]) -> None:
        super().__init__(message(stack, faults))


def message(stack: str, faults: Sequence[Fault]) -> str:
    """Everything that is wrong with one stack file."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return "\n\n".join([f"Pulumi.{stack}.yaml: {count}", *(fault.text(stack) for fault in faults)])


def wrong(path: KeyPath, value: object, allowed: str, *fix: str) -> Fault:
    """A value that is not allowed."""
    return Fault(key=dotted(path), found=f"= {shown(value)}", allowed=allowed, fix=fix)


def dotted(path: KeyPath) -> str:
    """A path as Pulumi's --path takes it: pipe:network.subnets.private[0]."""
    first, *rest = path
    steps = (
        f"[{step}]"
        if isinstance(step, int)
        else f".{step}"
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step)
        else f"[{json.dumps(step)}]"
        for step in rest
    )
    return str(first) + "".join(steps)


def set_to(path: KeyPath, value: str | float) -> str:
    """The command that sets a value with its type, which Pulumi would else guess."""
    value = _plain(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    kind = ""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+|true|false", value):
        kind = " --type string"
    elif isinstance(value, float):
        kind = " --type float"
    return f"config set {_argument(path)} {shlex.quote(text)}{kind}"


def remove(path: KeyPath) -> str:
    """The command that removes a key."""
    return f"config rm {_argument(path)}"


def of_secret(key: str, found: str) -> Fault:
    """A secret that is missing or unusable; its command asks for the value."""
    return Fault(key=key, found=found, allowed=SECRETS[key]["allowed"], fix=(f"config set --secret {key}",))


def of_schema(errors: Sequence[ErrorDetails], values: Mapping[str, Any]) -> Iterator[Fault]:
    """What pydantic found, in the words of the schema."""
    for error in errors:
        path = error["loc"]
        match error["type"]:
            case "missing":
                yield from _missing(path)
            case "extra_forbidden":
                yield _unknown(path)
            case _:
                yield _refused(path, values)


def _argument(path: KeyPath) -> str:
    key = dotted(path)
    quoted = shlex.quote(key)
    if len(path) == 1:
        return quoted
    return f"--path {quoted if quoted != key else repr(key)}"


def _plain(value: Any) -> Any:
    """A number as the file has it, where pydantic has made 90.0 of 90."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(value: object) -> str:
    """A value in a message: as JSON, cut after 120 characters."""
    text = json.dumps(_plain(value), ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"


def _missing(path: KeyPath) -> Iterator[Fault]:
    schema = node(path)
    if schema.get("type") == "object":
        for key in keys(path):
            yield from _missing((*path, key))
        return
    yield Fault(key=dotted(path), found="is missing", allowed=allowed(schema), fix=(_example(path),))


def _unknown(path: KeyPath) -> Fault:
    """The value is not shown: it may be a secret under a misspelt key."""
    known = keys(path[:-1]) + (list(SECRETS) if len(path) == 1 else [])
    near = difflib.get_close_matches(str(path[-1]), known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Fault(
        key=dotted(path), found="is not a setting", allowed=", ".join(known) + hint, fix=(remove(path),)
    )


def _refused(path: KeyPath, values: Mapping[str, Any]) -> Fault:
    value: Any = values
    for step in path:
        value = value[step]
    schema = node(path)
    if value is ENCRYPTED:
        kind = f"in plain text, {allowed(schema)}"
        return Fault(key=dotted(path), found="is encrypted", allowed=kind, fix=(remove(path), _example(path)))
    return wrong(path, value, allowed(schema), *_mended(path, value, schema))


def _mended(path: KeyPath, value: Any, schema: Node) -> list[str]:
    """The commands for a value that is not allowed.

    Text has to go where something else belongs: `config set` would keep its quotes, or refuse to look inside.
    The keys of a map are asked for by the next message.
    """
    if schema["type"] == "object":
        return [remove(path)]
    if schema["type"] == "array" and isinstance(value, list):
        entries = cast(list[Any], value)
        if len(entries) < schema["minItems"]:
            return [_example((*path, len(entries)), entries)]
        repeated = (index for index, entry in enumerate(entries) if entry in entries[:index])
        return [remove((*path, next(repeated, len(entries) - 1)))]
    if schema["type"] == "array" or (schema["type"] != "string" and isinstance(value, str)):
        return [remove(path), _example(path)]
    return [_example(path)]


def _example(path: KeyPath, besides: Container[object] = ()) -> str:
    """The command that sets the schema's example; of a list, its first entry."""
    schema = node(path)
    if schema["type"] == "array":
        return _example((*path, 0))
    return set_to(path, example(schema, besides))
