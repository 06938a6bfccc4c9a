"""Build, scan, push and sign the API's image of a version, unless the registry has it already.

Without --version, a version is the commit of the service's checkout (APP, else the folder app).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.lib import command_line, migrations, stack_file
from operations.lib.command_line import Options
from operations.lib.errors import RefusedError
from operations.lib.run_log import RunLog, perform
from operations.lib.services import image


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("build", __doc__ or "")
    parser.add_argument("--version", metavar="V", help="the image's tag")
    return parser


@command_line.refusable
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.version:
        stack_file.checked_version(arguments.version)
    if os.environ.get("APP_REPOSITORY") == "":
        raise RefusedError(
            "APP_REPOSITORY is empty, so the checkout in app/ is this repository: set the variable of the"
            " repository (README.md, GitHub)"
        )
    return perform("build", options, lambda log: work(log, options, arguments.version))


def work(log: RunLog, options: Options, version: str | None) -> str:
    version = (
        version
        or log.runner.read("git", "-C", str(migrations.source()), "rev-parse", "--short=12", "HEAD").strip()
    )
    with log.step(f"image of {version}"):
        built = image.ensure(log, options, version)
    log.results |= {"version": version, "image": built}
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"version={version}\nimage={built}\n")
    return f"{version} is {built}"


if __name__ == "__main__":
    sys.exit(main())
