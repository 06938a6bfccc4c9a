"""The steps of the commands up, preview, refresh, down and clean."""

import gc
import os
import secrets
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import summary, target_selection, waits
from sandbox.clouds import process
from sandbox.engine import lock, policy_pack, relay
from sandbox.engine.process import DONE, FAILED, Session
from sandbox.errors import CommandError
from sandbox.progress import Progress, name_of
from sandbox.summary import Phase
from sandbox.toolchain import plugins
from sandbox.wire.targets import Targets
from sandbox.workspace import stack_files, state
from sandbox.workspace.environment import ACCOUNT_VARIABLE, VARIABLES
from sandbox.workspace.stack_files import GENERATED_SECRETS
from sandbox.workspace.stacks import Stack, required_stack, stacks_in

REQUIRED_MEGABYTES = 64
"""Free disk space below which no command starts. On a full disk, the engine would truncate its state."""

STAND_INS_HINT = "PROVIDERS=stand-ins runs the same command with the sandbox's own providers."

SETTLE_SECONDS = 1.0
"""Seconds for which a target may still handle a request from a killed run."""

Serve = Callable[[Path, Targets | None], AbstractContextManager[dict[str, int]]]
"""A function that starts the providers for a stack's folder and targets, and yields each package's port."""

FindUnrecorded = Callable[[Targets, Iterable[dict[str, Any]], list[dict[str, Any]]], dict[str, str]]
"""A function that finds the resources that interrupted creations left; see providers.server."""


def perform(
    session: Session, serve: Serve, find_unrecorded: FindUnrecorded | None, options: Namespace
) -> int:
    """Run `up`, `preview`, `refresh` or `down`; return the exit code.

    If `find_unrecorded` is None, the providers that `serve` starts need no targets.
    """
    stack, progress, operation = session.stack, session.progress, options.command
    _require_disk_space(stack)
    # With Python's defaults, garbage collection of the SDKs' objects takes a third of the time of an `up`.
    gc.set_threshold(50_000, 50, 50)
    if repair := state.repair_truncated(stack):
        progress.step(repair)
    has_state = state.has_content(stack)
    if operation == "down":
        if not has_state and (process.find_running(stack.sandbox) is None or _others_with_state(stack)):
            progress.say(f"{stack.label} is not up: there is nothing to destroy.")
            return DONE
        if not options.yes:
            _confirm(stack, progress)
        state.unmark_up(stack)
    targets = target_selection.find(stack, options.targets, progress) if find_unrecorded else None
    waits.set_clock(stack.sandbox, targets, options.clock)
    progress.doing("starting the providers")
    # The limits of plugins are in real time, so only PROVIDERS=real combines plugins with the clock.
    on_clock = options.clock is not None and options.providers == plugins.AUTO
    choice = plugins.STAND_INS if on_clock else options.providers
    installed = plugins.choose(choice, session.engine, stack, targets, progress)
    for name in filter(ACCOUNT_VARIABLE.match, list(os.environ)):
        del os.environ[name]
    _prepare(session, installed.settings, throwaway=options.throwaway)
    throwaway_up = options.throwaway and operation == "up"
    pack: list[str] = []
    if options.policies and operation in ("up", "preview"):
        pack = policy_pack.flags(stack, options.policies_of or stack.root, advisory=throwaway_up)
    with serve(stack.folder, targets) as served, relay.open_relay(served) as (ports, announce_engine):
        session.announce_engine = announce_engine
        session.ports = {name: port for name, port in ports.items() if name not in installed.programs}
        session.extra_environment = dict(installed.environment)
        if options.throwaway or options.written_once:
            session.extra_environment |= VARIABLES["written_once"]
        if options.throwaway:
            session.extra_environment |= VARIABLES["throwaway"]
        use = _Use(targets, find_unrecorded, installed.settings)
        # After a refresh, the update reverts manual changes and deletions, as scripts/deploy.sh does for
        # real stacks. Without targets, there is nothing to refresh from. A throwaway state is not refreshed.
        refresh = ["--refresh"] if has_state and use.has_targets and not options.throwaway else []
        if use.has_targets and not options.throwaway and operation in ("up", "preview"):
            code = _require(session, use, apply=operation == "up")
            if code != DONE:
                return code
        if operation == "preview":
            flags = ["--json", "--show-sames", *refresh, *pack]
            code = _finish(session, operation, *session.operate(operation, *flags))
            _hint(code, options, installed.programs, progress)
            return code
        code = _adopt_pending(session, use)
        if code != DONE:
            return code
        if operation == "down":
            return _destroy(session, options, use)
        skip_preview = options.skip_preview or options.throwaway or operation == "refresh"
        flags = ["--skip-preview"] if skip_preview else []
        flags += refresh if operation == "up" else []
        code = _finish(session, operation, *session.operate(operation, "--yes", *flags, *pack))
        waits.show(options.clock, progress)
        if code == DONE and operation == "up":
            state.mark_up(stack)
        _hint(code, options, installed.programs, progress)
        return code


