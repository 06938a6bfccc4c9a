"""`pulumi up` of a stack, with the policy pack."""

import sys

from operations.lib import secret_masking
from operations.lib.command_line import Options
from operations.lib.run_log import RunLog


def up(log: RunLog, options: Options) -> None:
    """Apply the program with its stack file; the migration Job runs before new pods start."""
    if options.target == "sandbox":
        command = [sys.executable, "-m", "sandbox", "up", options.stack]
    else:
        if not options.dry_run:
            secret_masking.hide(log.runner, options.stack)
        # --refresh reverts manual changes, which the state alone does not show.
        command = ["pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", options.stack]
        command += [
            "--policy-pack",
            "policies",
            "--policy-pack-config",
            f"policies/config/{options.stack}.json",
        ]
    log.follow(*command)
