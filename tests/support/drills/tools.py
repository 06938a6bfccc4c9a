"""The programs that the drills run, Debian's; a missing one fails the test and says what to install.

`python -m tests.support.drills.tools` installs the missing ones where root runs it on Debian, and elsewhere
says what to install. It runs before anything is installed or built, so this module imports the standard
library alone.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]

PACKAGES = {
    "aws": "awscli",
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "ip": "iproute2",
    "nginx": "nginx-light",
    "node": "nodejs",
    "npm": "nodejs npm",
    "pg_dump": "postgresql",
    "pg_restore": "postgresql",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql",
    "shellcheck": "shellcheck",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
"""Debian's package of each program; .ci/packages has those that a machine with Node.js may lack."""

POD_USER = 10001
"""The user of every container (components/kubernetes/pods.py)."""


@cache
def find(program: str) -> str:
    """The path of a program, Debian's own first: another aws may not be of the image's major version."""
    found = _which(program)
    if found is None:
        import pytest  # only here, since `main` runs before it is installed

        pytest.fail(f"{program} is missing: apt-get install {PACKAGES[program]}", pytrace=False)
    return found


def main() -> int:
    """Install what is missing where that is possible, else say what to install; the exit code."""
    if (missing := _missing()) and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([ROOT / ".ci" / "install", *_packages(missing)], check=False)
        missing = _missing()
    if missing:
        command = f"apt-get install {' '.join(_packages(missing))}"
        print(f"error: the drills need {', '.join(missing)}: {command}", file=sys.stderr)
    return 2 if missing else 0


def _missing() -> list[str]:
    return [program for program in PACKAGES if _which(program) is None]


def _packages(programs: list[str]) -> list[str]:
    return sorted({package for program in programs for package in PACKAGES[program].split()})


def _which(program: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    places = [*map(str, reversed(versions)), "/usr/bin", "/usr/sbin", os.environ.get("PATH", os.defpath)]
    return shutil.which(program, path=os.pathsep.join(places))


def path() -> str:
    """A PATH with the same programs, for scripts that call them by name."""
    folders = [str(Path(find(program)).parent) for program in ("pg_dump", "psql")]
    return os.pathsep.join([*folders, "/usr/bin", "/bin"])


def as_user(user: int | str) -> list[str]:
    """The words before a command that leave root; none for anybody else, who cannot change and need not.

    Popen's own way would fork this process, and what gRPC does in a fork can end the command.
    """
    if os.geteuid() != 0:
        return []
    group = user if isinstance(user, int) else "nogroup"
    return [find("setpriv"), f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def give(folder: Path, user: int | str) -> None:
    """Makes a folder and what is in it the user's, if this is root."""
    if os.geteuid() == 0:
        group = user if isinstance(user, int) else "nogroup"
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, user, group)


if __name__ == "__main__":
    sys.exit(main())