def _hint(code: int, options: Namespace, programs: Mapping[str, Path], progress: Progress) -> None:
    """After a failure, print how to run the command without the plugins that the sandbox has chosen."""
    if code == FAILED and programs and options.providers == plugins.AUTO:
        progress.say(f"The plugins of {', '.join(sorted(programs))} took part. {STAND_INS_HINT}")


def clean(stack: Stack, progress: Progress) -> int:
    """End the targets of the stack's sandbox and delete its folder, with the states of all its stacks."""
    deleted = [shared.label for shared in stacks_in(stack) if shared.checkpoint.exists()]
    if stack.sandbox.exists():
        progress.doing("ending the targets")
        with lock.hold(stack.sandbox, "clean"):
            process.stop(stack.sandbox)
            shutil.rmtree(stack.sandbox)
    states = f", with the states of {' and '.join(deleted)}" if len(deleted) > 1 else ""
    progress.say(f"deleted {stack.sandbox}{states}; the next up starts from nothing.")
    return DONE


@dataclass(frozen=True)
class _Use:
    """The targets that the providers use, and the means to use them."""

    targets: Targets | None
    find_unrecorded: FindUnrecorded | None
    settings: Mapping[str, str]
    """The settings of the installed plugins, for the copy of the stack file."""

    @property
    def has_targets(self) -> bool:
        """True if the providers create resources; False with TARGETS=none."""
        return self.targets is not None or self.find_unrecorded is None


def _require(session: Session, use: _Use, *, apply: bool) -> int:
    """Bring up the stack that the session's stack requires, unless that stack is up; return the exit code.

    If `apply` is False, only report that the required stack is not up.
    """
    stack, progress = session.stack, session.progress
    required = required_stack(stack)
    if required is None or state.is_up(required):
        return DONE
    name = required.label
    if not apply:
        progress.step(
            f"{name} is not up or has changed; `make sandbox STACK={stack.label}` brings it up first"
        )
        return DONE
    started = progress.seconds
    progress.step(f"bringing {name} up first: {stack.label} requires it, and it is not up or has changed")
    progress.doing(f"preparing {name}")
    required.folder.mkdir(parents=True, exist_ok=True)
    if repair := state.repair_truncated(required):
        progress.step(repair)
    # This runs neither a preview nor the policies: both belong to a command for the required stack itself.
    required_session = replace(session, stack=required, brief=True)
    _prepare(required_session, use.settings, throwaway=False)
    refresh = ["--refresh"] if state.has_content(required) else []
    code = _adopt_pending(required_session, use)
    if code != DONE:
        return code
    code, phase = required_session.operate("up", "--yes", "--skip-preview", *refresh)
    if code != DONE:
        return _finish(required_session, "up", code, phase)
    state.mark_up(required)
    progress.step(
        f"{name} is up: {summary.counts(phase.changes)} in {progress.seconds - started:.1f} s; "
        f"`make preview STACK={name}` checks it with the policies"
    )
    return DONE


