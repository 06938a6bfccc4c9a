"""Rolls the API back: kubectl rollout undo first, since it takes seconds; then the older image is committed
to the stack file and `pulumi up` agrees with it, so that nothing brings the bad version back. Where the older
pods cannot start again, since a Secret of theirs is gone (new passwords), `pulumi up` alone goes back.

Migrations between the two versions are undone, by the newer version's own scripts, once the older one runs.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from operations import migrate
from operations.lib import health, image, jobs, migrations, options, pulumi_up, revisions, stack_file
from operations.lib.cluster import API, Cluster, connected
from operations.lib.command_runner import Failed
from operations.lib.options import Options, Refused, Stopped
from operations.lib.releases import BAD, UNJUDGED, Releases
from operations.lib.repository import Repository
from operations.lib.revisions import Revision
from operations.lib.run_log import Steps, perform


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    parser = options.parser("rollback", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--to-revision",
        type=int,
        metavar="N",
        help="a revision of the Deployment; default: the newest older version that was good",
    )
    which.add_argument("--to-version", metavar="V", help="an image's tag, or the first digits of its digest")
    parser.add_argument(
        "--keep-schema",
        action="store_true",
        help="where migrations cannot be undone: leave the database as it is under the older version",
    )
    given = parser.parse_args(words)
    chosen = options.options(given)

    return perform("rollback", chosen, lambda steps: work(steps, chosen, given))


def work(steps: Steps, chosen: Options, arguments: argparse.Namespace) -> str:
    """Choose, ask, go back."""
    repository = Repository(steps.programs, chosen)
    with connected(steps.programs, chosen) as cluster:
        with steps.step("what to go back to"):
            repository.check(steps.line)
            look(steps, repository)
            releases = Releases(cluster)
            choice = revisions.Choice(revisions.history(cluster), releases.read(), chosen.stack)
            target, now = chosen_revision(choice, arguments, repository), choice.now
            repository.check_own(target.image)
            if target is not now and target.image == now.image and (gone := revisions.gone(cluster, target)):
                raise Refused(
                    f"revision {target.number} is of {target.version}, too, and cannot run again:"
                    f" {', '.join(gone)} is gone"
                )
            image.check_exists(steps, chosen, target.image, required=False)
            forward = choice.is_newer(target)
            schema = between(repository, releases, choice, target, keep=arguments.keep_schema)
            steps.line(f"from revision {now.number} ({now.version})")
            steps.line(f"to revision {target.number} ({target.version}): {choice.reason(target)}")
            steps.line(f"database: {schema.said}")
        chosen.confirm(f"Rolling {chosen.stack} back from {now.version} to {target.version}")
        left = None if forward or target.image == now.image else now.image
        try:
            if target is now:
                steps.line(f"{target.version} runs already; what is left is the stack file and the state")
                settle_target(steps, cluster, chosen, target, schema)
            else:
                back(steps, cluster, chosen, target, schema, left)
        except KeyboardInterrupt:
            raise Stopped(stopped(chosen, target)) from None
        if choice.verdict(target) == BAD:
            record(steps, lambda: releases.judge(target.image, UNJUDGED))
    check_pushed(steps)
    return f"{chosen.stack} runs {target.version} again"


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
            raise Refused(f"{arguments.to_version} is what runs now")
        return choice.now
    return target


def stopped(chosen: Options, target: Revision) -> str:
    """Say what to do after Ctrl-C."""
    if chosen.dry_run:
        return "stopped; a dry run changes nothing"
    return (
        f"stopped on the way back to {target.version}: the pods, the stack file and Pulumi's state may"
        " disagree\n"
        f"This goes on: scripts/rollback.sh {chosen.stack} --to-version {target.version}\n"
        f"This says what runs now: scripts/doctor.sh {chosen.stack}"
    )


def look(steps: Steps, repository: Repository) -> None:
    """Ask for what others have pushed, and whether they take a push; a rollback waits for neither."""
    try:
        repository.fetch()
        repository.check_push()
    except (Failed, Refused) as error:
        steps.line(f"the rollback goes on, and its commit may have to be pushed by hand: {error}")


def between(
    repository: Repository,
    releases: Releases,
    choice: revisions.Choice,
    target: Revision,
    *,
    keep: bool,
) -> migrations.Schema:
    """Return what the database needs; refuse to take a newer version to a schema that it may not know."""
    now = choice.now
    if now.image == target.image:
        return migrations.Schema(None, "the same image", kept=not repository.migrates())
    if choice.is_newer(target) and (keep or not repository.migrates()):
        why = "--keep-schema only goes back" if keep else "an earlier rollback has kept another schema"
        raise Refused(
            f"{target.version} is newer than {now.version}, and {why}; a newer version is deployed, with its"
            f" migrations: scripts/deploy.sh {repository.stack} --version {target.version}"
        )
    if not repository.migrates():
        return migrations.kept(keep, "an earlier rollback has kept a newer version's schema")
    return migrations.between(releases.migrations(now.image), releases.migrations(target.image), keep=keep)


def back(
    steps: Steps,
    cluster: Cluster,
    chosen: Options,
    target: Revision,
    schema: migrations.Schema,
    left: str | None,
) -> None:
    """Undo, undo migrations, commit, agree; without the first where the older pods cannot start any more.

    `left` is the image that turned out to be bad; no later rollback goes to it by itself.
    """
    if left:
        record(steps, lambda: Releases(cluster).judge(left, BAD))
    if gone := revisions.gone(cluster, target):
        steps.line(f"its pods cannot start: {', '.join(gone)} is gone, as after new passwords")
        steps.line("its image is rolled out with what there is now, by pulumi up")
    else:
        with steps.step(f"kubectl rollout undo --to-revision={target.number}"):
            cluster.undo(API, target.number)
            cluster.rollout(API, steps.line)
            steps.results["seconds until the older version ran"] = round(steps.seconds, 1)
    if schema.undo_to:
        command = migrate.npm("rollback", schema.undo_to)
        with steps.step(f"undo migrations: {' '.join(command)}"):
            job = jobs.derived(migrate.deployed(cluster), f"pipe-undo-{steps.stamp}", "rollback")
            jobs.run(cluster, jobs.alone(job, "migrate", command), steps)
    settle_target(steps, cluster, chosen, target, schema)


def settle_target(
    steps: Steps, cluster: Cluster, chosen: Options, target: Revision, schema: migrations.Schema
) -> None:
    """Let everything say that a revision runs."""
    subject = f"Roll {chosen.stack} back to {target.version}"
    settle(steps, cluster, chosen, target.image, subject, migrate=not schema.kept)


def record(steps: Steps, write: Callable[[], None]) -> None:
    """Write the record of releases; that it cannot be written is no reason to undo what runs well."""
    try:
        write()
    except Failed as error:
        steps.line(f"not recorded: {error}")


def commit(steps: Steps, repository: Repository, subject: str, image: str, *, migrate: bool) -> None:
    """Commits and pushes. A failure must not end the run here: `check_pushed` says it at the end."""
    try:
        steps.line(repository.commit(subject, image, migrate=migrate))
    except Failed as error:
        steps.results["not pushed"] = str(error)
        steps.line(str(error))


def check_pushed(steps: Steps) -> None:
    """A failure if a commit of this run is on this machine alone."""
    if error := steps.results.get("not pushed"):
        raise Failed(
            f"all is done, but the commit could not be pushed; git push, or the next one undoes it: {error}"
        )


def settle(
    steps: Steps, cluster: Cluster, chosen: Options, image: str, subject: str, *, migrate: bool
) -> None:
    """Stack file, repository and state say what the cluster runs."""
    repository = Repository(steps.programs, chosen)
    with steps.step("commit the older image"):
        if chosen.dry_run:
            steps.plan(f"would write {image} into {stack_file.path(chosen.stack).name}")
        else:
            stack_file.write(chosen.stack, image, migrate=migrate)
        commit(steps, repository, subject, image, migrate=migrate)
    with steps.step("pulumi up: the state agrees"):
        pulumi_up.up(steps, chosen)
    with steps.step("health"):
        health.healthy(steps, cluster, chosen, image)


if __name__ == "__main__":
    sys.exit(main())
