"""The preparation of a stack's folder before the engine runs."""

import json
import secrets
import shutil
from collections.abc import Collection, Mapping

from sandbox.commands import parser_comparison
from sandbox.engine import lock
from sandbox.engine.process import Session
from sandbox.errors import CommandError
from sandbox.workspace import stack_files
from sandbox.workspace.stack_files import GENERATED_SECRETS
from sandbox.workspace.stacks import Stack

REQUIRED_MEGABYTES = 64
"""Free disk space below which no command starts. On a full disk, the engine would truncate its state."""


def require_disk_space(stack: Stack) -> None:
    """Raise CommandError if the disk of the stack's folder has less than REQUIRED_MEGABYTES left."""
    free = shutil.disk_usage(stack.folder).free >> 20
    if free < REQUIRED_MEGABYTES:
        raise CommandError(
            f"the disk of {stack.folder} has only {free} MB left, and {REQUIRED_MEGABYTES} MB are needed. "
            "Free some space."
        )


def prepare(
    session: Session,
    settings: Mapping[str, str],
    *,
    throwaway: bool,
    random_secrets: Collection[str] | None = None,
    compare_parsers: bool = False,
) -> None:
    """Prepare the folder, the stack and its secrets; remove the locks that killed runs left.

    `random_secrets` are the settings that get a random value if the stack file lacks them, by default the
    secrets of the schema.
    With `compare_parsers`, raise CommandError if the engine reads the tracked files differently.
    """
    stack, progress = session.stack, session.progress
    missing_secrets = stack_files.prepare(stack, settings, random_secrets=random_secrets)
    for owner in lock.remove_dead_locks(stack.locks):
        progress.step(f"removed the lock of a dead process: {owner}")
    if not stack.checkpoint.exists():
        progress.step(f"creating stack {stack.label}: {stack.folder}")
        session.call("stack", "init")
    if compare_parsers:
        parser_comparison.require_equal(session)
    if missing_secrets:
        progress.step(f"setting random secrets: {', '.join(missing_secrets)}")
    # RDS, Datadog and HTTP headers all accept hexadecimal digits.
    values = {key: secrets.token_hex(16) for key in missing_secrets}
    if throwaway and values:
        # The review masks these values in its report.
        with (stack.folder / GENERATED_SECRETS).open("a") as file:
            file.writelines(f"{value} {json.dumps(key)}\n" for key, value in values.items())
        # They are random and protect only a state that is thrown away, so they may be arguments. Each run of
        # `pulumi` derives the key from the passphrase again, which takes a third of a second.
        session.call("config", "set-all", *(f"--secret={key}={value}" for key, value in values.items()))
        return
    for key, value in values.items():
        session.call("config", "set", "--secret", key, standard_input=value)
