"""Programs of Debian that the drills run; a missing one fails the test and names its package.

`python -m tests.support.drills.tools` installs missing programs if root runs it on Debian, and prints the
command otherwise. It runs before anything is installed or built, so this module imports only the standard
library.
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
    """Return a program's path, Debian's first: another aws may have another major version than the image."""
    executable = _which(program)
    if executable is None:
        import pytest  # `main` runs before pytest is installed.

        pytest.fail(f"{program} is missing: apt-get install {PACKAGES[program]}", pytrace=False)
    return executable


def main() -> int:
    """Install missing programs, or print the command that does; return the exit code."""
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
    folders = [*map(str, reversed(versions)), "/usr/bin", "/usr/sbin", os.environ.get("PATH", os.defpath)]
    return shutil.which(program, path=os.pathsep.join(folders))


def path() -> str:
    """Return a PATH with the same programs, for scripts that call them by name."""
    folders = [str(Path(find(program)).parent) for program in ("pg_dump", "psql")]
    return os.pathsep.join([*folders, "/usr/bin", "/bin"])


def as_user(user: int | str) -> list[str]:
    """Return the start of a command that changes from root to a user; without root it is empty.

    Popen's own `user` would fork this process, and gRPC's handlers can end the command in a fork.
    """
    if os.geteuid() != 0:
        return []
    group = user if isinstance(user, int) else "nogroup"
    return [find("setpriv"), f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def give(folder: Path, user: int | str) -> None:
    """Change the owner of a folder and its files to the user, if this is root."""
    if os.geteuid() == 0:
        group = user if isinstance(user, int) else "nogroup"
        for file in (folder, *folder.rglob("*")):
            shutil.chown(file, user, group)


if __name__ == "__main__":
    sys.exit(main())
