"""Debian's programs that the drills run; if a program is missing, the test fails and names the package.

`python -m tests.support.drills.tools` installs missing programs if root runs it on Debian, and prints the
command otherwise. The command runs before anything is installed or built, so this module imports only the
standard library.
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
"""Debian package of each program; .ci/packages lists those that a machine with Node.js may lack."""

POD_USER = 10001
"""User ID of every container (components/kubernetes/pods.py)."""


@cache
def find(program: str) -> str:
    """Return a program's path, preferably Debian's, since another aws may differ from the image's version."""
    executable = _which(program)
    if executable is None:
        import pytest  # `main` runs before pytest is installed.

        pytest.fail(f"{program} is missing: apt-get install {PACKAGES[program]}", pytrace=False)
    return executable


def main() -> int:
    """Install missing programs, or print the command that installs them; return the exit code."""
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
    """Return a PATH that leads to the same programs, for scripts that call programs by name."""
    folders = [str(Path(find(program)).parent) for program in ("pg_dump", "psql")]
    return os.pathsep.join([*folders, "/usr/bin", "/bin"])


def as_user(user: int | str) -> list[str]:
    """Return the start of a command that changes from root to a user; empty if root does not run the tests.

    Popen's own parameter `user` would fork this process, and gRPC's fork handlers can end the command.
    """
    if os.geteuid() != 0:
        return []
    group = user if isinstance(user, int) else "nogroup"
    return [find("setpriv"), f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def give(folder: Path, user: int | str) -> None:
    """Change the owner of a folder and its files to the user, if root runs the tests."""
    if os.geteuid() == 0:
        group = user if isinstance(user, int) else "nogroup"
        for file in (folder, *folder.rglob("*")):
            shutil.chown(file, user, group)


if __name__ == "__main__":
    sys.exit(main())
