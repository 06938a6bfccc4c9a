"""`pulumi up` of a stack, with the policy pack."""

import sys

from operations.lib import secret_masking
from operations.lib.options import Options
from operations.lib.run_log import Steps


def up(steps: Steps, chosen: Options) -> None:
    """Brings the stack to what the program and its stack file say; the migration Job runs before new pods."""
    if chosen.target == "sandbox":
        words = [sys.executable, "-m", "sandbox", "up", chosen.stack]
    else:
        if not chosen.dry_run:
            secret_masking.hide(steps.programs, chosen.stack)
        # --refresh: what was changed by hand is put back; the state alone would not show it.
        words = ["pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", chosen.stack]
        words += ["--policy-pack", "policies", "--policy-pack-config", f"policies/config/{chosen.stack}.json"]
    steps.follow(*words)
