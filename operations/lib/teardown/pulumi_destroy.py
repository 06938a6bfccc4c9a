"""`pulumi destroy` of some of a stack's resources."""

import sys

from operations.lib import secret_masking
from operations.lib.command_line import Options
from operations.lib.run_log import RunLog
from operations.lib.stack_state import name_of


def destroy(log: RunLog, options: Options, *flags: str) -> None:
    """Destroy the resources of the flags `--target`, or else all but those of `--exclude`."""
    if options.dry_run:
        names = sorted({name_of(flag) for flag in flags if "::" in flag})
        which = flags[-1].partition("=")[0].removeprefix("--") if names else ""
        detail = f", {which}: {', '.join(names)}" if names else ""
        log.plan(f"would run: pulumi destroy --stack {options.stack}{detail}")
    elif options.target == "sandbox":
        down = ("-m", "sandbox", "down", options.stack, "--yes", "--keep-targets")
        log.follow(sys.executable, *down, *flags)
    else:
        secret_masking.hide(log.runner, options.stack)
        log.follow("pulumi", "destroy", "--yes", "--non-interactive", "--stack", options.stack, *flags)
