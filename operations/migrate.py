"""Run the migrations of the deployed version as a Job in the cluster: npm run migrate:prod, or npm run
migrate:rollback to undo them.

Every deployment migrates by itself; this is for the times in between.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from operations.lib import command_line, stack_file
from operations.lib.command_line import Options
from operations.lib.errors import RefusedError
from operations.lib.kubernetes import jobs
from operations.lib.kubernetes.cluster import Cluster, Manifest, connected
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services import image

VERSION = r"[0-9A-Za-z][0-9A-Za-z_.-]*"


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("migrate", __doc__ or "")
    parser.add_argument(
        "action", nargs="?", choices=["rollback"], help="undo migrations; the last one, or as --to says"
    )
    parser.add_argument(
        "--to", metavar="N", help="with rollback: the migration to go back to, such as 20240301"
    )
    parser.add_argument(
        "--version",
        metavar="V",
        help="whose migrations to run: a version that was deployed before, as after a rollback; default: the"
        " version that runs",
    )
    return parser


@command_line.refusable
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    command = npm(arguments.action, arguments.to)
    options = command_line.read_options(arguments)
    return perform("migrate", options, lambda log: work(log, options, command, arguments.version))


def npm(action: str | None, to: str | None) -> list[str]:
    """Return the guide's npm command. Arguments after `--` go to the script and not to npm."""
    if to is None:
        return ["npm", "run", f"migrate:{action or 'prod'}"]
    if action is None:
        raise RefusedError("--to goes with rollback: migrate.sh STACK rollback --to 20240301")
    if not re.fullmatch(VERSION, to):
        raise RefusedError(f"--to {to}: a migration's name, such as 20240301")
    return ["npm", "run", "migrate:rollback", "--", "--to", to]


def work(log: RunLog, options: Options, command: list[str], version: str | None) -> str:
    npm_command = " ".join(command)
    with connected(log.runner, options) as cluster:
        pattern = deployed(cluster)
        repository = Repository(log.runner, options)
        named = image_of(repository, version) if version else None
        with log.step("the image"):
            runs = named or jobs.image(pattern, "migrate")
            repository.check_own(runs)
            log.line(runs)
            image.check_exists(log, options, runs, required=False)
        if "migrate:rollback" in command:
            options.confirm(f"{npm_command} on {options.stack} may lose data")
        with log.step(npm_command):
            job = jobs.derived(pattern, f"pipe-migrate-{log.stamp}", "migrate")
            jobs.run(cluster, jobs.alone(job, "migrate", command, named), log)
    return f"{npm_command}: done"


def image_of(repository: Repository, version: str) -> str:
    """Return the image that the stack's file named last as this version, in the stack's own repository."""
    images = [image for image in repository.images() if stack_file.is_version(image, version)]
    own = [image for image in images if stack_file.repository(image) == repository.own]
    if images and not own:
        repository.check_own(images[0])
    if not own:
        raise RefusedError(f"--version {version}: the stack's file never named it; git pull")
    return own[0]


def deployed(cluster: Cluster) -> Manifest:
    """Return the migration Job of the last deployment, which names the version's image."""
    migration_jobs = cluster.list("jobs", f"app=pipe-migrate,!{jobs.STARTED_BY}")
    if not migration_jobs:
        raise RefusedError(
            "nothing is deployed yet: there is no migration Job to take the image from; pulumi up first"
        )
    return migration_jobs[-1]


if __name__ == "__main__":
    sys.exit(main())
