"""What a stack's sandbox runs on, for TARGET=sandbox."""

from typing import TYPE_CHECKING

from scripts.options import ROOT, Options, Refused

if TYPE_CHECKING:
    from sandbox.targets.process import Targets


def running(chosen: Options) -> "Targets":
    """The targets of the stack's sandbox; refused where none run."""
    from sandbox.targets import process  # a real stack needs nothing of the sandbox

    found = process.running(ROOT / ".sandbox" / chosen.stack)
    if found is None:
        raise Refused(f"no sandbox runs: make sandbox STACK={chosen.stack} starts it")
    return found