def _others_with_state(stack: Stack) -> list[str]:
    """Return the names of the other stacks in the sandbox that have resources."""
    return [shared.label for shared in stacks_in(stack) if shared != stack and state.has_content(shared)]


def _require_disk_space(stack: Stack) -> None:
    free = shutil.disk_usage(stack.folder).free >> 20
    if free < REQUIRED_MEGABYTES:
        raise CommandError(
            f"the disk of {stack.folder} has only {free} MB left, and {REQUIRED_MEGABYTES} MB are needed. "
            "Free some space."
        )


def _prepare(session: Session, settings: Mapping[str, str], *, throwaway: bool) -> None:
    """Prepare the folder, the stack and its secrets; remove the locks that killed runs left."""
    stack, progress = session.stack, session.progress
    missing_secrets = stack_files.prepare(stack, settings)
    for owner in lock.remove_dead_locks(stack.locks):
        progress.step(f"removed the lock of a dead process: {owner}")
    if not stack.checkpoint.exists():
        progress.step(f"creating stack {stack.label}: {stack.folder}")
        session.call("stack", "init")
    if missing_secrets:
        progress.step(f"setting random secrets: {', '.join(missing_secrets)}")
    for key in missing_secrets:
        # RDS, Datadog and HTTP headers all accept hexadecimal digits.
        value = secrets.token_hex(16)
        session.call("config", "set", "--secret", key, standard_input=value)
        if throwaway:
            # The review masks these values in its report.
            with (stack.folder / GENERATED_SECRETS).open("a") as file:
                file.write(f"{value}\n")


