"""The `pulumi` program that the sandbox runs: an installed one of a suitable version, else a built one."""

import os
import shutil
from pathlib import Path

from semver import Version

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain.builds import RECIPES, version_of

RECIPE = RECIPES["pulumi"]


def find(progress: Progress) -> Path:
    """Return the path of the engine: PULUMI, else `pulumi` on PATH, else the cached program.

    Build the cached program if it does not exist.
    """
    pinned = RECIPE.version
    configured = os.environ.get("PULUMI")
    # The folder of a cached program, perhaps in another home, has the version in its name.
    if configured and Path(configured).parent.name == RECIPE.folder.name and Path(configured).is_file():
        return Path(configured)
    if program := configured or shutil.which("pulumi"):
        version = version_of(program, "version")
        # The engine must have the same major version as the SDK.
        actual, minimum = Version.parse(version or "0.0.0"), Version.parse(pinned)
        if actual >= minimum and actual.major == minimum.major:
            return Path(shutil.which(program) or program).absolute()
        needed = f"{pinned} or a newer 3.x is needed"
        if configured:
            raise CommandError(
                f"PULUMI={configured} is {version or 'not a working pulumi'}, but {needed}. Set PULUMI to "
                "such a program, or unset it."
            )
        progress.step(f"pulumi {version} on PATH cannot be used: {needed}; using the pinned version")
    return RECIPE.build(progress)["pulumi"]
