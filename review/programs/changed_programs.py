"""The stacks whose programs a pull request changes, or the plain settings that they get."""

from fnmatch import fnmatchcase
from itertools import chain

from review.changed_files import find_changed, is_policy
from review.programs.imports import program_files
from review.project_selection import Projects, Trees
from review.stacks.setting_changes import SECRET
from review.stacks.stack_file import read_stack_file

STACK_FILES = "Pulumi.*.yaml"


def find_changed_programs(projects: Projects, trees: Trees) -> set[str]:
    """Return the stacks whose program is not that of the base, or gets other plain settings.

    A program can read any file of the tree. Documents, tests, and policies that no program imports are left
    out, and so are the stack files of others. A new stack with the files of the base has the program of the
    base, which treats a secret as it does in the base's stacks.
    """
    files = {file for file in find_changed(trees) if not fnmatchcase(file.name, STACK_FILES)}
    if policies := {*filter(is_policy, files)}:
        heads = {head for _, head in projects.values() if head}
        files -= policies.difference(chain.from_iterable(program_files(trees[1], head) for head in heads))
    if files:
        return {*projects}
    return {stack for stack in projects if _has_changed_settings(stack, projects, trees)}


def _has_changed_settings(stack: str, projects: Projects, trees: Trees) -> bool:
    base, head = zip(trees, projects[stack], strict=True)
    if not projects[stack][0]:
        return False
    file = read_stack_file(stack, base, head)
    before, after = (
        {(key, value, key in texts) for key, (value, _) in side.items() if not key.endswith(SECRET)}
        for side, texts in zip((file.base, file.head), file.texts, strict=True)
    )
    return bool(file.trouble) or before != after
