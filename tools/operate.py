"""Start of the script that was chosen in the form of .github/workflows/operate.yml.

The arguments from the form are split as a shell would split them, but never passed to a shell. The approval
for the stack's GitHub environment replaces the script's confirmation. Approvers see the arguments in the name
of the run, so the arguments must be readable there. The module uses only the standard library, since it runs
outside .venv.
"""

import os
import shlex
import sys
from pathlib import Path

SCRIPTS = ("database", "doctor", "migrate", "restore", "rollback", "rotate")
FOLDER = Path(__file__).parents[1] / "scripts"


LONGEST = 120
"""Largest number of characters in the arguments, so that GitHub's list of runs shows them in full."""


def command(stack: str, script: str, arguments: str) -> list[str]:
    """Return the script's command line.

    Raise ValueError if the script is not one of SCRIPTS, or if the arguments are not readable for approvers
    or have an open quotation mark.
    """
    if script not in SCRIPTS:
        raise ValueError(f"the script {script!r} is not allowed; allowed: {', '.join(SCRIPTS)}")
    if len(arguments) > LONGEST or not (arguments.isascii() and arguments.isprintable()):
        raise ValueError(
            f"the arguments {arguments!a} cannot be shown to approvers: at most {LONGEST} printable ASCII"
            " characters are allowed"
        )
    return [str(FOLDER / f"{script}.sh"), stack, *shlex.split(arguments), "--yes"]


def main() -> None:
    """Replace this process by the script; exit with 2 if the input is refused."""
    try:
        arguments = command(*(os.environ.get(name, "") for name in ("STACK", "SCRIPT", "ARGUMENTS")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(shlex.join(arguments), flush=True)
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()
