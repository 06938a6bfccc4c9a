"""Build, scan, push and sign the API's image for a version; skip the build if the registry has the image.

The image is built from the service's checkout: the folder app, or the folder that APP names.
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
    parser.add_argument(
        "--version", metavar="V", help="tag of the image (default: the checkout's commit, 12 digits)"
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.version:
        stack_file.checked_version(arguments.version)
    if os.environ.get("APP_REPOSITORY") == "":
        raise RefusedError(
            "APP_REPOSITORY is empty, so app/ contains this repository, not the service's. Set the repository"
            " variable APP_REPOSITORY (see README.md, section GitHub)"
        )
    return perform("build", options, lambda log: work(log, options, arguments.version))


def work(log: RunLog, options: Options, version: str | None) -> str:
    """Build the image if it is missing; return the final message."""
    version = (
        version
        or log.runner.read("git", "-C", str(migrations.source()), "rev-parse", "--short=12", "HEAD").strip()
    )
    with log.step(f"image of {version}"):
        reference = image.ensure(log, options, version)
    log.results |= {"version": version, "image": reference}
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"version={version}\nimage={reference}\n")
    return f"image of {version}: {reference}"


if __name__ == "__main__":
    sys.exit(main())
