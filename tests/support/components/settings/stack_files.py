"""Stack files that differ from a committed one by a few keys, and what Pulumi's commands make of them."""

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

Config: TypeAlias = dict[str, Any]


def committed(stack: str = "dev") -> Config:
    """The config of a committed stack file, as a copy that may be changed."""
    return deepcopy(_parsed(stack))


@cache
def _parsed(stack: str) -> Config:
    return cast(Config, yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"])


def changed(change: Mapping[str, Any], remove: Iterable[str] = (), stack: str = "dev") -> Config:
    """A committed config with other values, and without some."""
    config = committed(stack)
    for key, value in change.items():
        put(config, key, value)
    for key in remove:
        drop(config, key)
    return config


def write(directory: Path, config: Config, stack: str = "dev", **file: Any) -> Path:
    """A stack file with a config, and what else Pulumi keeps in it."""
    path = directory / f"Pulumi.{stack}.yaml"
    # libyaml's, where PyYAML has it, takes a tenth of the time.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump({"config": config, **file}, Dumper=dumper, sort_keys=False))
    return path


def put(config: Config, key: str, value: Any) -> None:
    """Sets a value as `pulumi config set --path` does: maps and lists come into being on the way."""
    steps = _steps(key)
    at: Any = config
    for step, following in pairwise(steps):
        if isinstance(step, str) and step not in at:
            at[step] = [] if isinstance(following, int) else {}
        at = at[step]
    if steps[-1] == len(at):
        at.append(value)
    else:
        at[steps[-1]] = value


def drop(config: Config, key: str) -> None:
    """Removes a value as `pulumi config rm --path` does."""
    *outer, last = _steps(key)
    at: Any = config
    for step in outer:
        at = at[step]
    del at[last]


def run(config: Config, command: str) -> None:
    """What `pulumi config set` and `rm` do to a stack's config; a secret's value is anything."""
    words = shlex.split(command)
    assert words[:2] == ["pulumi", "config"] and words[-2:] == ["--stack", "dev"], command
    for bare in [key for key in config if ":" not in key]:
        config[f"pipe:{bare}"] = config.pop(bare)
    action, *rest = words[2:-2]
    kind = rest[rest.index("--type") + 1] if "--type" in rest else None
    key, *values = [word for word in rest if not word.startswith("--") and word != kind]
    if action == "rm":
        drop(config, key)
    elif "--secret" in rest:
        config[key] = {"secure": "v1:kS2n:aGVsbG8="}
    else:
        # The engine (3.259) keeps the quotes of what it replaces: there a number becomes text.
        text = "--path" not in rest or isinstance(_value(config, key), str)
        put(config, key, values[0] if text else _typed(values[0], kind))


def _value(config: Config, key: str) -> Any:
    at: Any = config
    for step in _steps(key):
        try:
            at = at[step]
        except (KeyError, IndexError):
            return None
    return at


def _typed(text: str, kind: str | None) -> Any:
    if kind == "float":
        return float(text)
    return json.loads(text) if kind is None and re.fullmatch(r"-?\d+|true|false", text) else text


def _steps(key: str) -> list[str | int]:
    """The steps of a key; a namespace belongs to the first."""
    match = re.fullmatch(r"((?:\w+:)?\w+)(.*)", key)
    assert match, key
    found: list[str | int] = [match[1]]
    for name, quoted, index in cast(
        list[tuple[str, str, str]], re.findall(r'\.(\w+)|\["(.*?)"\]|\[(\d+)\]', match[2])
    ):
        found.append(int(index) if index else name or quoted)
    return found
