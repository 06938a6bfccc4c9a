"""Which `pulumi` runs: the caller's own if it is new enough, else one built from pinned Go modules, once."""

import os
import shutil
from pathlib import Path

from semver import Version

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain.builds import RECIPES, version_of

RECIPE = RECIPES["pulumi"]


def find(progress: Progress) -> Path:
    """The engine: PULUMI, else the PATH's, else the cache's, built now if need be."""
    wanted = RECIPE.version
    given = os.environ.get("PULUMI")
    if program := given or shutil.which("pulumi"):
        found = version_of(program, "version")
        # The SDK insists on its own major version.
        have, least = Version.parse(found or "0.0.0"), Version.parse(wanted)
        if have >= least and have.major == least.major:
            return Path(shutil.which(program) or program).absolute()
        needed = f"{wanted} or a newer 3.x is needed"
        if given:
            raise CommandError(
                f"PULUMI={given} is {found or 'no pulumi that runs'}; {needed}. Or unset PULUMI."
            )
        progress.step(f"pulumi {found} on PATH will not do, {needed}: the pinned one is used")
    return RECIPE.build(progress)["pulumi"]
