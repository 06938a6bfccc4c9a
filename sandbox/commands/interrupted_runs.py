"""The reconciliation of the state after an interrupted run."""

import time

from sandbox.commands.results import report
from sandbox.commands.target_access import TargetAccess
from sandbox.engine.process import DONE, Session
from sandbox.progress import name_of
from sandbox.workspace import state

SETTLE_SECONDS = 1.0
"""Seconds for which a target may still handle a request from a killed run."""


def adopt_pending(session: Session, access: TargetAccess) -> int:
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
    if access.targets and access.find_unrecorded:
        creating = (operation["resource"] for operation in pending if operation["type"] == "creating")
        time.sleep(SETTLE_SECONDS)
        ids = access.find_unrecorded(access.targets, creating, state.read(stack, "resources"))
        state.adopt(stack, ids)
        for urn, resource_id in ids.items():
            session.progress.step(f"{name_of(urn)} was already created: its ID is {resource_id}")
    code, phase = session.operate("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    return code if code == DONE else report(session, "refresh", code, phase)
