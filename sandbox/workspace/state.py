"""The engine's state of a stack, its repair after interrupted runs, and the record of a finished `up`."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack

UP_FILE = "up"
"""File in a stack's folder with a digest of the files from which the stack was brought up."""


def read(stack: Stack, part: str) -> list[dict[str, Any]]:
    """Return the `resources` or `pending_operations` in the latest state."""
    if not stack.checkpoint.exists():
        return []
    latest: dict[str, Any] = json.loads(stack.checkpoint.read_text())["checkpoint"].get("latest") or {}
    return latest.get(part) or []


def has_content(stack: Stack) -> bool:
    """Return True if the state has resources or interrupted operations."""
    return any(read(stack, part) for part in ("resources", "pending_operations"))


def is_up(stack: Stack) -> bool:
    """Return True if the stack was brought up from its project's current files, and not taken down since."""
    file = stack.folder / UP_FILE
    return file.exists() and file.read_text() == _digest(stack) and has_content(stack)


def mark_up(stack: Stack) -> None:
    """Record that the stack was brought up from its project's current files."""
    write_atomically(stack.folder / UP_FILE, _digest(stack))


def unmark_up(stack: Stack) -> None:
    """Remove the record of `mark_up`."""
    (stack.folder / UP_FILE).unlink(missing_ok=True)


def _digest(stack: Stack) -> str:
    """Return a digest of the stack file and, for a project outside the root, of its Python files."""
    files = sorted(stack.project.rglob("*.py")) if stack.project != stack.root else []
    digest = hashlib.sha256()
    for file in (*files, stack.project / f"Pulumi.{stack.name}.yaml"):
        digest.update(f"{file.relative_to(stack.root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def adopt(stack: Stack, ids: Mapping[str, str]) -> None:
    """Add the resources of interrupted creations to the state; `ids` has their IDs by URN.

    A refresh then completes their properties.
    """
    document = json.loads(stack.checkpoint.read_text())
    latest: dict[str, list[dict[str, Any]]] = document["checkpoint"]["latest"]
    pending = latest["pending_operations"]
    adopted: dict[str, dict[str, Any]] = {}
    for operation in pending:
        resource = operation["resource"]
        urn = resource["urn"]
        if operation["type"] == "creating" and urn in ids:
            adopted[urn] = resource | {"id": ids[urn], "outputs": resource.get("inputs", {})}
    creating = set(adopted)
    resources: list[dict[str, Any]] = []
    for resource in latest.get("resources") or []:
        urn = resource["urn"]
        if urn not in creating or resource.get("delete"):
            resources.append(resource)
        elif resource.get("pendingReplacement"):
            # The old resource has been deleted. The new one takes its place in the list, before dependents.
            resources.append(adopted.pop(urn))
        else:
            resources.append(resource | {"delete": True})
    latest["resources"] = [*resources, *adopted.values()]
    latest["pending_operations"] = [
        operation for operation in pending if operation["resource"]["urn"] not in creating
    ]
    write_atomically(stack.checkpoint, json.dumps(document, indent=4))


def change_resources(stack: Stack, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Apply a function to the resources in the latest state, if there is one."""
    if not stack.checkpoint.exists():
        return
    document = json.loads(stack.checkpoint.read_text())
    latest: dict[str, Any] = document["checkpoint"].get("latest") or {}
    change(latest.get("resources") or [])
    write_atomically(stack.checkpoint, json.dumps(document, indent=4))


def repair_truncated(stack: Stack) -> str:
    """Restore the previous state if a full disk has truncated the checkpoint; return a message that says so.

    Without a previous state, delete the checkpoint. Copy an intact checkpoint for the next run, and return an
    empty string.
    """
    before = stack.folder / "state-before.json"
    if not stack.checkpoint.exists():
        return ""
    try:
        json.loads(text := stack.checkpoint.read_text())
        write_atomically(before, text)
    except ValueError:
        if before.exists():
            write_atomically(stack.checkpoint, before.read_text())
            return "a full disk truncated the state; the state from before that run is restored"
        stack.checkpoint.unlink()  # The engine creates a new one.
        return "a full disk truncated the stack's first state; this state is deleted"
    return ""
