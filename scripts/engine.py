"""`pulumi up` of a stack, with the policy pack."""

import sys

from scripts import hidden
from scripts.options import Options
from scripts.steps import Steps


def up(steps: Steps, chosen: Options) -> None:
    """Brings the stack to what the program and its stack file say; the migration Job runs before new pods."""
    if chosen.target == "sandbox":
        words = [sys.executable, "-m", "sandbox", "up", chosen.stack]
    else:
        if not chosen.dry_run:
            hidden.hide(steps.programs, chosen.stack)
        # --refresh: what was changed by hand is put back; the state alone would not show it.
        words = ["pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", chosen.stack]
        words += ["--policy-pack", "policies", "--policy-pack-config", f"policies/config/{chosen.stack}.json"]
    steps.follow(*words)
