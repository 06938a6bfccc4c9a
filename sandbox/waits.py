"""The scaled clock of a command: its start in the AWS API, and the table of the longest waits."""

import urllib3

from sandbox.clouds.process import Targets
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.wire.clock import PATH, Clock, minutes

ROWS = 8
"""Number of waits in the table."""


def set_clock(targets: Targets | None, clock: Clock | None) -> None:
    """Set the clock of the AWS API to the command's; without one, resources are ready at once.

    Raise CommandError for a clock without an AWS API.
    """
    if targets is None:
        if clock:
            raise CommandError("CLOCK needs the APIs: leave TARGETS=none out, or leave CLOCK out.")
        return
    response = urllib3.request("PUT", f"{targets.aws}{PATH}", json={"scale": clock.scale if clock else 0})
    if response.status >= 400:
        raise CommandError(f"the AWS API refused the clock: {response.data.decode()}")


def show(clock: Clock | None, progress: Progress) -> None:
    """Print the longest waits of a command, each with its limit; nothing without a clock or a wait."""
    if clock is None or not clock.waits:
        return
    lines = ["", progress.paint(f"Longest waits, on the clock 1:{clock.scale:.0f}", "bold")]
    lines.append(f"{'resource':<34} {'type':<42} {'needed':>8} {'limit':>8}")
    lines += [
        f"{wait.name:<34} {wait.type:<42} {minutes(wait.needed):>8} {minutes(wait.limit):>8}"
        for wait in clock.longest(ROWS)
    ]
    progress.say("\n".join(lines))
