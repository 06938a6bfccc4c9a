"""The scaled clock of a command: its start in the AWS API, and the table of the longest waits."""

from pathlib import Path

import urllib3

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.wire.clock import PATH, Clock, minutes
from sandbox.wire.targets import Targets

CLOCK_FILE = "clock"
"""The file in a sandbox's folder that exists while its AWS API has a clock."""

ROWS = 8
"""Number of waits in the table."""


def set_clock(folder: Path, targets: Targets | None, clock: Clock | None) -> None:
    """Set the clock of the AWS API of a sandbox's folder; without one, resources are ready at once.

    The file CLOCK_FILE shows that a command has set the clock, which outlives the command. Raise CommandError
    for a clock without an AWS API, and if the API does not set it.
    """
    if targets is None:
        if clock:
            raise CommandError("CLOCK needs the APIs: leave TARGETS=none out, or leave CLOCK out.")
        return
    file = folder / CLOCK_FILE
    if clock is None and not file.exists():
        return
    if clock:
        file.touch()
    try:
        response = urllib3.request(
            "PUT", f"{targets.aws}{PATH}", retries=False, json={"scale": clock.scale if clock else 0}
        )
    except urllib3.exceptions.HTTPError as error:
        raise CommandError(f"the sandbox's AWS API did not answer: {type(error).__name__}") from error
    if response.status >= 400:
        raise CommandError(f"the sandbox's AWS API refused to set its clock (status {response.status})")
    if clock is None:
        file.unlink()


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
