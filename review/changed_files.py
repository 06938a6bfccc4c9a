"""Changed files beside the evaluated programs, which a deployment, a tool or a later review may read."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path

from review.findings.guard_findings import weakened
from review.findings.unevaluated_files import COMPILED
from review.model import Finding
from review.programs.command_files import describe_code, describe_imports, is_command
from review.programs.file_states import find_differing, remembered
from review.programs.imports import CODE, all_program_files, imported_files, program_files
from review.project_selection import Trees
from sandbox.workspace.stacks import projects

OF_A_DEPLOYMENT = (
    *(".github", ".ci", "scripts", "Makefile", "operations", "pyproject.toml"),
    *("requirements.txt", "requirements-dev.txt", "requirements.in", "requirements-dev.in"),
    *("tools", "review", "sandbox"),
)
"""Files and folders at the top of a tree that a deployment runs or installs from, most urgent first.

Operations run the review on a preview of a real stack (operations/delivery/preview.py), and the review runs
the sandbox.
"""

COMMANDS = ("operations", "scripts", ".ci", ".github", "review", "tools", "sandbox")
"""Those with Python modules, in the order in which a finding names the one that imports a file."""

MOST_NEW = 40
"""Largest number of new files with a finding of their own. A pull request can add as many as it likes."""

WORKFLOWS = Path(".github", "workflows")
"""Folder of the files that GitHub runs by themselves; nothing else has to name a new one."""

MAKEFILES = "gnumakefile", "makefile"
"""Lower-case names of the files at the top of a tree that make reads (GNU make's manual, section 3.2).

The file system of macOS ignores case, so each form of a name counts.
"""

TESTS = "tests"
"""Folder of the tests, which the checks before a deployment run."""

DOCUMENTS = "docs"
"""Folder of documents, whose commands and examples tests run (tests/support/docs/commands.py: documents)."""

MAIN_DOCUMENT = "readme.md"
"""Lower-case name of the document at the top of a tree whose commands the same tests run."""

WITHOUT_EFFECT = (DOCUMENTS, TESTS)
"""Folders without an effect on a deployment, except for what its commands import or run, and a program."""

LICENSE = Path("LICENSE")
"""A file without an effect. A folder of this name may have any files."""

DOCUMENT = ".md"
"""Ending of documents, which have no effect where the base has them, such as README.md.

Elsewhere, a tool may read one: a workflow shows the report `review.md` of a folder.
"""

NEVER_DATA = ("", DOCUMENT, ".pyi")
"""Endings of new files that are no data of a program: tools read them by names such as HEAD, Dockerfile and
AGENTS.md, and type checkers read a stub (.pyi) in place of a module.
"""

REPORTED = (Path("review/waivers.yaml"),)
"""Files whose changes the report shows in another way."""

POLICIES = "policies"
"""The pack, whose verdicts the report compares."""

COMPARED = "policies/waivers.yaml", "policies/PulumiPolicy.yaml"
"""The files of the pack, beside those of levels, whose changes are findings of their own.

All others are code or data with which the review judges: it imports the rules itself. One may decide which
rules, levels and waivers count in later reviews, such as `policies/__main__.py`, which may name another file
of waivers.
"""

LEVELS = "policies/config"
"""Folder of the files of levels (review/findings/guard_findings.py)."""

OF_NO_PROGRAM = "no program that the review evaluates has it in base and head, and a tool may read it"

OF_THE_PACK = "it may decide what the policies and later reviews find"


def find_changed(trees: Trees) -> set[Path]:
    """Return the files that differ between base and head and may have effects that no report shows."""
    base, _ = trees
    differing = find_differing(*trees)
    others = {file for file in differing if _is_beside_code(file) and file.suffix != DOCUMENT}
    used = others & (_describe_used(trees).keys() | _imported_modules(trees)) if others else set[Path]()
    return used | {
        file for file in differing if not _is_ignored(file, *trees) and not _is_document(file, base)
    }


def read_ahead(trees: Trees) -> None:
    """Read what `find_run` needs, in a process that remembers its trees (file_states.remember_trees)."""
    if find_changed(trees):
        remembered(_describe_imports, *trees)


def find_tests(changed: Set[Path], trees: Trees) -> list[str]:
    """Return the files of the tests that differ, except for the `changed` ones of `find_changed`."""
    return [f"{file}" for file in sorted(find_differing(*trees) - changed) if file.is_relative_to(TESTS)]


def find_documents(changed: Set[Path], trees: Trees) -> list[str]:
    """Return the documents with commands of tests that differ, except for the `changed` files."""
    return [f"{file}" for file in sorted(find_differing(*trees) - changed) if is_run_document(file)]


def find_without_effect(changed: Set[Path], trees: Trees) -> list[str]:
    """Return the other files that differ, which no command and no import names.

    They are those of docs/, documents and LICENSE. A program can read or run them.
    """
    others = {
        file
        for file in find_differing(*trees) - changed
        if not file.is_relative_to(TESTS) and not is_run_document(file)
    }
    return [f"{file}" for file in sorted(others) if not _is_reported(file, *trees)]


def is_run_document(file: Path) -> bool:
    """Return True for a document whose commands and examples tests run, whatever the case of its path."""
    path = Path(f"{file}".casefold())
    return path.suffix == DOCUMENT and (f"{path}" == MAIN_DOCUMENT or path.is_relative_to(DOCUMENTS))


def find_run(changed: Set[Path], trees: Trees) -> dict[Path, str]:
    """Return the changed files that a deployment may run or read beside the programs, with the way.

    A command has the credentials of a person or of a workflow. The review evaluates what the program does
    with a module, which shows nothing of what the same module does in a command. Files of no program count as
    well: make, Go, git and other tools read files by their names.
    """
    if not changed:
        return {}
    ways = {**remembered(_describe_imports, *trees)}
    ways |= {file: "a deployment runs or reads it" for file in changed if _is_run(file, trees)}
    if any(map(_is_beside_code, changed)):
        ways |= _describe_used(trees)
    ways |= {file: OF_THE_PACK for file in changed if is_policy(file) and not _is_compared(file)}
    stacks = {stack for tree in trees for stack in projects(tree)}
    of_no_program = find_outside(stacks, changed - ways.keys(), trees)
    ways |= dict.fromkeys(map(Path, of_no_program), OF_NO_PROGRAM)
    return {
        file: ways[file] for file in sorted(changed, key=lambda file: _urgency(file, trees)) if file in ways
    }


def find_changed_commands(stacks: Sequence[str], run: Mapping[Path, str], base: Path) -> Iterator[Finding]:
    """Yield a finding for each file of `find_run`, but one for all new files beyond the first ones."""
    new = [file for file in run if not os.path.lexists(base / file)]
    omitted = new[MOST_NEW:]
    for file, way in run.items():
        if file not in omitted[1:]:
            verb = "changes" if os.path.lexists(base / file) else "adds"
            these = f"this file and {len(omitted) - 1} more new ones" if file in omitted[:-1] else "this file"
            message = f"the pull request {verb} {these}; {way}"
            if way not in (OF_NO_PROGRAM, OF_THE_PACK):
                message += " with credentials, and the review does not evaluate its commands"
            for stack in stacks:
                yield weakened(stack, f"{file}", message)


def is_policy(file: Path) -> bool:
    """Return True for a file of the policy pack."""
    return file.is_relative_to(POLICIES)


def _is_compared(file: Path) -> bool:
    """Return True for a file of the pack that can have no other effect than the report shows."""
    if file.is_relative_to(LEVELS) and file.suffix.casefold() == ".json":
        return True
    return f"{file}" in COMPARED


def find_outside(stacks: Collection[str], changed: Set[Path], trees: Trees) -> list[str]:
    """Return the changed files that the review of the stacks does not evaluate.

    Those of the policies do not count. A program can read further files. Then the report shows what changes,
    although it names the file here.
    """
    base, head = trees
    changed = {file for file in changed if not is_policy(file)}
    for tree in trees:
        for name, project in _projects(tree, stacks).items():
            label = name.rpartition("/")[2]
            own = project / "Pulumi.yaml", project / f"Pulumi.{label}.yaml"
            changed.difference_update(file.relative_to(tree) for file in own)
    in_base = _program_files(base, stacks) if changed else set[Path]()
    if of_programs := changed & in_base:
        # A program may import a module by a function, which no statement of the head shows.
        kept = _program_files(head, stacks)
        changed -= {file for file in of_programs if file in kept or not os.path.lexists(head / file)}
    if new := {file for file in changed if not os.path.lexists(base / file)}:
        # The head may have an import that its program never executes. This makes neither a module of the base
        # a part of the program, nor a new file that a command of the base would import, nor one in a folder
        # without code of the base's program: there and at the top of the tree, a new package may take the
        # place of a module with its name. Of other new files, only those are data that lie beside data of the
        # base's program with the same ending: git, editors, agents and tools look for names of their own.
        imported = new & _program_files(head, stacks, _other_code(base) - in_base)
        in_base = {file for file in in_base if os.path.lexists(base / file)}
        own = {file.parts[0] for file in in_base}
        kinds = {(file.parent, file.suffix) for file in in_base if file.suffix.casefold() not in NEVER_DATA}
        changed -= {
            file
            for file in imported
            if file.parts[0] in own and (file.suffix in CODE or (file.parent, file.suffix) in kinds)
        }
    return [f"{file}" for file in sorted(changed, key=lambda file: _urgency(file, trees))]


def _describe_imports(base: Path, head: Path) -> dict[Path, str]:
    """Return how the commands of a deployment reach further files, in the base or else in the head."""
    before, after = (describe_imports(tree, COMMANDS, WITHOUT_EFFECT) for tree in (base, head))
    return {**after, **before}


def _describe_used(trees: Trees) -> dict[Path, str]:
    """Return how commands of a deployment reach files of WITHOUT_EFFECT, in the base or else in the head."""
    base, head = (describe_code(tree, COMMANDS, _makefiles(tree), WITHOUT_EFFECT) for tree in trees)
    return {**head, **base}


def _imported_modules(trees: Trees) -> set[Path]:
    """Return the modules that the programs of base and head import."""
    return {file for tree in trees for file in all_program_files(tree) if file.suffix in CODE}


def _makefiles(tree: Path) -> list[str]:
    return [file.name for file in tree.iterdir() if file.name.casefold() in MAKEFILES]


def _is_run(file: Path, trees: Trees) -> bool:
    named = f"{file}".casefold() in MAKEFILES or file.parts[0] in OF_A_DEPLOYMENT
    return named or any(is_command(tree, file) for tree in trees)


def _projects(tree: Path, stacks: Collection[str]) -> dict[str, Path]:
    """Return the folders of the projects of the stacks that a tree has."""
    known = projects(tree)
    return {name: known[name] for name in stacks if name in known}


def _program_files(tree: Path, stacks: Collection[str], without: Set[Path] = frozenset()) -> set[Path]:
    """Return the files of the programs of the stacks, except for those in `without`."""
    folders = {*_projects(tree, stacks).values()}
    return {file for folder in folders for file in program_files(tree, folder, without)}


def _other_code(tree: Path) -> set[Path]:
    """Return the modules of a tree, and all files that the commands of a deployment would import."""
    modules = {file.relative_to(tree) for file in tree.rglob("*.py")}
    packages = {file for file in modules if is_command(tree, file) and not _is_ignored(file, tree)}
    run = [tree / file for file in modules if file.parts[0] in OF_A_DEPLOYMENT or file in packages]
    return modules | imported_files(tree, tree, run)


def _is_ignored(file: Path, *trees: Path) -> bool:
    return file == LICENSE or _is_beside_code(file) or _is_reported(file, *trees)


def _is_beside_code(file: Path) -> bool:
    return any(map(file.is_relative_to, WITHOUT_EFFECT))


def _is_reported(file: Path, *trees: Path) -> bool:
    """Return True for a file that the report shows in another way, such as a finding on compiled modules.

    It shows the content. A link has that of another file, which other people may change from then on.
    """
    is_known = file.suffix in COMPILED or file in REPORTED
    return is_known and not any((tree / file).is_symlink() for tree in trees)


def _is_document(file: Path, base: Path) -> bool:
    return file.suffix == DOCUMENT and os.path.lexists(base / file)


def _urgency(file: Path, trees: Trees) -> tuple[bool, bool, int, bool, Path]:
    """Return a sort key that puts what a deployment runs first, and then what the base has."""
    top = file.parts[0]
    is_run = _is_run(file, trees)
    is_new = not os.path.lexists(trees[0] / file)
    place = OF_A_DEPLOYMENT.index(top) if top in OF_A_DEPLOYMENT else -1
    return not is_run, is_new, place, not file.is_relative_to(WORKFLOWS), file
