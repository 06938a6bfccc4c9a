"""`pulumi up` of a stack, with the policy pack."""

import sys

from operations.lib import secret_masking
from operations.lib.command_line import Options
from operations.lib.run_log import RunLog


def up(log: RunLog, options: Options) -> None:
    """Brings the stack to what the program and its stack file say; the migration Job runs before new pods."""
    if options.target == "sandbox":
        words = [sys.executable, "-m", "sandbox", "up", options.stack]
    else:
        if not options.dry_run:
            secret_masking.hide(log.runner, options.stack)
        # --refresh: what was changed by hand is put back; the state alone would not show it.
        words = ["pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", options.stack]
        words += [
            "--policy-pack",
            "policies",
            "--policy-pack-config",
            f"policies/config/{options.stack}.json",
        ]
    log.follow(*words)
