"""Placeholders in the committed stack files, which a real stack must replace with its own values."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from components.settings.config_commands import KeyPath, format_path, set_command

README = 'README.md, "Placeholders"'


@dataclass(frozen=True)
class Placeholder:
    """A placeholder in a stack file, with the path of its key."""

    file: str
    """The file, relative to the repository's root."""
    path: KeyPath
    value: str

    @property
    def name(self) -> str:
        """The path of the key."""
        return format_path(self.path)

    @property
    def fix(self) -> str:
        """The command that sets the value; it runs in the repository's root."""
        stack = Path(self.file).name.split(".")[1]
        folder = str(Path(self.file).parent)
        project = "" if folder == "." else f" --cwd {folder}"
        return f"pulumi {set_command(self.path, 'VALUE')} --stack {stack}{project}"


EXAMPLE_ACCOUNTS = ("111122223333", "444455556666", "777788889999", "123456789012")
VALUES = re.compile(
    "|".join(
        (
            rf"\b({'|'.join(EXAMPLE_ACCOUNTS)})\b",
            r"\bpipe-dev/infrastructure\b",
            r"^(123456|456789|583231)$",
            r"\buser/(operator|emergency)$",
            r"3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96",
            r"^pipe-backup(-(dev|stg))?(-replica)?$",
            r"sha256:05e27da35aec3ef50260332a6aa98138c3e90d9259886f8630a37bb0638a29dd",
            r"(^|[.@])pipe\.dev$",
            r"^@slack-pipe-(dev|stg|prod)$",
            r"^@pagerduty-pipe$",
        )
    )
)
"""Pattern of the placeholders in README.md. The ID 2 of the runner's group is left out: it may be real."""


def find(root: Path, files: Sequence[str]) -> list[Placeholder]:
    """Return the placeholders in the stack files, in the order of the files and of their keys."""
    matches: list[Placeholder] = []
    for file in files:
        content: dict[str, Any] = yaml.safe_load((root / file).read_text())
        matches += [
            Placeholder(file, path, value)
            for path, value in _strings(content["config"], ())
            if VALUES.search(value)
        ]
    return matches


def _strings(node: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(node, dict):
        for key, value in cast(dict[str, Any], node).items():
            yield from _strings(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(cast(list[Any], node)):
            yield from _strings(value, (*path, index))
    elif isinstance(node, str):
        yield path, node
