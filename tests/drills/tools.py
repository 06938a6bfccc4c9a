"""The programs that the drills run, Debian's; a missing one fails the test and says what to install."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

PACKAGES = {
    "aws": "awscli",
    "ip": "iproute2",
    "nginx": "nginx-light",
    "pg_dump": "postgresql",
    "pg_restore": "postgresql",
    "initdb": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql",
    "shellcheck": "shellcheck",
    "unshare": "util-linux",
}
"""Debian's package of each program; .ci/packages lists them."""

POD_USER = 10001
"""The user of every container (components/pods.py)."""


@cache
def find(program: str) -> str:
    """The path of a program, Debian's own first: another aws may not be of the image's major version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    places = [*map(str, reversed(versions)), "/usr/bin", "/usr/sbin", os.environ.get("PATH", os.defpath)]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        package = PACKAGES[program]
        pytest.fail(
            f"{program} is missing: apt-get install {package} (all of them: .ci/packages)", pytrace=False
        )
    return found


def path() -> str:
    """A PATH with the same programs, for scripts that call them by name."""
    folders = [str(Path(find(program)).parent) for program in ("pg_dump", "psql")]
    return os.pathsep.join([*folders, "/usr/bin", "/bin"])


def as_user(user: int | str) -> dict[str, int | str | list[int]]:
    """Arguments of Popen that leave root; nothing for anybody else, who cannot change and need not."""
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": user if isinstance(user, int) else "nogroup", "extra_groups": []}


def give(folder: Path, user: int | str) -> None:
    """Makes a folder and what is in it the user's, if this is root."""
    if os.geteuid() == 0:
        group = user if isinstance(user, int) else "nogroup"
        for each in (folder, *folder.rglob("*")):
            shutil.chown(each, user, group)
