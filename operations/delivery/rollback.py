"""Roll the API back to an earlier version.

First, `kubectl rollout undo` restores the older pods within seconds. Then the newer version's scripts undo
the migrations between the two versions. Finally, the older image is committed to the stack file and
`pulumi up` runs, so that nothing deploys the bad version again. If the older pods cannot start because a
Secret is missing, for example after a rotation of the passwords, `pulumi up` replaces the pods.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from operations import migrate
from operations.lib import command_line, health, migrations, pulumi_up, stack_commit, stack_file
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
        help="revision of the Deployment (default: the most recent earlier version that was good)",
    )
    which.add_argument("--to-version", metavar="V", help="tag of an image, or 7 or more digits of its digest")
    parser.add_argument(
        "--keep-schema",
        action="store_true",
        help="if migrations cannot be undone: run the older version on the newer schema",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    return perform("rollback", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Choose a revision, ask for confirmation, and roll back to the revision."""
    repository = Repository(log.runner, options)
    with connected(log.runner, options) as cluster:
        with log.step("choose the revision"):
            repository.check(log.line)
            fetch_upstream(log, repository)
            releases = Releases(cluster)
            choice = revisions.Choice(revisions.history(cluster), releases.read(), options.stack)
            target, now = chosen_revision(choice, arguments, repository), choice.now
            repository.check_own(target.image)
            same_image = target is not now and target.image == now.image
            if same_image and (missing := revisions.missing_objects(cluster, target)):
                raise RefusedError(
                    f"revision {target.number} has the running version, {target.version}, and its pods cannot"
                    f" start, because {', '.join(missing)} is missing"
                )
            image.check_exists(log, options, target.image, required=False)
            is_newer = choice.is_newer(target)
            schema = between(repository, releases, choice, target, keep=arguments.keep_schema)
            log.line(f"from revision {now.number} ({now.version})")
            log.line(f"to revision {target.number} ({target.version}): {choice.reason(target)}")
            log.line(f"database: {schema.description}")
        options.confirm(f"Rolling {options.stack} back from {now.version} to {target.version}")
        bad_image = None if is_newer or target.image == now.image else now.image
        try:
            if target is now:
                log.line(f"{target.version} already runs; only the stack file and the state need to change")
                settle_target(log, cluster, options, target, schema)
            else:
                roll_back(log, cluster, options, target, schema, bad_image=bad_image)
        except KeyboardInterrupt:
            raise CommandStopped(stopped(options, target)) from None
        if choice.verdict(target) == BAD:
            record(log, lambda: releases.set_verdict(target.image, UNJUDGED))
    stack_commit.check_pushed(log)
    return f"{options.stack} runs {target.version} again"


def chosen_revision(
    choice: revisions.Choice, arguments: argparse.Namespace, repository: Repository
) -> Revision:
    """Return the revision that the arguments choose.

    The running version is accepted only if a rollback to it was interrupted; the stack file then still names
    another image.
    """
    if arguments.to_revision is not None:
        return choice.by_number(arguments.to_revision)
    if arguments.to_version is None:
        return choice.by_verdict()
    target = choice.by_version(arguments.to_version)
    if target.image == choice.now.image:
        if repository.committed() == target.image:
            raise RefusedError(
                f"{arguments.to_version} is already running, and the stack file names it."
                " If `pulumi up` of an earlier run failed or was stopped, run it again"
                " (docs/break-glass.md has the command)"
            )
        return choice.now
    return target


def stopped(options: Options, target: Revision) -> str:
    """Return the message after Ctrl-C, with the command that continues the rollback."""
    if options.dry_run:
        return "stopped; a dry run changes nothing"
    return (
        f"stopped during the rollback to {target.version}: the pods, the stack file and Pulumi's state may"
        " disagree\n"
        f"To continue: scripts/rollback.sh {options.stack} --to-version {target.version}\n"
        f"To see which version runs: scripts/doctor.sh {options.stack}"
    )


