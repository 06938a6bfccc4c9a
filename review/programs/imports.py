"""The files that a program imports, as its import statements name them."""

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from review.jail.regular_files import read_bytes
from sandbox.errors import CommandError
from sandbox.workspace.stacks import projects

CODE = (".py", ".pyc")
"""Endings of the names of Python's files, which only count if they are imported."""

OF_TOOLS = (
    *("ruff.toml", "pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", "pyrightconfig.json"),
    *("package.json", "package-lock.json", "go.mod", "go.sum", "go.work", "makefile", "gnumakefile"),
    *("pytest.toml", "uv.toml", "mise.toml", "tsconfig.json"),
    *("compose.yaml", "compose.yml", "compose.override.yaml", "compose.override.yml"),
    *("docker-compose.yaml", "docker-compose.yml"),
    *("docker-compose.override.yaml", "docker-compose.override.yml"),
)
"""Lower-case names of files that linters, installers, compilers, task runners and Docker Compose read in the
folder of code, or above (docker/compose-go, cli/options.go: DefaultFileNames, DefaultOverrideFileNames).
"""


def all_program_files(tree: Path) -> set[Path]:
    """Return the paths of the files of all programs of a tree."""
    return {file for folder in {*projects(tree).values()} for file in program_files(tree, folder)}


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
    return {*find_importers(tree, project, code, without)}


def find_importers(
    tree: Path,
    project: Path,
    code: Iterable[Path],
    without: Set[Path] = frozenset(),
    *,
    only_beside_code: bool = False,
    with_packages: bool = False,
) -> dict[Path, Path | None]:
    """Return the files of `imported_files`, each with the module that leads to it first; `code` has none.

    With `only_beside_code`, data does not count if all modules in its folder, and above, are empty. With
    `with_packages`, those around `code` count as well, which `python -m` imports before it runs a module.
    """
    roots = {project.relative_to(tree), Path()}
    importers: dict[Path, Path | None] = {file.relative_to(tree): None for file in code}
    names: set[str] = set()
    folders: set[Path] = set()
    pending = deque(importers)
    while pending:
        file = pending.popleft()
        package = ".".join(file.parent.parts)
        is_start = importers[file] is None
        packages = (package,) if with_packages and is_start else ()
        for name in (*_imported_names(tree / file, package), *packages):
            if name in names:
                continue
            names.add(name)
            parts = name.split(".")
            if not all(parts):
                continue  # A package in a folder whose name has a dot cannot be imported.
            for root in roots:
                for end in range(1, len(parts) + 1):
                    module = root.joinpath(*parts[:end])
                    for path in (module.with_suffix(".py"), module / "__init__.py"):
                        if path in importers or path in without:
                            continue
                        importers[path] = file
                        if not (tree / path).is_file():
                            continue
                        pending.append(path)
                        if path.parent not in folders and (not only_beside_code or _has_code(tree / path)):
                            folders.add(path.parent)
                            for data in _data_beside(tree, path) - importers.keys():
                                importers[data] = path
    return importers


def parse(file: Path) -> ast.Module | None:
    """Return the syntax tree of a file with Python; None if Python, or the review, cannot read it."""
    with suppress(CommandError, MemoryError, OSError, RecursionError, SyntaxError, ValueError):
        return ast.parse(read_bytes(file, follow_links=True))
    return None


def _has_code(file: Path) -> bool:
    """Return True if a module has more than its docstring, or if nobody can tell."""
    module = parse(file)
    return module is None or any(
        not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant) for node in module.body
    )


def _data_beside(tree: Path, file: Path) -> set[Path]:
    """Return the files below a module's folder that are not Python, and that no tool reads by their names.

    Tools read hidden files and OF_TOOLS. The tree's top folder and that of a project have no data: the
    engine, installers and people's commands run there, and read files by their names.
    """
    folder = (tree / file).parent
    if folder == tree or (folder / "Pulumi.yaml").exists():
        return set()
    below = (path for path in folder.rglob("*") if path.suffix not in CODE and path.is_file())
    return {path.relative_to(tree) for path in below if not _is_of_a_tool(path.relative_to(folder))}


def _is_of_a_tool(file: Path) -> bool:
    return file.name.casefold() in OF_TOOLS or any(part.startswith(".") for part in file.parts)


def _imported_names(file: Path, package: str) -> tuple[str, ...]:
    """Return the names of modules, or of their members, that a file's import statements mention."""
    with suppress(CommandError, OSError):
        return _names_in(read_bytes(file, follow_links=True), package)
    return ()


@lru_cache(4096)
def _names_in(content: bytes, package: str) -> tuple[str, ...]:
    """Return the names in the content of a module of a package; base and head share most modules."""
    names: dict[str, None] = {}
    for node in _statements(content):
        if isinstance(node, ast.Import):
            names |= {alias.name: None for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            folders = package.split(".") if package else []
            above = folders[: max(len(folders) - node.level + 1, 0)] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module:  # An import from above the tree's top folder fails.
                names[module] = None
                names |= {f"{module}.{alias.name}": None for alias in node.names}
    return (*names,)


def _statements(content: bytes) -> Iterator[ast.AST]:
    """Yield all statements of a module, also those in others; none if Python cannot read it."""
    pending: list[ast.AST] = []
    with suppress(MemoryError, RecursionError, SyntaxError, ValueError):
        pending.append(ast.parse(content))
    while pending:
        node = pending.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending += getattr(node, name, ())
