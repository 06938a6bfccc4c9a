"""The destruction of a stack's resources, and of a whole sandbox."""

import shutil
import sys
from argparse import Namespace
from typing import Any

from sandbox.clouds import process
from sandbox.commands.results import report
from sandbox.commands.target_access import TargetAccess
from sandbox.engine import lock
from sandbox.engine.process import DONE, Session
from sandbox.errors import CommandError
from sandbox.progress import Progress, name_of
from sandbox.wire.targets import Targets
from sandbox.workspace import stack_files, state
from sandbox.workspace.stacks import Stack, required_stack, stacks_in


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


def others_with_state(stack: Stack) -> list[str]:
    """Return the names of the other stacks in the sandbox that have resources."""
    return [shared.label for shared in stacks_in(stack) if shared != stack and state.has_content(shared)]


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


def confirm(stack: Stack, progress: Progress) -> None:
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


def destroy(session: Session, options: Namespace, access: TargetAccess) -> int:
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
        stack_files.prepare(stack, access.settings, protect=False)
        targets = [f"--target={urn}" for urn in undeletable]
        code, phase = session.operate("up", "--yes", "--skip-preview", *targets)
        if code != DONE:
            return report(session, "down", code, phase)
        session.call("state", "unprotect", "--all", "--yes")
    if access.targets:
        _empty_log_buckets(session, access.targets)
    kept = [f"--exclude={urn}" for urn in options.exclude]
    code = report(session, "down", *session.operate("destroy", "--yes", "--skip-preview", *kept))
    if code == DONE and not options.keep_targets and not options.exclude:
        if others := others_with_state(stack):
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
