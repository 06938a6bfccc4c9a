"""Run the migrations of the deployed version, or undo them, as a Job in the cluster.

The Job runs `npm run migrate:prod`, or `npm run migrate:rollback` to undo migrations. Every deployment runs
its own migrations, so this command is only needed between deployments.
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
        "action", nargs="?", choices=["rollback"], help="undo the last migration, or those after --to"
    )
    parser.add_argument(
        "--to", metavar="N", help="with rollback: the migration to go back to, such as 20240301"
    )
    parser.add_argument(
        "--version",
        metavar="V",
        help="use the image of this version, which the stack file must have named; after a rollback, give the"
        " newer version (default: the running version)",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    command = npm(arguments.action, arguments.to)
    options = command_line.read_options(arguments)
    return perform("migrate", options, lambda log: work(log, options, command, arguments.version))


def npm(action: str | None, to: str | None) -> list[str]:
    """Return the npm command that runs migrations, or undoes them if `action` is `rollback`.

    npm passes the arguments after `--` to the script.

    Refuse `to` without the action `rollback`, and a value that is not the name of a migration.
    """
    if to is None:
        return ["npm", "run", f"migrate:{action or 'prod'}"]
    if action is None:
        raise RefusedError(
            "--to is allowed only with the action rollback: scripts/migrate.sh STACK rollback --to 20240301"
        )
    if not re.fullmatch(VERSION, to):
        raise RefusedError(f"--to {to} is not the name of a migration, such as 20240301")
    return ["npm", "run", "migrate:rollback", "--", "--to", to]


def work(log: RunLog, options: Options, command: list[str], version: str | None) -> str:
    npm_command = " ".join(command)
    with connected(log.runner, options) as cluster:
        pattern = last_migration_job(cluster)
        repository = Repository(log.runner, options)
        version_image = image_of(repository, version) if version else None
        with log.step("image of the migrations"):
            job_image = version_image or jobs.image(pattern, "migrate")
            repository.check_own(job_image)
            log.line(job_image)
            image.check_exists(log, options, job_image, required=False)
        if "migrate:rollback" in command:
            options.confirm(f"Running {npm_command} on {options.stack} (it may lose data)")
        with log.step(npm_command):
            job = jobs.copy_job(pattern, f"pipe-migrate-{log.stamp}", "migrate")
            jobs.run(cluster, jobs.with_only_container(job, "migrate", command, version_image), log)
    return f"{npm_command}: done"


def image_of(repository: Repository, version: str) -> str:
    """Return a version's newest image in the stack file's history.

    Refuse a version that the history does not name, and one whose images are in another repository.
    """
    images = [image for image in repository.images() if stack_file.is_version(image, version)]
    own = [image for image in images if stack_file.repository(image) == repository.image_repository]
    if images and not own:
        repository.check_own(images[0])
    if not own:
        raise RefusedError(
            f"--version {version}: the stack file has never named this version; if it was deployed since the"
            " last pull: git pull"
        )
    return own[0]


def last_migration_job(cluster: Cluster) -> Manifest:
    """Return the migration Job of the last deployment, whose containers use the deployed image.

    Refuse a stack without such a Job.
    """
    job = jobs.last_of_deployment(cluster, "pipe-migrate")
    if job is None:
        raise RefusedError(
            "nothing is deployed yet: there is no migration Job to take the image from; run pulumi up first"
        )
    return job


if __name__ == "__main__":
    sys.exit(main())
