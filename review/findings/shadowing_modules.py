"""Findings about new modules that a deployment imports in place of those of Python or of a package."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import PathFinder, all_suffixes
from pathlib import Path

from review.findings.guard_findings import weakened
from review.model import Finding
from sandbox.workspace.stacks import projects

AT_START = ("sitecustomize", "usercustomize")
"""Modules that Python imports at its start (https://docs.python.org/3/library/site.html)."""

PACKAGES = ("site-packages", "dist-packages")
"""Names of the folders on sys.path that contain installed packages."""


def find_shadowing(stacks: Sequence[str], base: Path, head: Path) -> Iterator[Finding]:
    """Yield a finding for each module that the head adds to a project's folder with an existing name.

    Python looks for modules in the folder of the program first
    (https://docs.python.org/3/library/sys.html#sys.path). The review has imported its packages before it adds
    this folder, so the program that it evaluates gets the packages and not the modules of the pull request.
    """
    folders = {project.relative_to(head) for project in projects(head).values()}
    for folder in sorted({Path(), *folders}):
        # Programs of other projects have the root on sys.path, too.
        own = [name for name in stacks if f"{folder}" == name.rpartition("/")[0]] or stacks
        existing = _modules(base / folder)
        for name, entry in sorted(_modules(head / folder).items()):
            if name in existing or not (place := _replaced(name, head / folder / entry)):
                continue
            message = (
                f"the pull request adds this module; a deployment imports it in place of {place}, and the"
                " review does not evaluate it"
            )
            for stack in own:
                yield weakened(stack, f"{folder / entry}", message)


def _modules(folder: Path) -> dict[str, str]:
    """Return the files and folders that Python can import from a folder, by the names of their modules."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return {
        entry.name.partition(".")[0]: entry.name
        for entry in sorted(entries)
        if (entry.is_dir() and "." not in entry.name) or entry.name.endswith(tuple(all_suffixes()))
    }


def _replaced(name: str, entry: Path) -> str:
    """Return a description of the module that a file or folder would replace; empty if there is none.

    A folder without `__init__` replaces only packages that are such folders themselves (PEP 420).
    """
    is_module = entry.is_file() or any(entry.glob("__init__.*"))
    if is_module and name in (*sys.stdlib_module_names, *AT_START):
        return f"Python's module {name}"
    spec = PathFinder.find_spec(name, _packages(sys.path))
    return f"the installed package {name}" if spec and (is_module or not spec.origin) else ""


def _packages(path: Iterable[str]) -> list[str]:
    return [entry for entry in path if Path(entry).name in PACKAGES]
