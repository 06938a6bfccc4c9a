"""Selection of the stacks under review: those of the root project, and those that a change can affect."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path

from review.jail.regular_files import read_bytes
from review.model import list_first
from sandbox.errors import CommandError
from sandbox.workspace import stacks, yaml_tree

FIRST = ("dev", "stg", "prod")
"""Stacks that come first in a report, in this order."""

MOST_STACKS = 20
"""Largest number of stacks in one review, since each has five processes of its own."""

CODE = (".py", ".pyc")
"""Endings of the names of Python's files, which only count if they are imported."""

STACK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Pattern of the names of stacks and of folders of projects. Pulumi allows these characters in the name of a
stack (pulumi/pulumi, ValidateStackName). Names that a command would read as an option are excluded.
"""

WAIVERS = Path("waivers.yaml")
"""File of the policy pack whose changes the review finds without an evaluation."""

LIMITS = ("aws:allowedAccountIds", "aws:config:allowedAccountIds")
"""Names of the setting of a stack that limits the provider of AWS to accounts. The engine takes both
(pulumi/pulumi, sdk/go/common/resource/config/key.go: ParseKey).
"""

ACCOUNT = re.compile(r"[0-9]{12}")
"""Pattern of an account. Parsers read other forms of a number, such as `0x1F`, as an account, too."""

Trees = tuple[Path, Path]

Accounts = Mapping[str, Set[str]]
"""Accounts by stack; a stack without accounts may be on any."""

Projects = Mapping[str, tuple[Path | None, Path | None]]
"""Folders of each stack's project in base and head."""


def select_stacks(trees: Trees, names: Sequence[str] = ()) -> Projects:
    """Return the projects of the named stacks in base and head.

    Without names, the result contains the stacks of the root project, and the stacks of other projects that
    differ between base and head, in their own files or in those that they import. If the policies differ, it
    contains all stacks, since a changed rule may concern resources of any project. Raises CommandError for an
    unknown or invalid name, and for more than MOST_STACKS stacks.
    """
    base, head = map(stacks.projects, trees)
    known = {name: (base.get(name), head.get(name)) for name in sorted(base | head, key=order)}
    missing = sorted({*names} - {*known})
    if missing:
        raise CommandError(f"no stack is called {missing[0]!r}. Stacks: {', '.join(known)}")
    if names:
        selected = {name: projects for name, projects in known.items() if name in names}
    else:
        policies = [read_content(tree / "policies") for tree in trees]
        for content in policies:
            content.pop(WAIVERS, None)
        all_differ = policies[0] != policies[1]
        changed = {projects: all_differ or _differs(projects, trees) for projects in {*known.values()}}
        selected = {name: projects for name, projects in known.items() if changed[projects]}
    _require_valid(selected)
    if len(selected) > MOST_STACKS:
        raise CommandError(
            f"{len(selected)} stacks would be reviewed; at most {MOST_STACKS} can be. Name them with --stack."
        )
    return selected


def find_neighbours(trees: Trees, selected: Collection[str]) -> dict[str, Path]:
    """Return the projects in the base of further stacks that may be on an account of the selected ones.

    Raises CommandError if one has an invalid name, and for more than MOST_STACKS stacks with the selected
    ones: a stack that is left out may have an object that the head creates.
    """
    known, accounts = stacks.projects(trees[0]), find_accounts(trees)
    others = sorted(known.keys() - {*selected})
    neighbours = [
        other for other in others if any(may_be_on_one_account(other, name, accounts) for name in selected)
    ]
    _require_valid(neighbours)
    if (count := len(selected) + len(neighbours)) > MOST_STACKS:
        raise CommandError(
            f"{count} stacks would be evaluated, {len(neighbours)} of them because they are on an account of "
            f"the others: {list_first(neighbours)}; at most {MOST_STACKS} can be. Name fewer with --stack."
        )
    return {name: known[name] for name in neighbours}


def find_accounts(trees: Trees) -> Accounts:
    """Return the accounts of AWS to which the files of each stack limit the provider, in base or head.

    A file that cannot be read, or with another form of an account, limits it to none that is known.
    """
    files: dict[str, dict[bytes | None, Path]] = {}
    for tree in trees:
        for name, project in stacks.projects(tree).items():
            file = project / f"Pulumi.{name.rpartition('/')[2]}.yaml"
            files.setdefault(name, {})[read_file(file)] = file
    return {
        name: frozenset[str]().union(*map(_accounts_in, contents.values()))
        for name, contents in files.items()
    }


