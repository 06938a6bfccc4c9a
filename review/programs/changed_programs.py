"""The stacks whose programs may read something else than those of the base, and new stacks beside them."""

import re
from pathlib import Path

from review.programs.file_states import find_differing
from review.project_selection import Projects, Trees
from review.stacks.setting_changes import SECRET
from review.stacks.stack_file import read_stack_file
from sandbox.workspace.stacks import projects

ENCRYPTED = re.compile(r"^([ \t]+secure:[ \t]+)[\w+/=:.-]+[ \t]*$", re.ASCII | re.MULTILINE)
"""Pattern of an encrypted value in a stack file, as Pulumi writes it."""


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
    return _has_same_rest(before, after) and not _has_changed_settings(stack, projects, trees)


def _stack_file(stack: str, project: Path) -> Path:
    return project / f"Pulumi.{stack.rpartition('/')[2]}.yaml"


def _has_same_rest(before: Path, after: Path) -> bool:
    """Return True for two files that differ in nothing but what looks like encrypted values, also in mode."""
    if not before.is_file() or not after.is_file() or before.stat().st_mode != after.stat().st_mode:
        return False
    texts = (file.read_bytes().decode(errors="surrogateescape") for file in (before, after))
    return len({ENCRYPTED.sub("\\1", text) for text in texts}) == 1


def _has_changed_settings(stack: str, projects: Projects, trees: Trees) -> bool:
    base, head = zip(trees, projects[stack], strict=True)
    file = read_stack_file(stack, base, head)
    before, after = (
        {(key, value, key in texts) for key, (value, _) in side.items() if not key.endswith(SECRET)}
        for side, texts in zip((file.base, file.head), file.texts, strict=True)
    )
    return bool(file.trouble) or before != after