def _adopt_pending(session: Session, use: _Use) -> int:
    """Reconcile the state after an interrupted run, and return the exit code of the refresh that does so.

    Resources that the run created without recording them are added to the state first. The refresh then
    removes the other pending operations. Return DONE if no operations are pending.
    """
    stack = session.stack
    pending = state.read(stack, "pending_operations")
    if not pending:
        return DONE
    names = sorted(f"{operation['type']} {name_of(operation['resource']['urn'])}" for operation in pending)
    session.progress.step(
        f"the last run was interrupted while {', '.join(names)}; refreshing the state first"
    )
    if use.targets and use.find_unrecorded:
        creating = (operation["resource"] for operation in pending if operation["type"] == "creating")
        time.sleep(SETTLE_SECONDS)
        ids = use.find_unrecorded(use.targets, creating, state.read(stack, "resources"))
        state.adopt(stack, ids)
        for urn, resource_id in ids.items():
            session.progress.step(f"{name_of(urn)} was already created: its ID is {resource_id}")
    code, phase = session.operate("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    return code if code == DONE else _finish(session, "refresh", code, phase)


def _protected(stack: Stack) -> set[str]:
    """Return the names of the resources that Pulumi or the resource's API refuses to delete."""
    return {
        name_of(resource["urn"])
        for resource in state.read(stack, "resources")
        if resource.get("protect") or _has_deletion_protection(resource)
    }


def _has_deletion_protection(resource: dict[str, Any]) -> bool:
    """Return True if the resource's API refuses to delete the resource."""
    return bool(resource.get("inputs", {}).get("deletionProtection"))


def _dependents(stack: Stack) -> list[str]:
    """Return the names of the stacks in the sandbox that have resources and require the stack."""
    return [
        shared.label
        for shared in stacks_in(stack)
        if shared != stack and state.has_content(shared) and required_stack(shared) == stack
    ]


def _confirm(stack: Stack, progress: Progress) -> None:
    """Require the stack's name as a confirmation if the stack is protected or another stack requires it.

    Raise CommandError without a confirmation.
    """
    name, reasons = stack.label, list[str]()
    if dependents := _dependents(stack):
        downs = " and ".join(f"`make down STACK={dependent}`" for dependent in dependents)
        reasons.append(f"Stacks that require {name} are up: {', '.join(dependents)}. First: {downs}.")
    if protected := _protected(stack):
        reasons.append(f"{name} is protected: {', '.join(sorted(protected))}.")
    if not reasons:
        return
    reasons.append(f"This destroys only the sandbox's copy in {stack.folder}; the stack file stays as it is.")
    progress.say("\n".join(reasons))
    command = f"make down STACK={name} FLAGS=--yes"
    if not sys.stdin.isatty():
        raise CommandError(
            "nothing was destroyed, because the confirmation needs a terminal. "
            f"Without a terminal: `{command}`"
        )
    if progress.ask(f"Type {name} to destroy it: ") != name:
        raise CommandError(f"nothing was destroyed: not confirmed. To skip the question: `{command}`")


def _destroy(session: Session, options: Namespace, use: _Use) -> int:
    """Destroy the stack's resources, even protected ones; return the exit code.

    Resources that the options exclude stay. End the targets, unless resources are excluded, another stack of
    the sandbox is up, or the options keep the targets.
    """
    stack = session.stack
    if _protected(stack):
        session.call("state", "unprotect", "--all", "--yes")
    undeletable = [
        resource["urn"] for resource in state.read(stack, "resources") if _has_deletion_protection(resource)
    ]
    if undeletable:
        session.progress.step(f"switching deletion protection off: {', '.join(map(name_of, undeletable))}")
        stack_files.prepare(stack, use.settings, protect=False)
        targets = [f"--target={urn}" for urn in undeletable]
        code, phase = session.operate("up", "--yes", "--skip-preview", *targets)
        if code != DONE:
            return _finish(session, "down", code, phase)
        session.call("state", "unprotect", "--all", "--yes")
    if use.targets:
        _empty_log_buckets(session, use.targets)
    kept = [f"--exclude={urn}" for urn in options.exclude]
    code = _finish(session, "down", *session.operate("destroy", "--yes", "--skip-preview", *kept))
    if code == DONE and not options.keep_targets and not options.exclude:
        if others := _others_with_state(stack):
            commands = " and ".join(f"`make down STACK={name}`" for name in others)
            session.progress.say(f"Still up, with the targets: {', '.join(others)}. To end them: {commands}")
        else:
            session.progress.doing("ending the targets")
            process.stop(stack.sandbox)
    return code


def _empty_log_buckets(session: Session, targets: Targets) -> None:
    """Stop the delivery of access logs and delete the logs, since S3 refuses to delete a bucket with objects.

    Other buckets are not emptied: if they have objects, their deletion fails, as in AWS.
    """
    # Imported here, since botocore takes longer to import than most commands take.
    from sandbox.wire.aws_account import REGION
    from sandbox.wire.aws_requests import Clients
    from sandbox.wire.bucket_contents import delete_versions, log_deliveries, stop_logging

    deliveries = log_deliveries(state.read(session.stack, "resources"))
    if not deliveries:
        return
    clients = Clients(targets.aws)
    buckets = [(clients.get("s3", delivery.region or REGION), delivery) for delivery in deliveries]
    for s3, delivery in buckets:
        stop_logging(s3, delivery.bucket)
    numbers = [(delivery.log_bucket, delete_versions(s3, delivery.log_bucket)) for s3, delivery in buckets]
    emptied = ", ".join(f"{number} of {bucket}" for bucket, number in numbers)
    session.progress.step(f"deleted the access logs: {emptied}")


def _finish(session: Session, operation: str, code: int, phase: Phase) -> int:
    """Print the summary of an operation and write it to summary.json; return the exit code."""
    stack, progress = session.stack, session.progress
    file = stack.folder / "summary.json"
    summary.write(file, stack.label, operation, phase, progress.seconds)
    summary.show(phase, progress, stack=stack, operation=operation, code=code, file=file)
    return code