def _accounts_in(file: Path) -> Set[str]:
    with suppress(CommandError, OSError, RecursionError):
        tree = yaml_tree.read(file)
        settings = yaml_tree.members(tree["config"]) if "config" in tree else {}
        limits = [yaml_tree.serialize(node) for key, node in settings.items() if key in LIMITS]
        accounts = {account for limit in limits for account in re.findall(r"\w+", limit)}
        return accounts if all(map(ACCOUNT.fullmatch, accounts)) else frozenset()
    return frozenset()


def may_be_on_one_account(stack: str, other: str, accounts: Accounts) -> bool:
    """Return True if two stacks have one account of AWS, or if only one of them names its accounts.

    Stacks of one name, such as `dev` and `foundation/dev`, count as stacks of one account.
    """
    limits, other_limits = (accounts.get(name, frozenset[str]()) for name in (stack, other))
    is_namesake = stack.rpartition("/")[2] == other.rpartition("/")[2]
    return is_namesake or bool(limits & other_limits) or bool(limits) != bool(other_limits)


def order(stack: str) -> tuple[int, str]:
    """Return a sort key for the stacks of a report."""
    return FIRST.index(stack) if stack in FIRST else len(FIRST), stack


def _require_valid(names: Iterable[str]) -> None:
    """Raise CommandError for a name of a stack that a command could misread."""
    for name in names:
        if not all(map(STACK_NAME.fullmatch, name.split("/"))):
            raise CommandError(
                f"the stack {name!r} cannot be reviewed. Its name and its folder may have at most 100 "
                "characters: letters, digits, `_`, `-` and `.`, and neither `-` nor `.` at the start."
            )


def _differs(projects: tuple[Path | None, Path | None], trees: Trees) -> bool:
    """Return True for the root project, and for a project whose files or imports differ in base and head."""
    base, head = projects
    if {*projects} & {*trees} or base is None or head is None:
        return True
    if read_content(base) != read_content(head):
        return True
    # The project's own code is the same, so the imports of the base are those of the head, until a file that
    # they name differs. But the head may have new data beside a module, which a program can list.
    paths = imported_files(trees[0], base, base.rglob("*.py"))
    paths |= imported_files(trees[1], head, head.rglob("*.py"))
    return any(read_file(trees[0] / path) != read_file(trees[1] / path) for path in paths)


def read_content(folder: Path) -> dict[Path, bytes | None]:
    """Return the content of the files in a folder, and in the folders to which its links lead."""
    return {file.relative_to(folder): read_file(file) for file in _files(folder, set())}


def _files(folder: Path, visited: set[Path]) -> Iterator[Path]:
    """Yield the files and links in a folder, and those in the folders to which links lead, each once."""
    if not folder.is_dir() or folder.resolve() in visited:
        return
    visited.add(folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir():
            yield path
        yield from _files(path, visited)


def read_file(path: Path) -> bytes | None:
    """Return the content of a file; the target of a link to a folder; None if there is no file."""
    with suppress(OSError, CommandError):
        return read_bytes(path, follow_links=True)
    return bytes(path.readlink()) if path.is_symlink() else None


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


def _data_beside(tree: Path, file: Path) -> set[Path]:
    """Return the files below a module's folder that are not Python; none for the tree's top folder."""
    if file.parent == Path():
        return set()
    below = (tree / file).parent.rglob("*")
    return {path.relative_to(tree) for path in below if path.suffix not in CODE and path.is_file()}


def _imported_names(file: Path, package: str) -> Iterator[str]:
    """Yield the names of modules, or of their members, that a file's import statements mention.

    A file that Python cannot read mentions none: the program fails if it imports it.
    """
    tree = ast.Module([], [])
    with suppress(CommandError, MemoryError, OSError, RecursionError, SyntaxError, ValueError):
        tree = ast.parse(read_bytes(file, follow_links=True))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module:  # An import from above the tree's top folder fails.
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
