"""Roll the API back: kubectl rollout undo first, since it takes seconds; then the older image is committed
to the stack file and `pulumi up` agrees with it, so that nothing brings the bad version back. Where the older
pods cannot start again, since a Secret of theirs is gone (new passwords), `pulumi up` alone goes back.

Migrations between the two versions are undone, by the newer version's own scripts, once the older one runs.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from operations import migrate
from operations.lib import command_line, health, migrations, pulumi_up, stack_file
from operations.lib.command_line import Options
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.kubernetes import jobs, revisions
from operations.lib.kubernetes.cluster import API, Cluster, connected
from operations.lib.kubernetes.releases import BAD, UNJUDGED, Releases
from operations.lib.kubernetes.revisions import Revision
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services import image


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("rollback", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--to-revision",
        type=int,
        metavar="N",
        help="a revision of the Deployment; default: the most recent earlier version that was good",
    )
    which.add_argument("--to-version", metavar="V", help="an image's tag, or the first digits of its digest")
    parser.add_argument(
        "--keep-schema",
        action="store_true",
        help="where migrations cannot be undone: leave the database as it is under the older version",
    )
    return parser


@command_line.refusable
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)

    return perform("rollback", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Choose a revision, ask for confirmation, and go back to it."""
    repository = Repository(log.runner, options)
    with connected(log.runner, options) as cluster:
        with log.step("what to go back to"):
            repository.check(log.line)
            look(log, repository)
            releases = Releases(cluster)
            choice = revisions.Choice(revisions.history(cluster), releases.read(), options.stack)
            target, now = chosen_revision(choice, arguments, repository), choice.now
            repository.check_own(target.image)
            if target is not now and target.image == now.image and (gone := revisions.gone(cluster, target)):
                raise RefusedError(
                    f"revision {target.number} is of {target.version}, too, and cannot run again:"
                    f" {', '.join(gone)} is gone"
                )
            image.check_exists(log, options, target.image, required=False)
            forward = choice.is_newer(target)
            schema = between(repository, releases, choice, target, keep=arguments.keep_schema)
            log.line(f"from revision {now.number} ({now.version})")
            log.line(f"to revision {target.number} ({target.version}): {choice.reason(target)}")
            log.line(f"database: {schema.description}")
        options.confirm(f"Rolling {options.stack} back from {now.version} to {target.version}")
        left = None if forward or target.image == now.image else now.image
        try:
            if target is now:
                log.line(f"{target.version} runs already; what is left is the stack file and the state")
                settle_target(log, cluster, options, target, schema)
            else:
                back(log, cluster, options, target, schema, left)
        except KeyboardInterrupt:
            raise CommandStopped(stopped(options, target)) from None
        if choice.verdict(target) == BAD:
            record(log, lambda: releases.judge(target.image, UNJUDGED))
    check_pushed(log)
    return f"{options.stack} runs {target.version} again"


def chosen_revision(
    choice: revisions.Choice, arguments: argparse.Namespace, repository: Repository
) -> Revision:
    """Return the revision that the command line asks for.

    One that runs already is gone back to only if a rollback to it was interrupted: then the stack's file
    still names another image.
    """
    if arguments.to_revision is not None:
        return choice.by_number(arguments.to_revision)
    if arguments.to_version is None:
        return choice.by_verdict()
    target = choice.by_version(arguments.to_version)
    if target.image == choice.now.image:
        if repository.committed() == target.image:
            raise RefusedError(f"{arguments.to_version} is what runs now")
        return choice.now
    return target


def stopped(options: Options, target: Revision) -> str:
    """Return the message after Ctrl-C, with the command that continues."""
    if options.dry_run:
        return "stopped; a dry run changes nothing"
    return (
        f"stopped on the way back to {target.version}: the pods, the stack file and Pulumi's state may"
        " disagree\n"
        f"This goes on: scripts/rollback.sh {options.stack} --to-version {target.version}\n"
        f"This says what runs now: scripts/doctor.sh {options.stack}"
    )


def look(log: RunLog, repository: Repository) -> None:
    """Fetch, and check that a push is possible; a failure does not stop the rollback."""
    try:
        repository.fetch()
        repository.check_push()
    except (FailedError, RefusedError) as error:
        log.line(f"the rollback goes on, and its commit may have to be pushed by hand: {error}")


