"""The files that the commands of a deployment import, or may read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from review.jail.regular_files import read_bytes
from review.programs.imports import CODE, find_importers

PACKAGE = "__init__.py"
"""The module of a package itself. `python -m` imports it before it runs a module in the package's folder."""

MAIN = "__main__.py"
"""The module that `python -m PACKAGE` runs. No import statement has to lead to it."""

RUN_MODULE = re.compile(rb"""-m["']?[\s,]+["']?([A-Za-z_][\w.]*)""")
"""Pattern of a module that Python is told to run, in a line of a shell or in a list of arguments."""

RUN_FILE = re.compile(
    rb"""(?:python[\d.]*|\$\(PY\w*\)|sh|source)["']?"""
    rb"""(?:[\s,]+["']?-\w+["']?)*"""  # options
    rb"""[\s,]+["']?([\w./-]+\.(?:py|sh))\b"""
)
"""Pattern of a file that Python or a shell is told to run."""


def is_command(tree: Path, file: Path) -> bool:
    """Return True if `python -m` runs a file, which is not the program of a project of Pulumi."""
    return file.name == MAIN and not (tree / file.parent / "Pulumi.yaml").exists()


def describe_imports(tree: Path, folders: Sequence[str], without: Sequence[str]) -> Mapping[Path, str]:
    """Return how the commands of a tree reach each file: "operations/drift.py imports it".

    The commands are the modules in `folders` and those for which is_command is True. The result has files
    outside `folders`, also those that a command would import if a tree had them. The modules and folders in
    `without` do not count, and neither does what only they import.
    """
    others = {Path(name) for name in without}
    others |= {file.relative_to(tree) for folder in without for file in (tree / folder).rglob("*.py")}
    packages = [file.relative_to(tree) for file in sorted(tree.rglob(MAIN))]
    commands = [file for folder in folders for file in sorted((tree / folder).rglob("*.py"))]
    commands += [
        tree / file
        for file in packages
        if is_command(tree, file) and file not in others and file.parts[0] not in folders
    ]
    importers = find_importers(tree, tree, commands, others, only_beside_code=True, with_packages=True)
    return {
        file: _describe(file, importer, importers)
        for file, importer in importers.items()
        if importer and file.parts[0] not in folders
    }


def describe_code(
    tree: Path, folders: Sequence[str], texts: Iterable[str], inside: Sequence[str]
) -> dict[Path, str]:
    """Return how the commands of a tree reach the modules in the folders `inside`, which have no commands.

    `texts` are further files, beside all in `folders`, that may name a module for `python -m`, or a file for
    Python or a shell. Data beside the modules does not count.
    """
    files = {file.relative_to(tree) for file in _list_files(tree, inside)}
    named = dict[Path, str]()
    for file in _list_files(tree, (*texts, *folders)):
        for path in _run_files(read_bytes(file)):
            if path in files:
                named.setdefault(path, f"{file.relative_to(tree)} runs it")
    commands = [file for folder in folders for file in sorted((tree / folder).rglob("*.py"))]
    modules = [tree / file for file in named if file.suffix in CODE]
    importers = find_importers(tree, tree, [*commands, *modules], with_packages=True)
    imported = {
        file: _describe(file, importer or file, importers)
        for file, importer in importers.items()
        if any(map(file.is_relative_to, inside)) and file.suffix in CODE
    }
    return {**imported, **named}


def _run_files(text: bytes) -> Iterator[Path]:
    """Yield the files of the modules and the files that a text tells Python or a shell to run.

    A package may take the place of a module with its name, and its `__init__.py` runs before `__main__.py`.
    """
    for match in RUN_MODULE.finditer(text):
        path = Path(*match[1].decode().strip(".").split("."))
        yield from (path.with_suffix(".py"), path / PACKAGE, path / MAIN)
    for match in RUN_FILE.finditer(text):
        yield Path(match[1].decode())


def _list_files(tree: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield the regular files of a tree with these names, or in the folders with these names."""
    for name in names:
        top = tree / name
        for file in sorted(top.rglob("*")) if top.is_dir() else (top,):
            if file.is_file() and not file.is_symlink():
                yield file


def _describe(file: Path, importer: Path, importers: Mapping[Path, Path | None]) -> str:
    command = importer
    while above := importers[command]:
        command = above
    if file.name == PACKAGE and file.parent in command.parents:
        return f"`python -m` imports it for {command}"
    verb = "imports it" if file.suffix in CODE else "may read it"
    return f"{command} {verb}" if command == importer else f"{command} {verb} by way of {importer}"
