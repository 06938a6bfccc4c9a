"""Deploy a version of the service and check it. Without --version, deploy the stack file as it is.

1. Run tests, security scan and performance test, and check that the documents are current.
2. Build the image, unless the registry has it. All stacks share an image.
3. Deploy the frontend.
4. Run `pulumi up` with the policy pack. The migrations run before new pods start.
5. Commit the image to the stack file.
6. Check health, monitors, logs and the site as users see it. If a check fails, roll back.
7. Check that every monitor has data. If a monitor has no data, the run fails without a rollback.

After an interruption, run the same command again to continue.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from operations.delivery import checks, rollback
from operations.lib import command_line, health, migrations, pulumi_up, stack_file
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.kubernetes import revisions
from operations.lib.kubernetes.cluster import API, Cluster, connected
from operations.lib.kubernetes.releases import GOOD, Releases
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services import frontend, image


@dataclass
class Journal:
    """The progress of a deployment; after an interruption the next run skips the finished parts."""

    version: str
    """Value of --version; empty without this option."""
    target: str
    """`real` or `sandbox`."""
    before: str
    """Previous image, from the upstream's stack file, since the checkout's stack file may be older."""
    migrates: bool
    """True if the previous image ran its migrations; False if an earlier rollback kept a newer schema."""
    image: str = ""
    """Image to deploy."""
    has_started_frontend: bool = False
    """True once Vercel may serve a new frontend."""
    frontend: bool = False
    """True once Vercel serves the new frontend."""
    previous_frontend: str = ""
    """ID of the Vercel deployment that visitors got before; empty if there was none."""
    alerts: list[str] = field(default_factory=list[str])
    """Monitors that were alerting before the deployment."""
    errors: list[str] = field(default_factory=list[str])
    """Kinds of errors in the API's logs before the deployment."""
    has_baseline: bool = False
    """True once `alerts` and `errors` are recorded."""

    def save(self, options: Options) -> None:
        """Write the journal to its file; a dry run writes nothing."""
        if options.dry_run:
            return
        file = journal_file(options.stack)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2) + "\n")
        new.replace(file)


def journal_file(stack: str) -> Path:
    return ROOT / ".runs" / stack / "unfinished.json"


def read_journal(stack: str) -> Journal | None:
    """Return the journal of an interrupted deployment; None if there is no file.

    Refuse a file that is unreadable or not a journal: a new journal would replace the only record of what the
    interrupted run changed.
    """
    file = journal_file(stack)
    name = file.relative_to(ROOT)
    try:
        entries = json.loads(file.read_text())
        if missing := {entry.name for entry in fields(Journal)} - set(entries):
            raise KeyError(*missing)
        return Journal(**entries)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(
            f"{name}, the journal of an interrupted deployment, cannot be read ({error.strerror}); to make it"
            f" readable: sudo chown -R $USER {name.parent}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            f"{name} is not a journal of a deployment ({type(error).__name__}); to start a new deployment:"
            f" git checkout {stack_file.path(stack).name} && rm {name}"
        ) from None


