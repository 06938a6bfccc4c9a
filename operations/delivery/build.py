"""Build, push, scan and sign the API's image of a version; an image in the registry is not built again.

The image is built from the service's checkout: the folder app, or the folder that APP names. A build runs
code of the service's packages. So the workflow builds with --save in a job without credentials, and a second
job pushes the file with --load.
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
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--save", metavar="FILE", help="only build, and write the image to this file")
    where.add_argument("--load", metavar="FILE", help="push the image of this file instead of building it")
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
    return perform("build", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Write the built image to a file (--save), or ensure that the registry has it; return the message."""
    version: str = (
        arguments.version
        or log.runner.read("git", "-C", str(migrations.source()), "rev-parse", "--short=12", "HEAD").strip()
    )
    if arguments.save:
        archive = Path(arguments.save).absolute()
        archive.parent.mkdir(parents=True, exist_ok=True)
        with log.step(f"build of {version}"):
            image.build(log, options, version, archive)
        report(log, version=version)
        return f"image of {version} in {archive}"
    with log.step(f"image of {version}"):
        archive = Path(arguments.load).absolute() if arguments.load else None
        reference = image.ensure(log, options, version, archive)
    report(log, version=version, image=reference)
    return f"image of {version}: {reference}"


def report(log: RunLog, **results: str) -> None:
    """Add results to the record, and set them as outputs of the workflow's step."""
    log.results |= results
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in results.items())


if __name__ == "__main__":
    sys.exit(main())
