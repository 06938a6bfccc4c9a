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
import os
import sys
from collections.abc import Sequence

from operations.delivery import checks, failed_deployment, interruption, rollback
from operations.delivery.journal import Journal, delete_journal, read_journal
from operations.lib import command_line, health, migrations, pulumi_up, stack_commit, stack_file
from operations.lib.command_line import IN_WORKFLOW, Options
from operations.lib.errors import CommandStopped, FailedError, RefusedError
from operations.lib.kubernetes.cluster import Cluster, connected
from operations.lib.kubernetes.releases import GOOD, Releases
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog, perform
from operations.lib.services import frontend, image


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
            raise CommandStopped(interruption.message(log, cluster, options, journal)) from None
    stack_commit.check_pushed(log)
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
        is_workflow = options.target == "real" and os.environ.get(IN_WORKFLOW) == "true"
        checks.run(log, options, only_passed=is_workflow)
    if arguments.version:
        with log.step(f"image of {arguments.version}"):
            journal.image = image.ensure(log, options, arguments.version)
    repository.mark()
    if not arguments.skip_frontend and not journal.frontend:
        try:
            deploy_frontend(log, cluster, options, journal)
        except (FailedError, RefusedError) as error:
            problems = failed_deployment.restore_frontend(log, cluster, options, journal)
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
        failed_deployment.roll_back(log, cluster, options, journal, error)
    rollback.record(log, lambda: Releases(cluster).set_verdict(new, GOOD))
    delete_journal(cluster)


def deploy_frontend(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> None:
    """Record the Vercel deployment that a rollback restores, and deploy the new frontend."""
    is_real = options.target == "real"
    with log.step("frontend"):
        before = frontend.served(log, options)
        if not journal.has_started_frontend:
            journal.has_started_frontend, journal.previous_frontend = is_real, before
            journal.save(cluster)
        frontend.deploy(log, options, before)
    journal.frontend = is_real
    journal.save(cluster)


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
    earlier = read_journal(cluster, options.stack)
    if earlier and continues(earlier, journal):
        log.line(f"continuing the interrupted deployment; previous image: {earlier.before}")
        journal = earlier
    elif earlier:
        give_up(log, options, earlier, journal)
    if not journal.has_baseline:
        baseline = health.read_baseline(log, cluster, options)
        journal.alerts, journal.errors, journal.has_baseline = baseline.alerts, baseline.errors, True
    journal.save(cluster)
    log.line(f"deployed now: {journal.before}")
    return journal


def continues(earlier: Journal, journal: Journal) -> bool:
    """Return True if a deployment continues an interrupted one.

    If the committed image is of neither, a later deployment or rollback has replaced the interrupted one.
    """
    is_same = (earlier.version, earlier.target) == (journal.version, journal.target)
    return is_same and journal.before in (earlier.before, earlier.image)


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
        rollback.record(
            log, lambda: releases.add(new, migrations.known_migrations(log.runner, options, new, releases))
        )
    with log.step("commit the image"):
        subject = f"Deploy {stack_file.version(new)} to {options.stack}"
        stack_commit.commit(log, repository, subject, new, migrate=migrate)


if __name__ == "__main__":
    sys.exit(main())
