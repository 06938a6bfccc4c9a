"""The policy pack as an executable, which the engine can run without a Python language host."""

import json
import os
import runpy
import shlex
import sys
import threading
import time
from pathlib import Path

from sandbox.errors import CommandError
from sandbox.workspace import Stack, write_atomically


def flags(stack: Stack, *, advisory: bool = False) -> list[str]:
    """Return the engine's options for the pack, with the enforcement levels of the stack.

    With `advisory`, every mandatory rule becomes advisory. Raise CommandError if there is no pack.
    """
    pack = stack.root / "policies"
    if not (pack / "__main__.py").exists():
        raise CommandError(f"{pack} has no policy pack; to run without one, add --no-policies.")
    program = stack.folder / "policy-pack"
    command = (sys.executable, "-u", "-m", "sandbox.engine.policy_pack", str(pack))
    # The engine reads the pack's port from its output, which the SDK does not flush: hence -u.
    python_path = shlex.quote(str(Path(__file__).parents[2]))
    write_atomically(program, f'#!/bin/sh\nPYTHONPATH={python_path} exec {shlex.join(command)} "$@"\n')
    program.chmod(0o700)
    config = pack / "config" / f"{stack.label}.json"
    if advisory:
        levels = config.read_text().replace('"mandatory"', '"advisory"') if config.exists() else "{}"
        config = stack.folder / "policy-levels.json"
        write_atomically(config, json.dumps({**json.loads(levels), "all": "advisory"}))
    config_flags = ["--policy-pack-config", str(config)] if config.exists() else []
    return ["--policy-pack", str(program), *config_flags]


def _end_with(parent: int) -> None:
    """End this process when its parent ends, since the SDK's server would outlive a killed engine."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    os.closerange(3, 1024)  # Release the stack's lock, inherited from the engine.
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