def delete_journal(options: Options) -> None:
    """Delete the journal once the deployment has succeeded or has been rolled back."""
    if not options.dry_run:
        journal_file(options.stack).unlink(missing_ok=True)


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("deploy", __doc__ or "")
    parser.add_argument("--version", metavar="V", help="tag of the image (default: the stack file's image)")
    parser.add_argument("--skip-frontend", action="store_true", help="do not deploy the frontend")
    parser.add_argument(
        "--skip-checks",
        action="store_true",
        help="with TARGET=sandbox only: skip the checks, which take half an hour",
    )
    parser.add_argument(
        "--soak",
        type=float,
        metavar="SECONDS",
        help=f"seconds to watch the monitors (default: {health.SOAK_SECONDS:.0f}; 0 in a sandbox)",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.version:
        stack_file.checked_version(arguments.version)
    if arguments.skip_checks and options.target == "real":
        raise RefusedError(
            "--skip-checks works with TARGET=sandbox only: a real stack is not deployed without its checks"
        )
    return perform("deploy", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Deploy the version and check it; return the final message."""
    repository = Repository(log.runner, options)
    with connected(log.runner, options) as cluster:
        with log.step("preconditions"):
            journal = begin(log, cluster, options, arguments, repository)
        options.confirm(f"Deploying {arguments.version or 'the stack file'} to {options.stack}")
        try:
            deploy(log, cluster, options, arguments, repository, journal)
        except KeyboardInterrupt:
            raise CommandStopped(stopped(log, cluster, options, journal)) from None
    rollback.check_pushed(log)
    # A failure here causes no rollback: the version works, but a later failure would go unnoticed.
    with log.step("every monitor has data"):
        health.check_monitor_data(log, options)
    return f"{options.stack} runs {stack_file.version(journal.image)}"


def deploy(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    arguments: argparse.Namespace,
    repository: Repository,
    journal: Journal,
) -> None:
    """Deploy the version and check it; roll back if that fails.

    Once the deployment of the frontend has begun, a RefusedError counts as a failure.
    """
    if not arguments.skip_checks:
        checks.run(log, options)
    if arguments.version:
        with log.step(f"image of {arguments.version}"):
            journal.image = image.ensure(log, options, arguments.version)
    repository.mark()
    if not arguments.skip_frontend and not journal.frontend:
        try:
            deploy_frontend(log, options, journal)
        except (FailedError, RefusedError) as error:
            problems = undo_frontend(log, options, journal)
            message = "\nNot rolled back: ".join([str(error), *problems])
            if journal.has_started_frontend and not problems:
                message += "\nThe previous frontend is served, and this run did not change the API."
            raise FailedError(message) from None
    new = journal.image
    log.results |= {"image": new, "previous image": journal.before}
    try:
        bring_up(log, cluster, options, journal, repository)
        soak = 0.0 if options.target == "sandbox" else health.SOAK_SECONDS
        baseline = health.Baseline(journal.alerts, journal.errors)
        soak = soak if arguments.soak is None else arguments.soak
        health.check_deployment(log, cluster, options, new, baseline, soak)
    except (FailedError, RefusedError) as error:
        undo(log, cluster, options, journal, error)
    rollback.record(log, lambda: Releases(cluster).set_verdict(new, GOOD))
    delete_journal(options)


def deploy_frontend(log: RunLog, options: Options, journal: Journal) -> None:
    """Record the Vercel deployment that a rollback restores, and deploy the new frontend."""
    is_real = options.target == "real"
    with log.step("frontend"):
        before = frontend.served(log, options)
        if not journal.has_started_frontend:
            journal.has_started_frontend, journal.previous_frontend = is_real, before
            journal.save(options)
        frontend.deploy(log, options, before)
    journal.frontend = is_real
    journal.save(options)


def stopped(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
    """Return the message after Ctrl-C, with the running version and the next command."""
    again = "To continue, run the same command again"
    file = stack_file.path(options.stack).name
    if options.dry_run:
        return "stopped; a dry run changes nothing"
    try:
        deployment = cluster.get(API)
    except FailedError as error:
        message = f"stopped; the cluster did not report which version runs: {error}"
        return "\n".join([message, *frontend_lines(journal), f"{again}."])
    running, status = revisions.image_of(deployment["spec"]["template"]), deployment.get("status", {})
    pods = f"{status.get('updatedReplicas', 0)} of {deployment['spec']['replicas']} pods"
    lines = [f"stopped; {options.stack} runs {stack_file.version(running)} in {pods}"]
    lines += frontend_lines(journal)
    before = stack_file.version(journal.before)
    file_image = stack_file.image(stack_file.path(options.stack).read_text())
    if running != journal.before:
        lines.append(f"{again}. To go back: scripts/rollback.sh {options.stack} --to-version {before}")
    elif file_image != journal.before:
        lines.append(f"{file} already names {stack_file.version(file_image)}.")
        lines.append(f"{again}. To give up the deployment: git checkout {file}")
    else:
        is_restorable = journal.has_started_frontend and journal.previous_frontend
        remedy = "restore the previous frontend" if is_restorable else "do nothing"
        lines.append(f"{again}. To give up the deployment, {remedy}.")
    if log.steps[-1].title.startswith("pulumi up"):
        lines.append(f"If Pulumi reports that the stack is locked: pulumi cancel --stack {options.stack}")
    return "\n".join(lines)


def frontend_lines(journal: Journal) -> list[str]:
    """Return the line about a new frontend for the message after Ctrl-C; empty without a new frontend."""
    if not journal.has_started_frontend:
        return []
    state = f"The new frontend {'is' if journal.frontend else 'may be'} served."
    if not journal.previous_frontend:
        return [f"{state} No frontend was served before."]
    return [f"{state} To restore the previous frontend: vercel rollback {journal.previous_frontend}"]


def begin(
    log: RunLog, cluster: Cluster, options: Options, arguments: argparse.Namespace, repository: Repository
) -> Journal:
    """Refuse a deployment that cannot succeed; return the journal of an interrupted run, or a new one."""
    version = arguments.version or ""
    if not arguments.skip_frontend:
        frontend.check(options)
    repository.check(log.line)
    repository.check_bot()
    repository.check_upstream()
    committed = repository.committed()
    repository.check_own(committed)
    if not version:
        image.check_exists(log, options, committed)
    journal = Journal(version, options.target, committed, repository.migrates(), image=committed)
    earlier = read_journal(options.stack)
    if earlier and (earlier.version, earlier.target) == (version, options.target):
        log.line(f"continuing the interrupted deployment; previous image: {earlier.before}")
        journal = earlier
    elif earlier:
        give_up(log, options, earlier, journal)
    if not journal.has_baseline:
        baseline = health.read_baseline(log, cluster, options)
        journal.alerts, journal.errors, journal.has_baseline = baseline.alerts, baseline.errors, True
    journal.save(options)
    log.line(f"deployed now: {journal.before}")
    return journal


def give_up(log: RunLog, options: Options, earlier: Journal, journal: Journal) -> None:
    """Reset the stack file, and keep the state from before an interrupted deployment in the new journal.

    The state is the previous frontend, the alerts and the kinds of errors. Otherwise, a rollback would
    restore the frontend of the interrupted deployment. If that deployment committed its image, the journal
    keeps nothing: its frontend belongs to the image that is now the previous one.
    """
    log.line(f"giving up the interrupted deployment of {earlier.version or 'the stack file'}")
    if not options.dry_run:
        stack_file.write(options.stack, journal.before, migrate=journal.migrates)
    is_same_state = (earlier.target, earlier.before) == (journal.target, journal.before)
    if earlier.has_started_frontend and is_same_state:
        log.line(f"its frontend may be served; the previous one is {earlier.previous_frontend or 'none'}")
        journal.has_started_frontend, journal.previous_frontend = True, earlier.previous_frontend
        journal.alerts, journal.errors = earlier.alerts, earlier.errors
        journal.has_baseline = earlier.has_baseline


def bring_up(
    log: RunLog, cluster: Cluster, options: Options, journal: Journal, repository: Repository
) -> None:
    """Write the image into the stack file, run `pulumi up`, and record and commit the image."""
    new, migrate = journal.image, journal.migrates or journal.image != journal.before
    with log.step("pulumi up: migrations, then new pods"):
        if options.dry_run:
            log.plan(f"would write {new} into {stack_file.path(options.stack).name}")
        else:
            stack_file.write(options.stack, new, migrate=migrate)
        pulumi_up.up(log, options)
    releases = Releases(cluster)
    with log.step("record the version and its migrations"):
        rollback.record(log, lambda: releases.add(new, known_migrations(log, options, new, releases)))
    with log.step("commit the image"):
        subject = f"Deploy {stack_file.version(new)} to {options.stack}"
        rollback.commit(log, repository, subject, new, migrate=migrate)


def known_migrations(log: RunLog, options: Options, new: str, releases: Releases) -> tuple[str, ...] | None:
    """Return the migrations of the version to deploy; None if they are unknown.

    A sandbox's image is not built, so its migrations are read from the service's checkout. Without a
    checkout, the result is empty.
    """
    if options.target == "sandbox":
        return migrations.list_migrations(migrations.source()) or ()
    recorded = releases.migrations(new)
    if migrations.is_checked_out(log.runner, stack_file.version(new)):
        return migrations.list_migrations(migrations.source()) or recorded
    return recorded


def undo(
    log: RunLog, cluster: Cluster, options: Options, journal: Journal, why: FailedError | RefusedError
) -> None:
    """Roll back the API, then the frontend; always raise FailedError with the result."""
    database, problems = "", list[str]()
    try:
        database = undo_api(log, cluster, options, journal)
    except (FailedError, RefusedError) as error:
        problems.append(str(error))
    problems += undo_frontend(log, options, journal)
    if problems:
        raise FailedError("\nNot rolled back: ".join([str(why), *problems]) + database)
    delete_journal(options)
    log.results["rolled back to"] = journal.before
    version = stack_file.version(journal.before)
    raise FailedError(f"{why}\nRolled back: {options.stack} runs {version} again{database}")


def undo_frontend(log: RunLog, options: Options, journal: Journal) -> list[str]:
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
    journal.save(options)
    return []


def undo_api(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
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
    newer_migrations = known_migrations(log, options, journal.image, releases)
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


if __name__ == "__main__":
    sys.exit(main())
