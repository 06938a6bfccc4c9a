"""Migrations of the service's versions, and the migrations that a rollback undoes."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from operations.lib import stack_file
from operations.lib.command_line import ROOT, Options
from operations.lib.command_runner import CommandRunner
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes.releases import Releases

FOLDER = "migrations"
SCRIPTS = (".js", ".cjs", ".mjs", ".ts")
DOWN = re.compile(r"\bdown\b")
"""Pattern of the word `down` in a script that can undo its migration."""


def source() -> Path:
    """Return the folder with the checkout of the service, which the variable APP names (default: app)."""
    return (ROOT / (os.environ.get("APP") or "app")).resolve()


def is_checked_out(runner: CommandRunner, version: str) -> bool:
    """Return True if the service's checkout is at the tag or commit of a version and has no changes."""
    git = ("git", "-C", str(source()))
    for name in (version, f"v{version}"):
        with contextlib.suppress(FailedError):
            commit = runner.read(*git, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            changed = runner.read(*git, "status", "--porcelain", "--untracked-files=no", "--", ".")
            return runner.read(*git, "rev-parse", "HEAD") == commit and not changed
    return False


def list_migrations(source: Path) -> tuple[str, ...] | None:
    """Return the migrations of a checkout in order; None if the checkout has no folder of migrations.

    The name of a migration that cannot be undone ends in `!`. A script can be undone if it contains the word
    `down`. `x.up.sql` can be undone if `x.down.sql` exists.
    """
    folder = source / FOLDER
    return tuple(sorted(_names(folder))) if folder.is_dir() else None


def known_migrations(
    runner: CommandRunner, options: Options, new: str, releases: Releases
) -> tuple[str, ...] | None:
    """Return the migrations of the version to deploy; None if they are unknown.

    A sandbox's image is not built, so its migrations are read from the service's checkout. Without a
    checkout, the result is empty.
    """
    if options.target == "sandbox":
        return list_migrations(source()) or ()
    recorded = releases.migrations(new)
    if is_checked_out(runner, stack_file.version(new)):
        return list_migrations(source()) or recorded
    return recorded


def _names(folder: Path) -> Iterator[str]:
    for file in folder.iterdir():
        if file.suffix in SCRIPTS:
            yield file.stem + ("" if DOWN.search(file.read_text(errors="replace")) else "!")
        elif file.name.endswith(".up.sql"):
            name = file.name.removesuffix(".up.sql")
            yield name + ("" if (folder / f"{name}.down.sql").exists() else "!")
        elif file.suffix == ".sql" and not file.name.endswith(".down.sql"):
            yield f"{file.stem}!"


@dataclass(frozen=True)
class Schema:
    """A change to the database schema that a rollback makes."""

    undo_to: str | None
    """Last migration that remains applied; None if the database stays as it is."""
    description: str
    kept: bool = False
    """True if the database has, or may have, migrations that the older version does not know.

    The older version's migrations are then not run, since tools such as knex refuse unknown migrations."""


def between(newer: Sequence[str] | None, older: Sequence[str] | None, *, keep: bool) -> Schema:
    """Return the change from the newer version's schema to the older version's schema.

    If `keep` is true, migrations that cannot be undone are kept, with the whole newer schema. If it is false,
    they raise RefusedError.
    """
    if newer is None or older is None:
        return keep_schema(keep, "the migrations between the two versions are not recorded")
    names = {name.removesuffix("!") for name in older}
    added = [name for name in newer if name.removesuffix("!") not in names]
    if not added:
        return Schema(None, "the two versions have the same migrations")
    if lasting := [name.removesuffix("!") for name in added if name.endswith("!")]:
        return keep_schema(keep, f"these migrations cannot be undone: {', '.join(lasting)}")
    if not older:
        return keep_schema(keep, "the older version has no migration to go back to")
    last = older[-1].removesuffix("!")
    match = re.match(r"\d+", last)
    return Schema(match[0] if match else last, f"migrations to undo: {', '.join(added)}")


def keep_schema(keep: bool, why: str) -> Schema:
    """Return a change that keeps the schema, for the reason `why`; refuse it unless `keep` is true."""
    if not keep:
        raise RefusedError(
            f"{why}. If the older version works on the newer schema, add --keep-schema; otherwise restore a"
            " backup (scripts/restore.sh), or fix the newer version"
        )
    return Schema(None, f"{why}; the database does not change", kept=True)
