"""What the commands do, in order."""

import gc
import os
import secrets
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sandbox import summary, target_selection, workspace
from sandbox.clouds import process
from sandbox.clouds.process import Targets
from sandbox.engine import lock, policy_pack, relay
from sandbox.engine.process import DONE, Session
from sandbox.errors import CommandError
from sandbox.progress import Progress, name_of
from sandbox.summary import Phase
from sandbox.toolchain import plugins
from sandbox.workspace import Stack

NEEDED_MEGABYTES = 64
"""Free disk space below which nothing is begun: on a full disk the engine cuts its own state short."""

SETTLE_SECONDS = 1.0  # how long a request of a run that was killed may still be at work in a target

Serve = Callable[[Path, Targets | None], AbstractContextManager[dict[str, int]]]
"""Starts the providers of a stack's folder, with what is behind them; gives the port of each package."""

FindUnrecorded = Callable[[Targets, Iterable[dict[str, Any]], list[dict[str, Any]]], dict[str, str]]
"""What creations that were cut off have left in the targets: ids by URN, of those and a state."""


def perform(session: Session, serve: Serve, find_unrecorded: FindUnrecorded | None, args: Namespace) -> int:
    """Run `up`, `preview`, `refresh` or `down`; return the exit code."""
    stack, progress, operation = session.stack, session.progress, args.command
    if (free := shutil.disk_usage(stack.folder).free >> 20) < NEEDED_MEGABYTES:
        raise CommandError(
            f"{stack.folder} has {free} MB left on its disk; free {NEEDED_MEGABYTES} MB or more."
        )
    gc.set_threshold(50_000, 50, 50)  # by default a third of an up goes into walks through the SDKs' objects
    torn = workspace.mend_state(stack)
    begun = any(workspace.state(stack, part) for part in ("resources", "pending_operations"))
    if operation == "down" and not begun and process.running(stack.folder) is None:
        progress.say(f"{stack.name} is not up: there is nothing to destroy.")
        return DONE
    protected = _protected(stack) if operation == "down" else set[str]()
    if protected and not args.yes:
        _confirm(stack, protected, progress)
    targets = target_selection.find(stack, args.targets, progress) if find_unrecorded else None
    installed = plugins.find(targets, progress) if args.providers == "real" else plugins.NONE
    for name in filter(workspace.OF_CALLERS.match, list(os.environ)):
        del os.environ[name]
    if torn:
        progress.step("a full disk has cut the state short: taking the one of before that run")
    _make_ready(session, installed.settings, args.throwaway)
    mild, judged = args.throwaway and operation == "up", args.policies and operation in ("up", "preview")
    pack = policy_pack.flags(stack, advisory=mild) if judged else []
    with serve(stack.folder, targets) as served, relay.open_relay(served) as (ports, session.announce_engine):
        session.ports = {name: port for name, port in ports.items() if name not in installed.programs}
        session.more = installed.environment | (workspace.VARIABLES["throwaway"] if args.throwaway else {})
        # What somebody changed or deleted by hand is put back, as scripts/deploy.sh does on real stacks.
        # Without targets there is nothing to compare with, and a throwaway state is left as it is.
        real = targets is not None or find_unrecorded is None
        compare = ["--refresh"] if begun and real and not args.throwaway else []
        if operation == "preview":
            flags = ["--json", "--show-sames", *compare, *pack]
            return _finish(session, operation, *session.operate(operation, *flags))
        if (settled := _settle(session, targets, find_unrecorded)) != DONE:
            return settled
        if operation == "down":
            return _down(session, args, installed.settings)
        flags = ["--skip-preview"] if mild or operation == "refresh" else []
        flags += compare if operation == "up" else []
        return _finish(session, operation, *session.operate(operation, "--yes", *flags, *pack))


def clean(stack: Stack, progress: Progress) -> int:
    """Delete the stack's folder."""
    if stack.folder.exists():
        progress.doing("ending the targets")
        with lock.hold(stack.folder, "clean"):
            process.stop(stack.folder)
            shutil.rmtree(stack.folder)
    progress.say(f"{stack.folder} is gone; the next up starts from nothing.")
    return DONE


