"""Changed files that are neither part of an evaluated program nor of its policies."""

import os
from collections.abc import Sequence, Set
from pathlib import Path

from review.findings.unevaluated_files import COMPILED
from review.programs.file_states import find_differing
from review.programs.imports import imported_files, program_files
from review.project_selection import Trees
from sandbox.workspace.stacks import projects

OF_A_DEPLOYMENT = (
    *(".github", ".ci", "scripts", "Makefile", "operations", "pyproject.toml"),
    *("requirements.in", "requirements-dev.in", "tools"),
)
"""Files and folders at the top of a tree that a deployment runs or installs from, most urgent first."""

WORKFLOWS = Path(".github", "workflows")
"""Folder of the files that GitHub runs by themselves; nothing else has to name a new one."""

MAKEFILES = Path("GNUmakefile"), Path("makefile")
"""Files that make reads in place of Makefile (GNU make's manual, section 3.2)."""

WITHOUT_EFFECT = ("docs", "tests", "LICENSE")
"""Files and folders at the top of a tree without an effect on a deployment."""

IGNORED_ENDINGS = (".md", *COMPILED)
"""Endings of documents, and of compiled modules, which are findings of their own."""

REPORTED = ("policies", "review/waivers.yaml", "requirements.txt", "requirements-dev.txt")
"""Files and folders whose changes the report shows in another way."""


def find_outside(stacks: Sequence[str], trees: Trees) -> list[str]:
    """Return the files that differ between base and head and that the review of the stacks does not evaluate.

    A program can read further files. Then the report shows what changes, although it names the file here.
    """
    differing = {file for file in find_differing(*trees) if not _is_ignored(file)}
    # A deployment runs these files as commands, so their import by the program shows nothing of their effect.
    run = {file for file in differing if file.parts[0] in OF_A_DEPLOYMENT}
    changed = differing - run
    base, head = trees
    for tree in trees:
        for name, project in _projects(tree, stacks).items():
            label = name.rpartition("/")[2]
            own = project / "Pulumi.yaml", project / f"Pulumi.{label}.yaml"
            changed.difference_update(file.relative_to(tree) for file in own)
    in_base = _program_files(base, stacks) if changed else set[Path]()
    changed -= in_base
    if new := {file for file in changed if not os.path.lexists(base / file)}:
        # The head may have an import that its program never executes. This makes neither a module of the base
        # a part of the program, nor a new file that a command of the base would import, nor one in a folder
        # of other code, where a new package takes the place of a module with its name.
        imported = new & _program_files(head, stacks, _other_code(base) - in_base)
        own = {file.parts[0] for file in in_base if os.path.lexists(base / file)}
        others = {path.name for path in base.iterdir()} - own
        changed -= {file for file in imported if file.parts[0] not in others}
    return [f"{file}" for file in sorted(changed | run, key=lambda file: _urgency(file, base))]


def _projects(tree: Path, stacks: Sequence[str]) -> dict[str, Path]:
    """Return the folders of the projects of the stacks that a tree has."""
    known = projects(tree)
    return {name: known[name] for name in stacks if name in known}


def _program_files(tree: Path, stacks: Sequence[str], without: Set[Path] = frozenset()) -> set[Path]:
    """Return the files of the programs of the stacks, except for those in `without`."""
    folders = {*_projects(tree, stacks).values()}
    return {file for folder in folders for file in program_files(tree, folder, without)}


def _other_code(tree: Path) -> set[Path]:
    """Return the modules of a tree, and all files that the commands of a deployment would import."""
    modules = {file.relative_to(tree) for file in tree.rglob("*.py")}
    run = [tree / file for file in modules if file.parts[0] in OF_A_DEPLOYMENT]
    return modules | imported_files(tree, tree, run)


def _is_ignored(file: Path) -> bool:
    ignored = (*WITHOUT_EFFECT, *REPORTED)
    return file.suffix in IGNORED_ENDINGS or any(file.is_relative_to(path) for path in ignored)


def _urgency(file: Path, base: Path) -> tuple[bool, bool, int, bool, Path]:
    """Return a sort key that puts what a deployment runs first, and then what the base has."""
    top = file.parts[0]
    is_makefile = file in MAKEFILES
    is_run = is_makefile or top in OF_A_DEPLOYMENT
    is_new = not os.path.lexists(base / file)
    place = OF_A_DEPLOYMENT.index(top) if is_run and not is_makefile else -1
    return not is_run, is_new, place, not file.is_relative_to(WORKFLOWS), file