def between(
    repository: Repository,
    releases: Releases,
    choice: revisions.Choice,
    target: Revision,
    *,
    keep: bool,
) -> migrations.Schema:
    """Return the change of the schema; refuse a newer version on a schema that it may not know."""
    now = choice.now
    if now.image == target.image:
        return migrations.Schema(None, "the same image", kept=not repository.migrates())
    if choice.is_newer(target) and (keep or not repository.migrates()):
        why = "--keep-schema only goes back" if keep else "an earlier rollback has kept another schema"
        raise RefusedError(
            f"{target.version} is newer than {now.version}, and {why}; a newer version is deployed, with its"
            f" migrations: scripts/deploy.sh {repository.stack} --version {target.version}"
        )
    if not repository.migrates():
        return migrations.kept(keep, "an earlier rollback has kept a newer version's schema")
    return migrations.between(releases.migrations(now.image), releases.migrations(target.image), keep=keep)


def back(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    target: Revision,
    schema: migrations.Schema,
    left: str | None,
) -> None:
    """Undo the rollout and the migrations, commit, and run `pulumi up`.

    The rollout is not undone if the older pods cannot start any more.

    `left` is the image that turned out to be bad; no later rollback goes to it by itself.
    """
    if left:
        record(log, lambda: Releases(cluster).judge(left, BAD))
    if gone := revisions.gone(cluster, target):
        log.line(f"its pods cannot start: {', '.join(gone)} is gone, as after new passwords")
        log.line("its image is rolled out with what there is now, by pulumi up")
    else:
        with log.step(f"kubectl rollout undo --to-revision={target.number}"):
            cluster.undo(API, target.number)
            cluster.rollout(API, log.line)
            log.results["seconds until the older version ran"] = round(log.seconds, 1)
    if schema.undo_to:
        command = migrate.npm("rollback", schema.undo_to)
        with log.step(f"undo migrations: {' '.join(command)}"):
            job = jobs.derived(migrate.deployed(cluster), f"pipe-undo-{log.stamp}", "rollback")
            jobs.run(cluster, jobs.alone(job, "migrate", command), log)
    settle_target(log, cluster, options, target, schema)


def settle_target(
    log: RunLog, cluster: Cluster, options: Options, target: Revision, schema: migrations.Schema
) -> None:
    """Bring stack file, repository and state to the image of a revision."""
    subject = f"Roll {options.stack} back to {target.version}"
    settle(log, cluster, options, target.image, subject, migrate=not schema.kept)


def record(log: RunLog, write: Callable[[], None]) -> None:
    """Write the record of releases; a failure is only shown, since the version itself runs well."""
    try:
        write()
    except FailedError as error:
        log.line(f"not recorded: {error}")


def commit(log: RunLog, repository: Repository, subject: str, image: str, *, migrate: bool) -> None:
    """Commit and push. A failure does not end the run here: `check_pushed` reports it at the end."""
    try:
        log.line(repository.commit(subject, image, migrate=migrate))
    except FailedError as error:
        log.results["not pushed"] = str(error)
        log.line(str(error))


def check_pushed(log: RunLog) -> None:
    """Raise FailedError if a commit of this run was not pushed."""
    if error := log.results.get("not pushed"):
        raise FailedError(
            f"all is done, but the commit could not be pushed; git push, or the next one undoes it: {error}"
        )


def settle(
    log: RunLog, cluster: Cluster, options: Options, image: str, subject: str, *, migrate: bool
) -> None:
    """Bring stack file, repository and state to the image that the cluster runs, and check its health."""
    repository = Repository(log.runner, options)
    with log.step("commit the older image"):
        if options.dry_run:
            log.plan(f"would write {image} into {stack_file.path(options.stack).name}")
        else:
            stack_file.write(options.stack, image, migrate=migrate)
        commit(log, repository, subject, image, migrate=migrate)
    with log.step("pulumi up: the state agrees"):
        pulumi_up.up(log, options)
    with log.step("health"):
        health.healthy(log, cluster, options, image)


if __name__ == "__main__":
    sys.exit(main())
