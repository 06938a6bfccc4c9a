"""Validates stack files without an engine: `python -m components.settings dev prod`."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from components.settings.checks.consistency import across
from components.settings.errors import Fault, message, set_to
from components.settings.json_schema import stack_file
from components.settings.load import StackFile, load_file
from components.settings.stack import PROJECT

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when all files are valid, 1 when one is not, 2 when a stack has no file."""
    asked = _parser().parse_args(arguments)
    if asked.schema:
        print(json.dumps(stack_file(), indent=2, ensure_ascii=False))
        return 0
    paths = {path.name.split(".")[1]: path for path in sorted(asked.directory.glob("Pulumi.*.yaml"))}
    for stack in asked.stacks:
        if stack not in paths:
            print(
                f"No Pulumi.{stack}.yaml in {asked.directory}; there are: {', '.join(paths)}", file=sys.stderr
            )
            return 2
    return _validate(
        [paths[stack] for stack in asked.stacks or paths], asked.secrets, compare=not asked.stacks
    )


def _validate(paths: Sequence[Path], secrets: bool, *, compare: bool) -> int:
    files: dict[str, StackFile] = {}
    unreadable = False
    for path in paths:
        try:
            file = load_file(path, secrets=secrets)
            files[file.stack] = file
        except yaml.YAMLError as error:
            print(_heading(f"{path.name}: not a stack file: {error}"))
            unreadable = True
    if compare and not unreadable:
        partial = any(file.faults for file in files.values())
        for stack, fault in across({stack: file.settings for stack, file in files.items()}, partial=partial):
            files[stack].faults.append(fault)
        for stack, fault in _other_keys(files):
            files[stack].faults.append(fault)
    for stack, file in files.items():
        print(_heading(message(stack, file.faults)) if file.faults else f"Pulumi.{stack}.yaml: valid")
    return int(unreadable or any(file.faults for file in files.values()))


def _other_keys(files: Mapping[str, StackFile]) -> Iterator[tuple[str, Fault]]:
    """Providers' keys (aws:profile) that one file has and another has not; ours are all required anyway."""
    values = {key: (file.stack, value) for file in files.values() for key, value in file.config.items()}
    for key, (where, value) in values.items():
        for stack, file in files.items():
            if not key.startswith(f"{PROJECT}:") and key not in file.config:
                allowed = f"the keys of the other stack files; Pulumi.{where}.yaml has it"
                text = value if isinstance(value, str) else json.dumps(value)
                yield stack, Fault(key=key, found="is missing", allowed=allowed, fix=(set_to((key,), text),))


def _heading(text: str) -> str:
    """The first line in red, on a terminal and unless NO_COLOR (no-color.org) is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    first, separator, rest = text.partition("\n")
    return f"\033[31m{first}\033[0m{separator}{rest}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m components.settings",
        description="Validates stack files (Pulumi.<stack>.yaml) and names every fault with the command that "
        "mends it. Without STACK all files are validated and compared with each other.",
        epilog="Exit status: 0 valid, 1 faults, 2 no such stack file.",
    )
    parser.add_argument("stacks", metavar="STACK", nargs="*", help="such as dev; default: all")
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="report missing secrets also where the file has no key to encrypt them with",
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the stack files")
    parser.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        default=ROOT,
        help="where the files are; default: the project",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
