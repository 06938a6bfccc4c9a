"""A command that validates stack files, or prints their schema, without Pulumi's engine.

Example: `python -m components.settings dev prod`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, describe_faults
from components.settings.json_schema import stack_file_schema
from components.settings.load import StackFile, load_file
from components.settings.stack import PROJECT
from components.settings.stack_comparison import compare_stacks, environments_by_account

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate the stack files, or print their schema.

    Return 0 if all files are valid, 1 if a file has faults or is not a valid stack file, 2 if a named
    stack has no file.
    """
    options = _parser().parse_args(arguments)
    if options.schema:
        print(json.dumps(stack_file_schema(), indent=2, ensure_ascii=False))
        return 0
    paths = {path.name.split(".")[1]: path for path in sorted(options.directory.glob("Pulumi.*.yaml"))}
    for stack in options.stacks:
        if stack not in paths:
            print(
                f"There is no Pulumi.{stack}.yaml in {options.directory}. "
                f"Stacks with a file: {', '.join(paths)}",
                file=sys.stderr,
            )
            return 2
    selected = [paths[stack] for stack in options.stacks or paths]
    return _validate(selected, secrets=options.secrets, compare=not options.stacks)


def _validate(paths: Sequence[Path], *, secrets: bool, compare: bool) -> int:
    """Print the faults of each file and, with `compare`, those between files; return the exit status."""
    files: dict[str, StackFile] = {}
    unreadable = False
    for path in paths:
        try:
            file = load_file(path, secrets=secrets)
            files[file.stack] = file
        except yaml.YAMLError as error:
            print(_heading(f"{path.name} is not a valid stack file: {error}"))
            unreadable = True
    if compare and not unreadable:
        settings = {stack: file.settings for stack, file in files.items()}
        partial = any(file.faults for file in files.values())
        faults = [*compare_stacks(settings, partial=partial), *_missing_provider_keys(files)]
        for stack, fault in faults:
            files[stack].faults.append(fault)
    for stack, file in files.items():
        print(_heading(describe_faults(stack, file.faults)) if file.faults else f"Pulumi.{stack}.yaml: valid")
    for account, stacks in environments_by_account({s: f.settings for s, f in files.items()}).items():
        # Allowed, but a trade-off: the policy iam-environments-share-account reports it too.
        print(
            f"note: {' and '.join(stacks)} share the AWS account {account}, so the deploy role of each can "
            "change networks and keys of the others. A separate account for each stack removes this risk."
        )
    return int(unreadable or any(file.faults for file in files.values()))


def _missing_provider_keys(files: Mapping[str, StackFile]) -> Iterator[tuple[str, SettingFault]]:
    """Yield a fault for each provider key, such as aws:ignoreTags, that a file lacks and another file has."""
    values = {key: (file.stack, value) for file in files.values() for key, value in file.config.items()}
    for key, (owner, value) in values.items():
        if key.startswith(f"{PROJECT}:"):
            continue
        allowed = f"the same provider keys in every stack file; Pulumi.{owner}.yaml has this one"
        fix = set_command((key,), value if isinstance(value, str) else json.dumps(value))
        for stack, file in files.items():
            if key not in file.config:
                yield stack, SettingFault(key=key, problem="is missing", allowed=allowed, fix=(fix,))


def _heading(text: str) -> str:
    """Return a text; on a terminal, its first line is red unless NO_COLOR is set (no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    first, separator, rest = text.partition("\n")
    return f"\033[31m{first}\033[0m{separator}{rest}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m components.settings",
        description="Validates stack files (Pulumi.<stack>.yaml) and names every fault with the command that "
        "fixes it. Without STACK all files are validated and compared with each other.",
        epilog="Exit status: 0 valid, 1 faults, 2 no such stack file.",
    )
    parser.add_argument(
        "stacks", metavar="STACK", nargs="*", help="a stack, such as dev; default: all stacks"
    )
    parser.add_argument(
        "--secrets",
        action="store_true",
        help="report missing secrets even if the file has no key to encrypt them with",
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the stack files")
    parser.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        default=ROOT,
        help="the folder of the files; default: the repository",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
