"""The database in Pulumi's state: the declared settings, and the instance that the program manages.

The provider identifies an instance by its resource ID, which a rename does not change
(terraform-provider-aws 5.0.0, pull request 31232: "the `id` attribute now tracks the resource ID"). So after
a swap of names, the state still refers to the old instance, and the next update would rename it back.
"""

import json
from dataclasses import dataclass
from typing import Any

from operations.lib.command_line import ROOT, Options
from operations.lib.errors import FailedError
from operations.lib.run_log import RunLog

TYPE = "aws:rds/instance:Instance"


@dataclass(frozen=True)
class DeclaredInstance:
    """The database as the last update of the stack left it in the state."""

    urn: str
    resource_id: str
    """RDS's ID of the instance, such as db-ABCDEFGHIJKL."""
    inputs: dict[str, Any]
    """The program's settings of the instance, by their names in Pulumi."""


def read(log: RunLog, options: Options) -> DeclaredInstance:
    """Return the database of the state; raise FailedError if the state does not have exactly one."""
    databases = [resource for resource in _resources(_export(log, options)) if resource["type"] == TYPE]
    if len(databases) != 1:
        raise FailedError(
            f"the state of {options.stack} has {len(databases)} databases instead of one: the first update"
            " has not succeeded, or somebody has changed the state"
        )
    [database] = databases
    return DeclaredInstance(database["urn"], database["id"], database.get("inputs", {}))


def adopt(log: RunLog, options: Options, urn: str, resource_id: str) -> None:
    """Replace the instance ID in the state, so that the program manages another instance.

    The next refresh reads the properties of that instance. The exported state contains secrets only in
    encrypted form, since the export runs without --show-secrets.
    """
    if options.dry_run:
        log.plan(f"would let the state manage {resource_id}: pulumi stack export, pulumi stack import")
        return
    document = _export(log, options)
    for resource in _resources(document):
        if resource["urn"] == urn:
            resource["id"] = resource_id
            outputs: dict[str, Any] = resource.get("outputs", {})
            outputs |= {name: resource_id for name in ("id", "resourceId") if name in outputs}
    if options.target == "sandbox":
        _write_sandbox(options, document)
        return
    log.runner.change("pulumi", "stack", "import", "--stack", options.stack, stdin=json.dumps(document))


def _resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    part: dict[str, Any] = document.get("deployment") or document["checkpoint"]["latest"]
    resources: list[dict[str, Any]] = part.get("resources") or []
    return [resource for resource in resources if not resource.get("delete")]


def _export(log: RunLog, options: Options) -> dict[str, Any]:
    if options.target == "sandbox":
        from sandbox.workspace.stacks import find_stack

        checkpoint = find_stack(ROOT, options.stack).checkpoint
        if not checkpoint.exists():
            raise FailedError(
                f"the sandbox of {options.stack} has no state: make sandbox STACK={options.stack}"
            )
        return json.loads(checkpoint.read_text())
    return json.loads(log.runner.read("pulumi", "stack", "export", "--stack", options.stack))


def _write_sandbox(options: Options, document: dict[str, Any]) -> None:
    from sandbox.workspace.files import write_atomically
    from sandbox.workspace.stacks import find_stack

    checkpoint = find_stack(ROOT, options.stack).checkpoint
    write_atomically(checkpoint, json.dumps(document, indent=4))
