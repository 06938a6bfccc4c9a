"""Deployment of a version of the service, or of the program as it is without --version.

Before: tests, security scan, performance test, current documents. Then the image (built once, the same for
all stacks), the frontend, `pulumi up` with the policy pack, in which migrations run before new pods, and a
commit of the image to the stack file. After: health, monitors, logs, what users see; else it is rolled back.
At last, whether every monitor has data to judge; if one has none, the run fails, and nothing is rolled back.

When it was interrupted, run it again: it goes on where it was.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from operations import checks, rollback
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
    """Finished parts of a deployment, so that an interrupted one does not repeat them."""

    version: str
    target: str
    before: str
    """The image that was deployed before, according to the upstream; this checkout may be older."""
    migrates: bool
    """True if its migrations ran, so the database had no newer version's schema."""
    image: str = ""
    frontend: bool = False
    """True once the new frontend is served."""
    served: str = ""
    """ID of the Vercel deployment that was served before; empty if there was none."""
    alerts: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    looked: bool = False

    def keep(self, options: Options) -> None:
        """Write the journal to its file, unless this is a dry run."""
        if options.dry_run:
            return
        file = unfinished(options.stack)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2) + "\n")
        new.replace(file)


def unfinished(stack: str) -> Path:
    return ROOT / ".runs" / stack / "unfinished.json"


def forget(options: Options) -> None:
    """Delete the journal of a deployment that succeeded or was rolled back."""
    if not options.dry_run:
        unfinished(options.stack).unlink(missing_ok=True)


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("deploy", __doc__ or "")
    parser.add_argument(
        "--version", metavar="V", help="the image's tag; default: the image of the stack file"
    )
    parser.add_argument("--skip-frontend", action="store_true", help="leave the frontend as it is")
    parser.add_argument(
        "--skip-checks",
        action="store_true",
        help="TARGET=sandbox only: without the half hour of tests, scan and bench",
    )
    parser.add_argument(
        "--soak",
        type=float,
        metavar="SECONDS",
        help=f"how long to watch the monitors (default: {health.SOAK_SECONDS:.0f}; 0 in a sandbox)",
    )
    return parser


@command_line.refusable
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.version:
        stack_file.checked_version(arguments.version)
    if arguments.skip_checks and options.target == "real":
        raise RefusedError(
            "--skip-checks: with TARGET=sandbox only; nothing real is deployed without its checks"
        )
    return perform("deploy", options, lambda log: work(log, options, arguments))


def work(log: RunLog, options: Options, arguments: argparse.Namespace) -> str:
    """Deploy and check; return the message for the end."""
    repository = Repository(log.runner, options)
    with connected(log.runner, options) as cluster:
        with log.step("ready to begin"):
            journal = begin(log, cluster, options, arguments, repository)
        options.confirm(f"Deploying {arguments.version or 'the stack file'} to {options.stack}")
        try:
            deploy(log, cluster, options, arguments, repository, journal)
        except KeyboardInterrupt:
            raise CommandStopped(stopped(log, cluster, options, journal)) from None
    rollback.check_pushed(log)
    # Not a reason to roll back: the version is well, but nobody would be told if it were not.
    with log.step("every monitor has data"):
        health.reporting(log, options)
    return f"{options.stack} runs {stack_file.version(journal.image)}"


def deploy(
    log: RunLog,
    cluster: Cluster,
    options: Options,
    arguments: argparse.Namespace,
    repository: Repository,
    journal: Journal,
) -> None:
    """Bring the version up and check it; roll back if that fails."""
    if not arguments.skip_checks:
        checks.run(log, options)
    if arguments.version:
        with log.step(f"image of {arguments.version}"):
            journal.image = image.ensure(log, options, arguments.version)
    repository.mark()
    if not arguments.skip_frontend and not journal.frontend:
        with log.step("frontend"):
            journal.served = journal.served or frontend.served(log, options)
            journal.keep(options)
            frontend.deploy(log, options, journal.served)
        journal.frontend = options.target == "real"
        journal.keep(options)
    new = journal.image
    log.results |= {"image": new, "image of before": journal.before}
    try:
        bring_up(log, cluster, options, journal, repository)
        soak = 0.0 if options.target == "sandbox" else health.SOAK_SECONDS
        seen = health.Before(journal.alerts, journal.errors)
        health.after(log, cluster, options, new, seen, soak if arguments.soak is None else arguments.soak)
    except FailedError as error:
        undo(log, cluster, options, journal, error)
    rollback.record(log, lambda: Releases(cluster).judge(new, GOOD))
    forget(options)


