"""Runs one of the scripts that operate a stack, as .github/workflows/operate.yml was told by its form.

What somebody typed becomes words as a shell would read them, and no shell reads it. The approval of the
stack's environment is the yes that a script asks for. Only the standard library: it runs outside .venv.
"""

import os
import shlex
import sys
from pathlib import Path

SCRIPTS = ("doctor", "migrate", "restore", "rollback", "rotate")
FOLDER = Path(__file__).parents[1] / "scripts"


def command(stack: str, script: str, arguments: str) -> list[str]:
    """The words of the command."""
    if script not in SCRIPTS:
        raise ValueError(f"{script!r} is none of {', '.join(SCRIPTS)}")
    return [str(FOLDER / f"{script}.sh"), stack, *shlex.split(arguments), "--yes"]


def main() -> None:
    try:
        words = command(*(os.environ.get(name, "") for name in ("STACK", "SCRIPT", "ARGUMENTS")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(shlex.join(words), flush=True)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()
