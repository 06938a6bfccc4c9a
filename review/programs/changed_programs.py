"""The stacks whose programs may read something else than those of the base, and new stacks beside them."""

import re
from pathlib import Path

from review.programs.file_states import find_differing
from review.project_selection import Projects, Trees
from sandbox.errors import CommandError
from sandbox.workspace.stack_files import encrypted_values
from sandbox.workspace.stacks import projects
from sandbox.workspace.yaml_tree import STRING, read

ENCRYPTED = re.compile(r"[\w+/=:.-]+", re.ASCII)
"""Pattern of an encrypted value in a stack file, as Pulumi writes it."""

PLACEHOLDER = "\0"
"""Text in place of an encrypted value, which no YAML has."""


def find_changed_programs(projects: Projects, trees: Trees) -> set[str]:
    """Return the stacks whose program may read something else than that of the base.

    A program can read any file of the tree, also a document, a test, a policy or another stack's file. Only
    the encrypted values in the stack's own file do not count.
    """
    differing = find_differing(*trees)
    return {stack for stack in projects if not _has_base_program(stack, differing, projects, trees)}


def adds_only_stacks(trees: Trees) -> bool:
    """Return True if the head differs from the base in nothing but the files of new stacks."""
    before, after = map(projects, trees)
    new = {
        _stack_file(stack, folder).relative_to(trees[1])
        for stack, folder in after.items()
        if stack not in before
    }
    return find_differing(*trees) <= new


def _has_base_program(stack: str, differing: set[Path], projects: Projects, trees: Trees) -> bool:
    """Return True if nothing of the `differing` files can change what the program makes of its secrets."""
    if not differing:
        return True
    base, head = projects[stack]
    if not base or not head:
        return False
    before, after = _stack_file(stack, base), _stack_file(stack, head)
    if differing != {after.relative_to(trees[1])} or any(file.is_symlink() for file in (before, after)):
        return False
    return _has_same_rest(before, after)


def _stack_file(stack: str, project: Path) -> Path:
    return project / f"Pulumi.{stack.rpartition('/')[2]}.yaml"


def _has_same_rest(before: Path, after: Path) -> bool:
    """Return True for two stack files that differ in nothing but encrypted values, also in mode."""
    if not before.is_file() or not after.is_file() or before.stat().st_mode != after.stat().st_mode:
        return False
    try:
        return _without_encrypted(before) == _without_encrypted(after)
    except (CommandError, OSError, RecursionError):
        return False


def _without_encrypted(file: Path) -> str:
    """Return the text of a stack file with a placeholder for the encrypted value of each secret setting.

    Only what Pulumi decrypts counts. A program reads anything else that looks alike, such as a setting with
    further members.
    """
    config = read(file).get("config")
    nodes = [node for node in encrypted_values(config) if node.tag == STRING] if config else []
    places = {(node.start_mark.index, node.end_mark.index) for node in nodes}
    text = file.read_bytes().decode()
    for start, end in sorted(places, reverse=True):
        if ENCRYPTED.fullmatch(text[start:end]):
            text = f"{text[:start]}{PLACEHOLDER}{text[end:]}"
    return text
