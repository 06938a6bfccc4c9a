"""The commands that run the engine: up, preview, refresh and down."""

import gc
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sandbox import target_selection, waits
from sandbox.clouds import process
from sandbox.clouds.charts import proxy
from sandbox.commands.destruction import confirm, destroy, others_with_state
from sandbox.commands.interrupted_runs import adopt_pending
from sandbox.commands.preparation import prepare, require_disk_space
from sandbox.commands.required_stacks import bring_up_required
from sandbox.commands.results import report
from sandbox.commands.target_access import FindUnrecorded, TargetAccess
from sandbox.engine import policy_pack, relay
from sandbox.engine.process import DONE, FAILED, Session
from sandbox.progress import Progress
from sandbox.role_session import open_session
from sandbox.toolchain import plugins
from sandbox.wire.targets import Targets
from sandbox.workspace import stacks, state
from sandbox.workspace.environment import ACCOUNT_VARIABLE, VARIABLES
from sandbox.workspace.stacks import Stack

STAND_INS_HINT = "PROVIDERS=stand-ins runs the same command with the sandbox's own providers."

Serve = Callable[[Path, Targets | None], AbstractContextManager[dict[str, int]]]
"""A function that starts the providers for a stack's folder and targets, and yields each package's port."""


def perform(
    session: Session, serve: Serve, find_unrecorded: FindUnrecorded | None, options: Namespace
) -> int:
    """Run `up`, `preview`, `refresh` or `down`; return the exit code.

    If `find_unrecorded` is None, the providers that `serve` starts need no targets.
    """
    stack, progress, operation = session.stack, session.progress, options.command
    require_disk_space(stack)
    # With Python's defaults, the collection of the providers' objects takes much of the time of an `up`. The
    # program runs in another process, and has the thresholds of a deployment.
    gc.set_threshold(50_000, 50, 50)
    if repair := state.repair_truncated(stack):
        progress.step(repair)
    has_state = state.has_content(stack)
    if operation == "down":
        if not has_state and (process.find_running(stack.sandbox) is None or others_with_state(stack)):
            progress.say(f"{stack.label} is not up: there is nothing to destroy.")
            return DONE
        if not options.yes:
            confirm(stack, progress)
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
    prepare(
        session,
        installed.settings,
        throwaway=options.throwaway,
        random_secrets=options.random_secrets,
        compare_parsers=options.compare_parsers,
    )
    throwaway_up = options.throwaway and operation == "up"
    pack: list[str] = []
    if options.policies and operation in ("up", "preview"):
        pack = policy_pack.flags(stack, options.policies_of or stack.root, advisory=throwaway_up)
    with (
        serve(stack.folder, targets) as served,
        relay.open_relay(served) as (ports, announce_engine),
        _chart_repository(stack, installed.programs, progress) as chart_variables,
    ):
        session.announce_engine = announce_engine
        session.ports = {name: port for name, port in ports.items() if name not in installed.programs}
        session.extra_environment = {**installed.environment, **chart_variables}
        if options.throwaway or options.written_once:
            session.extra_environment |= VARIABLES["written_once"]
        if options.throwaway:
            session.extra_environment |= VARIABLES["throwaway"]
        access = TargetAccess(targets, find_unrecorded, installed.settings)
        # After a refresh, the update reverts manual changes and deletions, as scripts/deploy.sh does for
        # real stacks. Without targets, there is nothing to refresh from. A throwaway state is not refreshed.
        refresh = ["--refresh"] if has_state and access.has_targets and not options.throwaway else []
        if access.has_targets and not options.throwaway and operation in ("up", "preview"):
            code = bring_up_required(session, access, apply=operation == "up")
            if code != DONE:
                return code
        open_session(options.role, stack, targets, session.identity, progress)
        if "aws" in installed.programs:
            session.extra_environment |= session.identity.variables()
        if operation == "preview":
            flags = ["--json", "--show-sames", "--show-replacement-steps", *refresh, *pack]
            code = report(session, operation, *session.operate(operation, *flags))
            _hint(code, options, installed.programs, progress)
            return code
        code = adopt_pending(session, access)
        if code != DONE:
            return code
        if operation == "down":
            return destroy(session, options, access)
        skip_preview = options.skip_preview or options.throwaway or operation == "refresh"
        flags = ["--skip-preview"] if skip_preview else []
        flags += refresh if operation == "up" else []
        code = report(session, operation, *session.operate(operation, "--yes", *flags, *pack))
        waits.show(options.clock, progress)
        if code == DONE and operation == "up":
            state.mark_up(stack)
        _hint(code, options, installed.programs, progress)
        return code


def _chart_repository(
    stack: Stack, programs: Mapping[str, Path], progress: Progress
) -> AbstractContextManager[dict[str, str]]:
    """Serve charts to the Kubernetes plugin, if it takes part; the context is the engine's variables."""
    if "kubernetes" not in programs:
        return nullcontext({})
    return proxy.serve(stack.folder, stacks.chart_versions(stack), progress.step)


def _hint(code: int, options: Namespace, programs: Mapping[str, Path], progress: Progress) -> None:
    """After a failure, print how to run the command without the plugins that the sandbox has chosen."""
    if code == FAILED and programs and options.providers == plugins.AUTO:
        progress.say(f"The plugins of {', '.join(sorted(programs))} took part. {STAND_INS_HINT}")
