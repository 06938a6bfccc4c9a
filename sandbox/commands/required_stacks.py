"""The stack that another stack requires: it is brought up first."""

from dataclasses import replace

from sandbox import summary
from sandbox.commands.interrupted_runs import adopt_pending
from sandbox.commands.preparation import prepare
from sandbox.commands.results import report
from sandbox.commands.target_access import TargetAccess
from sandbox.engine.process import DONE, Session
from sandbox.workspace import state
from sandbox.workspace.stacks import required_stack


def bring_up_required(session: Session, access: TargetAccess, *, apply: bool) -> int:
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
    prepare(required_session, access.settings, throwaway=False)
    refresh = ["--refresh"] if state.has_content(required) else []
    code = adopt_pending(required_session, access)
    if code != DONE:
        return code
    code, phase = required_session.operate("up", "--yes", "--skip-preview", *refresh)
    if code != DONE:
        return report(required_session, "up", code, phase)
    state.mark_up(required)
    progress.step(
        f"{name} is up: {summary.counts(phase.changes)} in {progress.seconds - started:.1f} s; "
        f"`make preview STACK={name}` checks it with the policies"
    )
    return DONE