def stopped(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
    """Return the message after Ctrl-C: the version that runs, and the next command."""
    again = "The same command again goes on from here"
    file = stack_file.path(options.stack).name
    if options.dry_run:
        return "stopped; a dry run changes nothing"
    try:
        deployment = cluster.get(API)
    except FailedError as error:
        return f"stopped; the cluster does not say what runs now: {error}\n{again}."
    runs, status = revisions.image_of(deployment["spec"]["template"]), deployment.get("status", {})
    pods = f"{status.get('updatedReplicas', 0)} of {deployment['spec']['replicas']} pods"
    lines = [f"stopped; {options.stack} runs {stack_file.version(runs)}: {pods} are of it"]
    if journal.frontend:
        lines.append("The new frontend is served.")
    before, named = (
        stack_file.version(journal.before),
        stack_file.image(stack_file.path(options.stack).read_text()),
    )
    if runs != journal.before:
        lines.append(f"{again}; scripts/rollback.sh {options.stack} --to-version {before} goes back.")
    elif named != journal.before:
        lines.append(f"{file} names {stack_file.version(named)} already.")
        lines.append(f"{again}; git checkout {file} gives it up.")
    else:
        lines.append(f"{again}; to give it up, do nothing.")
    if log.steps[-1].title.startswith("pulumi up"):
        lines.append(f"If Pulumi says that the stack is locked: pulumi cancel --stack {options.stack}")
    return "\n".join(lines)


def begin(
    log: RunLog, cluster: Cluster, options: Options, arguments: argparse.Namespace, repository: Repository
) -> Journal:
    """Refuse a deployment that cannot succeed; return an interrupted run's journal, or a new one."""
    version = arguments.version or ""
    if not arguments.skip_frontend:
        frontend.check(options)
    repository.check(log.line)
    repository.check_upstream()
    committed = repository.committed()
    repository.check_own(committed)
    if not version:
        image.check_exists(log, options, committed)
    journal = Journal(version, options.target, committed, repository.migrates(), image=committed)
    try:
        unfinished_journal = Journal(**json.loads(unfinished(options.stack).read_text()))
    except (OSError, ValueError, TypeError):
        unfinished_journal = None
    if unfinished_journal and (unfinished_journal.version, unfinished_journal.target) == (
        version,
        options.target,
    ):
        log.line(f"going on with the deployment that was interrupted; before it: {unfinished_journal.before}")
        journal = unfinished_journal
    elif unfinished_journal:
        log.line(f"an interrupted deployment of {unfinished_journal.version or 'the stack file'} is given up")
        if not options.dry_run:
            stack_file.write(options.stack, committed, migrate=journal.migrates)
    if not journal.looked:
        seen = health.before(log, cluster, options)
        journal.alerts, journal.errors, journal.looked = seen.alerts, seen.errors, True
    journal.keep(options)
    log.line(f"deployed now: {journal.before}")
    return journal


def bring_up(
    log: RunLog, cluster: Cluster, options: Options, journal: Journal, repository: Repository
) -> None:
    """Run `pulumi up`, then record and commit the image."""
    new, migrate = journal.image, journal.migrates or journal.image != journal.before
    with log.step("pulumi up: migrations, then new pods"):
        if options.dry_run:
            log.plan(f"would write {new} into {stack_file.path(options.stack).name}")
        else:
            stack_file.write(options.stack, new, migrate=migrate)
        pulumi_up.up(log, options)
    releases = Releases(cluster)
    with log.step("record the version and its migrations"):
        rollback.record(log, lambda: releases.add(new, known(log, options, new, releases)))
    with log.step("commit the image"):
        subject = f"Deploy {stack_file.version(new)} to {options.stack}"
        rollback.commit(log, repository, subject, new, migrate=migrate)


def known(log: RunLog, options: Options, new: str, releases: Releases) -> tuple[str, ...] | None:
    """Return the migrations of the version that is deployed; None if they are unknown.

    A sandbox's image is not built, so its migrations come from the checkout of the service; without one there
    are none.
    """
    if options.target == "sandbox":
        return migrations.of(migrations.source()) or ()
    recorded = releases.migrations(new)
    if migrations.is_checked_out(log.runner, stack_file.version(new)):
        return migrations.of(migrations.source()) or recorded
    return recorded


def undo(log: RunLog, cluster: Cluster, options: Options, journal: Journal, why: FailedError) -> None:
    """Roll back automatically, the API first; always raise FailedError with the result."""
    kept, left = "", list[str]()
    try:
        kept = undo_api(log, cluster, options, journal)
    except (FailedError, RefusedError) as error:
        left.append(str(error))
    if journal.frontend:
        try:
            with log.step("frontend: back to the one of before"):
                frontend.roll_back(log, options, journal.served)
            journal.frontend = False
            journal.keep(options)
        except FailedError as error:
            left.append(f"the frontend is still the new one: {error}")
    if left:
        raise FailedError("\nNot rolled back: ".join([str(why), *left]) + kept)
    forget(options)
    log.results["rolled back to"] = journal.before
    version = stack_file.version(journal.before)
    raise FailedError(f"{why}\nRolled back: {options.stack} runs {version} again, as before{kept}")


def undo_api(log: RunLog, cluster: Cluster, options: Options, journal: Journal) -> str:
    """Restore the earlier pods, stack file and state; return a message about the database.

    The database keeps the newer schema. The earlier pods have just run on it, in parallel with the new ones,
    and undoing migrations may lose data, which nobody has confirmed.
    """
    before, version = journal.before, stack_file.version(journal.before)
    if journal.image == before:
        raise FailedError(
            f"the image is {version} as before: what is new is in the program, so git revert that"
        )
    kept = revisions.history(cluster)
    target = next((revision for revision in reversed(kept) if revision.image == before), None)
    if target is None:
        raise FailedError(f"the cluster keeps no pods of {version}")
    releases = Releases(cluster)
    lists = known(log, options, journal.image, releases), releases.migrations(before)
    schema = migrations.between(*lists, keep=True)
    newer = not journal.migrates or schema.kept or schema.undo_to is not None
    if target.number == kept[-1].number:
        log.line(f"the pods of {version} were never replaced")
        migrate = journal.migrates and not (newer and has_migrated(cluster, journal.image))
        subject = f"Keep {version} in {options.stack}"
        rollback.settle(log, cluster, options, before, subject, migrate=migrate)
        return ""
    left = None if journal.image == before else journal.image
    rollback.back(
        log, cluster, options, target, migrations.Schema(None, schema.description, kept=newer), left
    )
    if schema.undo_to is None:
        log.line(f"database: {schema.description}")
        return ""
    return (
        f"\nThe database keeps the newer schema; {schema.description}. This does it, and may lose data:\n"
        f"scripts/migrate.sh {options.stack} rollback --to {schema.undo_to} --version {kept[-1].version}"
    )


def has_migrated(cluster: Cluster, image: str) -> bool:
    """Return True if an image's migrations were started; a failed one may have changed the schema."""
    jobs = cluster.list("jobs", "app=pipe-migrate")
    return any(
        image in [revision["image"] for revision in job["spec"]["template"]["spec"]["containers"]]
        for job in jobs
    )


if __name__ == "__main__":
    sys.exit(main())
