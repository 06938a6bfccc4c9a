"""Rolls the API back: kubectl rollout undo first, since it takes seconds; then the older image is committed
to the stack file and `pulumi up` agrees with it, so that nothing brings the bad version back. Where the older
pods cannot start again, since a Secret of theirs is gone (new passwords), `pulumi up` alone goes back.

Migrations between the two versions are undone, by the newer version's own scripts, once the older one runs.
"""

import sys
from collections.abc import Sequence

from scripts import engine, health, jobs, migrate, migrations, options, revisions, stack_file
from scripts.cluster import API, Cluster, connected
from scripts.options import Options, Refused
from scripts.process import Failed
from scripts.repository import Repository
from scripts.revisions import Revision
from scripts.steps import Steps, perform


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    parser = options.parser("rollback", __doc__ or "")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--to-revision",
        type=int,
        metavar="N",
        help="a revision of the Deployment; default: the version before",
    )
    which.add_argument("--to-version", metavar="V", help="an image's tag, or the first digits of its digest")
    parser.add_argument(
        "--keep-schema",
        action="store_true",
        help="where migrations cannot be undone: leave the database as it is under the older version",
    )
    given = parser.parse_args(words)
    chosen = options.options(given)

    def work(steps: Steps) -> str:
        repository = Repository(steps.programs, chosen)
        with connected(steps.programs, chosen) as cluster:
            with steps.step("what to go back to"):
                repository.check()
                look(steps, repository)
                kept = revisions.history(cluster)
                target = revisions.choose(kept, chosen.stack, given.to_revision, given.to_version)
                if target.image == kept[-1].image and (gone := revisions.gone(cluster, target)):
                    raise Refused(
                        f"revision {target.number} is of {target.version}, too, and cannot run again:"
                        f" {', '.join(gone)} is gone"
                    )
                schema = between(repository, kept[-1], target, keep=given.keep_schema)
                steps.line(f"from revision {kept[-1].number} ({kept[-1].version})")
                steps.line(f"to revision {target.number} ({target.version})")
                steps.line(f"database: {schema.said}")
            chosen.confirm(f"Rolling {chosen.stack} back from {kept[-1].version} to {target.version}")
            back(steps, cluster, chosen, target, schema)
        check_pushed(steps)
        return f"{chosen.stack} runs {target.version} again"

    return perform("rollback", chosen, work)


def look(steps: Steps, repository: Repository) -> None:
    """What others have pushed says which migrations lie between; a rollback does not wait for it."""
    try:
        repository.fetch()
    except Failed as error:
        steps.line(f"what is known here has to do: {error}")


def between(repository: Repository, newer: Revision, older: Revision, *, keep: bool) -> migrations.Schema:
    """What the database needs."""
    if newer.image == older.image:
        return migrations.Schema(None, "the same image", kept=not repository.migrates())
    if not repository.migrates():
        return migrations.kept(keep, "an earlier rollback has kept a newer version's schema")
    known = [repository.migrations(each.image) for each in (newer, older)]
    return migrations.between(known[0], known[1], keep=keep)


def back(
    steps: Steps, cluster: Cluster, chosen: Options, target: Revision, schema: migrations.Schema
) -> None:
    """Undo, undo migrations, commit, agree; without the first where the older pods cannot start any more."""
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
    subject = f"Roll {chosen.stack} back to {target.version}"
    settle(steps, cluster, chosen, target.image, subject, migrate=not schema.kept)


def commit(
    steps: Steps,
    repository: Repository,
    subject: str,
    image: str,
    known: Sequence[str] | None,
    *,
    migrate: bool,
) -> None:
    """Commits and pushes. A failure must not end the run here: `check_pushed` says it at the end."""
    try:
        steps.line(repository.commit(subject, image, known, migrate=migrate))
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
        known = repository.migrations(image)
        if chosen.dry_run:
            steps.line(f"would write {image} into {stack_file.path(chosen.stack).name}")
        else:
            stack_file.write(chosen.stack, image, migrate=migrate)
        commit(steps, repository, subject, image, known, migrate=migrate)
    with steps.step("pulumi up: the state agrees"):
        engine.up(steps, chosen)
    with steps.step("health"):
        health.healthy(steps, cluster, chosen, image)


if __name__ == "__main__":
    sys.exit(main())
