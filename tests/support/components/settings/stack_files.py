"""Stack files that differ from a committed file in a few keys, and stand-ins for Pulumi's commands."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

ROOT = Path(__file__).parents[4]
STACKS = ("dev", "stg", "prod")
INVALID = Path(__file__).with_name("invalid")
"""Folder with the invalid stack files."""

Config: TypeAlias = dict[str, Any]


def committed(stack: str = "dev") -> Config:
    """Return a copy of a committed stack file's config, which the caller may change."""
    return deepcopy(_parsed(stack))


@cache
def _parsed(stack: str) -> Config:
    return cast(Config, yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"])


def changed(change: Mapping[str, Any], remove: Iterable[str] = (), stack: str = "dev") -> Config:
    """Return a committed config with other values, and without the keys to remove."""
    config = committed(stack)
    for key, value in change.items():
        put(config, key, value)
    for key in remove:
        drop(config, key)
    return config


def write(directory: Path, config: Config, stack: str = "dev", **file: Any) -> Path:
    """Write a stack file with a config and further top-level keys; return the file's path."""
    path = directory / f"Pulumi.{stack}.yaml"
    # libyaml's dumper, which some builds of PyYAML lack, takes a tenth of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump({"config": config, **file}, Dumper=dumper, sort_keys=False))
    return path


def put(config: Config, key: str, value: Any) -> None:
    """Set a value as `pulumi config set --path` does, and create missing maps and lists."""
    steps = _steps(key)
    parent: Any = config
    for step, following in pairwise(steps):
        if isinstance(step, str) and step not in parent:
            parent[step] = [] if isinstance(following, int) else {}
        parent = parent[step]
    if steps[-1] == len(parent):
        parent.append(value)
    else:
        parent[steps[-1]] = value


def drop(config: Config, key: str) -> None:
    """Remove a value as `pulumi config rm --path` does."""
    *outer, last = _steps(key)
    parent: Any = config
    for step in outer:
        parent = parent[step]
    del parent[last]


def run(config: Config, command: str) -> None:
    """Change a config as `pulumi config set` and `pulumi config rm` do; every secret gets the same value."""
    arguments = shlex.split(command)
    assert arguments[:2] == ["pulumi", "config"] and arguments[-2:] == ["--stack", "dev"], command
    for bare in [key for key in config if ":" not in key]:
        config[f"pipe:{bare}"] = config.pop(bare)
    action, *rest = arguments[2:-2]
    kind = rest[rest.index("--type") + 1] if "--type" in rest else None
    key, *values = [argument for argument in rest if not argument.startswith("--") and argument != kind]
    if action == "rm":
        drop(config, key)
    elif "--secret" in rest:
        config[key] = {"secure": "v1:kS2n:aGVsbG8="}
    else:
        # The engine (3.259) keeps the quotes of a replaced value, so that a number becomes a string.
        text = "--path" not in rest or isinstance(_value(config, key), str)
        put(config, key, values[0] if text else _typed(values[0], kind))


def _value(config: Config, key: str) -> Any:
    value: Any = config
    for step in _steps(key):
        try:
            value = value[step]
        except (KeyError, IndexError):
            return None
    return value


def _typed(text: str, kind: str | None) -> Any:
    if kind == "float":
        return float(text)
    return json.loads(text) if kind is None and re.fullmatch(r"-?\d+|true|false", text) else text


def _steps(key: str) -> list[str | int]:
    """Split a key into the steps of its path; the first step includes the namespace."""
    match = re.fullmatch(r"((?:\w+:)?\w+)(.*)", key)
    assert match, key
    steps: list[str | int] = [match[1]]
    for name, quoted, index in cast(
        list[tuple[str, str, str]], re.findall(r'\.(\w+)|\["(.*?)"\]|\[(\d+)\]', match[2])
    ):
        steps.append(int(index) if index else name or quoted)
    return steps
