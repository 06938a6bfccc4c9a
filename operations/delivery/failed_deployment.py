"""Rollback of a deployment that failed: the API, its schema and the frontend."""

from operations.delivery import rollback
from operations.delivery.journal import Journal, delete_journal
from operations.lib import migrations, stack_file
from operations.lib.command_line import Options
from operations.lib.errors import FailedError, RefusedError
from operations.lib.kubernetes import revisions
from operations.lib.kubernetes.cluster import Cluster
from operations.lib.kubernetes.releases import Releases
from operations.lib.run_log import RunLog
from operations.lib.services import frontend


def roll_back(
    log: RunLog, cluster: Cluster, options: Options, journal: Journal, why: FailedError | RefusedError
) -> None:
    """Roll back the API, then the frontend; always raise FailedError with the result."""
    database, problems = "", list[str]()
    try:
        database = restore_api(log, cluster, options, journal)
    except (FailedError, RefusedError) as error:
        problems.append(str(error))
    problems += restore_frontend(log, cluster, options, journal)
    if problems:
        raise FailedError("\nNot rolled back: ".join([str(why), *problems]) + database)
    rollback.record(log, lambda: delete_journal(cluster))
    log.results["rolled back to"] = journal.before
    version = stack_file.version(journal.before)
    raise FailedError(f"{why}\nRolled back: {options.stack} runs {version} again{database}")


def restore_frontend(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> list[str]:
    """Restore the previous frontend if Vercel serves a different deployment; return the problems."""
    if not journal.has_started_frontend:
        return []
    try:
        with log.step("restore the previous frontend"):
            if journal.frontend or frontend.served(log, options) != journal.previous_frontend:
                frontend.roll_back(log, options, journal.previous_frontend)
            else:
                log.skip("Vercel still serves it")
    except (FailedError, RefusedError) as error:
        return [f"the new frontend {'is still' if journal.frontend else 'may still be'} served: {error}"]
    journal.frontend = False
    rollback.record(log, lambda: journal.save(cluster))
    return []


def restore_api(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
    """Restore the earlier pods, stack file and state; return a message about the database, or "".

    Raises FailedError if the image did not change, or if the cluster keeps no revision of the earlier image.
    The database keeps the newer schema. The earlier pods ran on it during the rollout, and undoing migrations
    may lose data, which needs a confirmation.
    """
    before, version = journal.before, stack_file.version(journal.before)
    if journal.image == before:
        raise FailedError(
            f"the deployment changed only the program, not the image {version}, so there is no version to go"
            " back to: git revert the change"
        )
    history = revisions.history(cluster)
    target = next((revision for revision in reversed(history) if revision.image == before), None)
    if target is None:
        raise FailedError(f"the cluster keeps no revision of {version} to go back to")
    releases = Releases(cluster)
    newer_migrations = migrations.known_migrations(log.runner, options, journal.image, releases)
    schema = migrations.between(newer_migrations, releases.migrations(before), keep=True)
    newer = not journal.migrates or schema.kept or schema.undo_to is not None
    if target.number == history[-1].number:
        log.line(f"the pods of {version} were never replaced")
        migrate = journal.migrates and not (newer and has_migrated(cluster, journal.image))
        subject = f"Keep {version} in {options.stack}"
        rollback.settle(log, cluster, options, before, subject, migrate=migrate)
        return ""
    kept_schema = migrations.Schema(None, schema.description, kept=newer)
    rollback.roll_back(log, cluster, options, target, kept_schema, bad_image=journal.image)
    if schema.undo_to is None:
        log.line(f"database: {schema.description}")
        return ""
    return (
        f"\nThe database keeps the newer schema; {schema.description}. To undo them, which may lose data:\n"
        f"scripts/migrate.sh {options.stack} rollback --to {schema.undo_to} --version {history[-1].version}"
    )


def has_migrated(cluster: Cluster, image: str) -> bool:
    """Return True if an image's migration Job was started; even a failed Job may have changed the schema."""
    return any(
        container["image"] == image
        for job in cluster.list("jobs", "app=pipe-migrate")
        for container in job["spec"]["template"]["spec"]["containers"]
    )
