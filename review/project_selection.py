"""Selection of the stacks under review, and of those that may have objects on their accounts."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path

from review.model import list_first
from review.programs.file_states import Digests, FileState, read_state
from sandbox.errors import CommandError
from sandbox.workspace import stacks, yaml_tree

FIRST = ("dev", "stg", "prod")
"""Stacks that come first in a report, in this order."""

MOST_STACKS = 20
"""Largest number of stacks in one review, since each has five processes of its own."""

STACK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
"""Pattern of the names of stacks. Pulumi allows these characters and dots (pulumi/pulumi, ValidateStackName).
Excluded are names that a command would read as an option, and dots, since the commands of operations take
Pulumi.dev.old.yaml for a file of the stack dev.
"""

FOLDER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Pattern of the names of folders of projects, such as `infra.v2`."""

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
    """Return the projects of the named stacks in base and head; without names, those of all stacks.

    No stack is left out because its program looks unchanged: a program can read any file of its tree. Raises
    CommandError for an unknown or invalid name, and for more than MOST_STACKS stacks.
    """
    base, head = map(stacks.projects, trees)
    known = {name: (base.get(name), head.get(name)) for name in sorted(base | head, key=order)}
    missing = sorted({*names} - {*known})
    if missing:
        raise CommandError(f"no stack is called {missing[0]!r}. Stacks: {', '.join(known)}")
    selected = {name: projects for name, projects in known.items() if not names or name in names}
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
    digests: Digests = {}
    files: dict[str, dict[FileState | None, Path]] = {}
    for tree in trees:
        for name, project in stacks.projects(tree).items():
            file = project / f"Pulumi.{name.rpartition('/')[2]}.yaml"
            files.setdefault(name, {})[read_state(file, digests)] = file
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
        *folders, label = name.split("/")
        if not STACK_NAME.fullmatch(label) or not all(map(FOLDER_NAME.fullmatch, folders)):
            raise CommandError(
                f"the stack {name!r} cannot be reviewed. Its name and its folder may have at most 100 "
                "characters: letters, digits, `_` and `-`, and no `-` at the start. The folder may have "
                "dots, but not at the start."
            )
