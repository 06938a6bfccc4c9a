"""Builds, scans, pushes and signs the API's image of a version, unless the registry has it already.

Without --version, a version is the commit of the service's checkout (APP, else the folder app).
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.lib import image, migrations, options, stack_file
from operations.lib.options import Options, Refused
from operations.lib.run_log import Steps, perform


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    parser = options.parser("build", __doc__ or "")
    parser.add_argument("--version", metavar="V", help="the image's tag")
    given = parser.parse_args(words)
    chosen = options.options(given)
    if given.version:
        stack_file.checked_version(given.version)
    if os.environ.get("APP_REPOSITORY") == "":
        raise Refused(
            "APP_REPOSITORY is empty, so the checkout in app/ is this repository: set the variable of the"
            " repository (README.md, GitHub)"
        )
    return perform("build", chosen, lambda steps: work(steps, chosen, given.version))


def work(steps: Steps, chosen: Options, version: str | None) -> str:
    version = (
        version
        or steps.programs.read(
            "git", "-C", str(migrations.source()), "rev-parse", "--short=12", "HEAD"
        ).strip()
    )
    with steps.step(f"image of {version}"):
        built = image.ensure(steps, chosen, version)
    steps.results |= {"version": version, "image": built}
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"version={version}\nimage={built}\n")
    return f"{version} is {built}"


if __name__ == "__main__":
    sys.exit(main())