def _make_ready(session: Session, settings: dict[str, str], throwaway: bool) -> None:
    """The folder, the stack and its secrets, and nothing left over from a run that was killed."""
    stack, progress = session.stack, session.progress
    missing = workspace.prepare(stack, settings)
    for who in lock.clear_dead(stack.locks):
        progress.step(f"removed the lock of a run that is dead: {who}")
    if not stack.checkpoint.exists():
        progress.step(f"making stack {stack.name}: {stack.folder}")
        session.call("stack", "init")
    if missing:
        progress.step(f"entering random secrets: {', '.join(missing)}")
    for key in missing:
        # Hexadecimal: fits what RDS, Datadog and HTTP headers allow.
        session.call("config", "set", "--secret", key, given=(value := secrets.token_hex(16)))
        if throwaway:  # for whoever has to mask them
            with (stack.folder / "hidden").open("a") as hidden:
                hidden.write(f"{value}\n")


def _settle(session: Session, targets: Targets | None, find_unrecorded: FindUnrecorded | None) -> int:
    """Enter what a killed run did create into the state, as a person would import it; drop the rest."""
    stack = session.stack
    pending = workspace.state(stack, "pending_operations")
    if not pending:
        return DONE
    names = sorted(f"{each['type']} {name_of(each['resource']['urn'])}" for each in pending)
    session.progress.step(f"the last run was cut off while {', '.join(names)}; refreshing first")
    if targets and find_unrecorded:
        creating = (each["resource"] for each in pending if each["type"] == "creating")
        time.sleep(SETTLE_SECONDS)
        found = find_unrecorded(targets, creating, workspace.state(stack, "resources"))
        workspace.adopt(stack, found)
        for urn, ident in found.items():
            session.progress.step(f"{name_of(urn)} was created before: it is {ident}")
    code, phase = session.operate("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    return code if code == DONE else _finish(session, "refresh", code, phase)


def _protected(stack: Stack) -> set[str]:
    """Return the names of the resources that Pulumi, or the API that holds them, refuses to delete."""
    resources = workspace.state(stack, "resources")
    return {name_of(each["urn"]) for each in resources if each.get("protect") or _is_lasting(each)}


def _is_lasting(resource: dict[str, Any]) -> bool:
    """Return True if the API itself refuses to delete the resource."""
    return bool(resource.get("inputs", {}).get("deletionProtection"))


def _confirm(stack: Stack, protected: set[str], progress: Progress) -> None:
    """Have the stack's name typed before what is protected goes; nothing real can: it is a sandbox's copy."""
    progress.say(
        f"{stack.name} is protected: {', '.join(sorted(protected))}.\n"
        f"This destroys the sandbox's copy in {stack.folder} and nothing else; the stack file stays as it is."
    )
    by_flag = f"make down STACK={stack.name} FLAGS=--yes"
    if not sys.stdin.isatty():
        raise CommandError(
            f"nothing was destroyed: there is no terminal to confirm it on. Add --yes: {by_flag}"
        )
    if progress.ask(f"Type {stack.name} to destroy it: ") != stack.name:
        raise CommandError(f"nothing was destroyed: not confirmed. Without a question: {by_flag}")


def _down(session: Session, args: Namespace, settings: Mapping[str, str]) -> int:
    """Destroy all that the stack has; what is protected was confirmed."""
    stack = session.stack
    if _protected(stack):
        session.call("state", "unprotect", "--all", "--yes")
    lasting = [each["urn"] for each in workspace.state(stack, "resources") if _is_lasting(each)]
    if lasting:
        session.progress.step(f"switching deletion protection off: {', '.join(map(name_of, lasting))}")
        workspace.prepare(stack, settings, protect=False)
        targeted = [f"--target={urn}" for urn in lasting]
        code, phase = session.operate("up", "--yes", "--skip-preview", *targeted)
        if code != DONE:
            return _finish(session, "down", code, phase)
        session.call("state", "unprotect", "--all", "--yes")
    code = _finish(session, "down", *session.operate("destroy", "--yes", "--skip-preview"))
    if code == DONE and not args.keep_targets:
        session.progress.doing("ending the targets")
        process.stop(stack.folder)
    return code


def _finish(session: Session, operation: str, code: int, phase: Phase) -> int:
    """Tell how it ended, and keep it; the exit code."""
    stack, progress = session.stack, session.progress
    file = stack.folder / "summary.json"
    summary.write(file, stack.name, operation, phase, progress.seconds)
    summary.tell(phase, progress, stack=stack, operation=operation, code=code, file=file)
    return code
