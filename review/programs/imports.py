"""The files that a program imports, as its import statements name them."""

import ast
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import Path

from review.jail.regular_files import read_bytes
from sandbox.errors import CommandError

CODE = (".py", ".pyc")
"""Endings of the names of Python's files, which only count if they are imported."""


def program_files(tree: Path, project: Path, without: Set[Path] = frozenset()) -> set[Path]:
    """Return the paths of a project's program, of what it imports or would import, and of the data below.

    Modules in `without` do not count, and neither does what only they import.
    """
    return imported_files(tree, project, [project / "__main__.py"], without)


def imported_files(
    tree: Path, project: Path, code: Iterable[Path], without: Set[Path] = frozenset()
) -> set[Path]:
    """Return a project's code, the files of a tree that it imports or would import, and the data below them.

    Python searches the project's folder and the tree's top folder. The result has every path that a name can
    mean, so that a new file which hides a package is noticed. Modules in `without` do not count.
    """
    own = project.relative_to(tree)
    roots = (own, Path())
    pending = [file.relative_to(tree) for file in code]
    paths = {*pending}
    while pending:
        file = pending.pop()
        for name in _imported_names(tree / file, ".".join(file.parent.parts)):
            parts = name.split(".")
            for root in roots:
                for end in range(1, len(parts) + 1):
                    module = root.joinpath(*parts[:end])
                    for path in {module.with_suffix(".py"), module / "__init__.py"} - paths - without:
                        paths.add(path)
                        if (tree / path).is_file():
                            pending.append(path)
                            paths |= _data_beside(tree, path)
    return paths


def parse(file: Path) -> ast.Module | None:
    """Return the syntax tree of a file with Python; None if Python, or the review, cannot read it."""
    with suppress(CommandError, MemoryError, OSError, RecursionError, SyntaxError, ValueError):
        return ast.parse(read_bytes(file, follow_links=True))
    return None


def _data_beside(tree: Path, file: Path) -> set[Path]:
    """Return the files below a module's folder that are not Python.

    The tree's top folder and that of a project have none: the engine, installers and people's commands run
    there, and read files by their names.
    """
    folder = (tree / file).parent
    if folder == tree or (folder / "Pulumi.yaml").exists():
        return set()
    below = folder.rglob("*")
    return {path.relative_to(tree) for path in below if path.suffix not in CODE and path.is_file()}


def _imported_names(file: Path, package: str) -> Iterator[str]:
    """Yield the names of modules, or of their members, that a file's import statements mention."""
    for node in ast.walk(parse(file) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module:  # An import from above the tree's top folder fails.
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