def fetch_upstream(log: RunLog, repository: Repository) -> None:
    """Fetch the upstream, and check that it accepts a push; show a failure without raising it."""
    try:
        repository.fetch()
        repository.check_push()
    except (FailedError, RefusedError) as error:
        log.line(f"the rollback continues, but its commit may have to be pushed by hand: {error}")


def between(
    repository: Repository,
    releases: Releases,
    choice: revisions.Choice,
    target: Revision,
    *,
    keep: bool,
) -> migrations.Schema:
    """Return the change that the rollback makes to the database schema.

    Refuse a newer version if its migrations may be missing, and, unless `keep` is true, an older version if
    migrations cannot be undone.
    """
    now = choice.now
    if now.image == target.image:
        return migrations.Schema(None, "the same image", kept=not repository.migrates())
    if choice.is_newer(target) and (keep or not repository.migrates()):
        why = (
            "--keep-schema is only for older versions" if keep else "an earlier rollback kept another schema"
        )
        raise RefusedError(
            f"{target.version} is newer than {now.version}, and {why}. To deploy it with its migrations:"
            f" scripts/deploy.sh {repository.stack} --version {target.version}"
        )
    if not repository.migrates():
        return migrations.keep_schema(keep, "an earlier rollback kept a newer version's schema")
    return migrations.between(releases.migrations(now.image), releases.migrations(target.image), keep=keep)


def roll_back(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    target: Revision,
    schema: migrations.Schema,
    *,
    bad_image: str | None,
) -> None:
    """Undo the rollout and the migrations, commit the older image, run `pulumi up`, and check the health.

    If the older pods can no longer start, `pulumi up` alone replaces the pods. `bad_image` gets the verdict
    `bad`, so that no later rollback chooses it by default.
    """
    if bad_image:
        record(log, lambda: Releases(cluster).set_verdict(bad_image, BAD))
    if missing := revisions.missing_objects(cluster, target):
        log.line(
            f"the older pods cannot start, because {', '.join(missing)} is missing (as after a rotation)"
        )
        log.line("pulumi up rolls out the older image with the current Secrets and ConfigMaps")
    else:
        with log.step(f"kubectl rollout undo --to-revision={target.number}"):
            cluster.undo(API, target.number)
            cluster.rollout(API, log.line)
            log.results["seconds until the older version ran"] = round(log.seconds, 1)
    if schema.undo_to:
        command = migrate.npm("rollback", schema.undo_to)
        with log.step(f"undo migrations: {' '.join(command)}"):
            job = jobs.copy_job(migrate.last_migration_job(cluster), f"pipe-undo-{log.stamp}", "rollback")
            jobs.run(cluster, jobs.with_only_container(job, "migrate", command), log)
    settle_target(log, cluster, options, target, schema)


def settle_target(
    log: RunLog, cluster: Cluster, options: Options, target: Revision, schema: migrations.Schema
) -> None:
    """Write the image of a revision into the stack file, commit and apply it, and check the health."""
    subject = f"Roll {options.stack} back to {target.version}"
    settle(log, cluster, options, target.image, subject, migrate=not schema.kept)


def record(log: RunLog, write: Callable[[], None]) -> None:
    """Run `write`, which changes the record of releases; show a failure without raising it.

    The version itself works without the record.
    """
    try:
        write()
    except FailedError as error:
        log.line(f"not recorded: {error}")


def settle(
    log: RunLog, cluster: Cluster, options: Options, image: str, subject: str, *, migrate: bool
) -> None:
    """Write an image into the stack file, commit it, run `pulumi up`, and check the service's health."""
    repository = Repository(log.runner, options)
    with log.step("commit the older image"):
        if options.dry_run:
            log.plan(f"would write {image} into {stack_file.path(options.stack).name}")
        else:
            stack_file.write(options.stack, image, migrate=migrate)
        stack_commit.commit(log, repository, subject, image, migrate=migrate)
    with log.step("pulumi up: set the state to the older image"):
        pulumi_up.up_from_here(log, options)
    with log.step("health"):
        health.wait_until_healthy(log, cluster, options, image)


if __name__ == "__main__":
    sys.exit(main())
