"""Upgrade of PostgreSQL to another major version, in place, as RDS documents it.

Blue/green deployments "don't support managing master user passwords with AWS Secrets Manager" (RDS user
guide, limitations for blue/green deployments), so they are not possible for this database.
"""

import time
from typing import Any

from components.common.image_reference import parse_image_reference
from operations.lib import stack_commit
from operations.lib.command_line import Options
from operations.lib.database import program_state, recovery, settling
from operations.lib.database.instances import Description, Instances, identifier
from operations.lib.database.pending import pending
from operations.lib.database.recovery import Source
from operations.lib.errors import FailedError, RefusedError
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog


def major(version: str) -> str:
    """Return the major part of a version, such as 17 of 17.7."""
    return version.partition(".")[0]


def target_version(rds: Instances, live: Description, to: str) -> str:
    """Return the newest minor version of `to` to which RDS upgrades the instance; refuse if there is none."""
    versions = rds.call(
        "describe_db_engine_versions", Engine="postgres", EngineVersion=live["EngineVersion"]
    )["DBEngineVersions"]
    targets = [target["EngineVersion"] for version in versions for target in version["ValidUpgradeTarget"]]
    matches = [target for target in targets if major(target) == to]
    if not matches:
        majors = sorted({major(target) for target in targets} - {major(live["EngineVersion"])}, key=int)
        raise RefusedError(
            f"--to {to}: RDS does not upgrade PostgreSQL {live['EngineVersion']} to it; allowed:"
            f" {', '.join(majors) or 'none'}"
        )
    return max(matches, key=lambda target: [int(number) for number in target.split(".")])


def check_file(options: Options, to: str) -> None:
    """Refuse a version that the pg_dump in the backup image is too old to dump (PostgreSQL, pg_dump)."""
    image = options.settings["backups"]["image"]
    client = major(parse_image_reference(image).tag)
    if client.isdigit() and int(client) < int(to):
        raise RefusedError(
            f"pipe:backups.image is {image}, whose pg_dump cannot dump PostgreSQL {to}. First deploy an image"
            f" of PostgreSQL {to}, which can also dump the current version: change pipe:backups.image in"
            f" Pulumi.{options.stack}.yaml"
        )


def rehearse(log: RunLog, options: Options, to: str) -> str:
    """Upgrade a copy of the database, then delete it; return the final message with the duration."""
    rds, live = Instances(log, options), identifier(options)
    copy = f"{live}-rehearsal"
    with log.step(f"RDS upgrades {live} to PostgreSQL {to}"):
        instance = rds.get(live)
        version = target_version(rds, instance, to)
        check_file(options, to)
        log.line(f"{instance['EngineVersion']} to {version}")
    with log.step(f"a copy of the database: {copy}"):
        if rds.find(copy) is None:
            recovery.restore(rds, Source(), copy, program_state.read(log, options), instance)
        present = rds.wait(copy, "available")
    seconds = 0.0
    with log.step(f"upgrade {copy}"):
        if major(present.get("EngineVersion", "")) != to:
            begun = time.monotonic()
            upgrade_instance(rds, copy, version)
            seconds = time.monotonic() - begun
    with log.step(f"delete {copy}"):
        rds.change(
            "delete_db_instance",
            DBInstanceIdentifier=copy,
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )
    log.results |= {"seconds of the upgrade": round(seconds)}
    return (
        f"the rehearsal succeeded; the upgrade took {seconds / 60:.0f} minutes, during which the database"
        f" is unavailable. To upgrade {live}: scripts/database.sh {options.stack} upgrade --to {to}"
    )


def upgrade(log: RunLog, options: Options, to: str) -> str:
    """Take a snapshot, upgrade the database, and update the program; return the final message."""
    rds, live = Instances(log, options), identifier(options)
    snapshot = f"{live}-before-{to}"
    repository = Repository(log.runner, options)
    with log.step("the database can be upgraded"):
        repository.check(log.line)
        repository.check_committer()
        repository.check_upstream()
        instance = rds.wait(live, "available") or rds.get(live)
        is_upgraded = major(instance["EngineVersion"]) == to
        version = instance["EngineVersion"] if is_upgraded else target_version(rds, instance, to)
        check_file(options, to)
        waiting = pending(rds, instance)
        if not is_upgraded and (waiting.values or waiting.groups):
            raise RefusedError(
                f"changes of {live} are pending, and would apply with the upgrade:"
                f" {'; '.join(waiting.lines())}. First: scripts/database.sh {options.stack} apply --now"
            )
        log.line(
            "an earlier run has upgraded it" if is_upgraded else f"{instance['EngineVersion']} to {version}"
        )
    if not is_upgraded:
        options.confirm(f"Upgrading {live} of {options.stack} to PostgreSQL {version}, with downtime")
        with log.step(f"snapshot {snapshot}"):
            take_snapshot(log, options, rds, live, snapshot)
        with log.step(f"upgrade {live}"):
            upgrade_instance(rds, live, version)
    settling.settle(log, options, repository, to)
    log.results |= {"snapshot": snapshot}
    stack_commit.check_pushed(log)
    return (
        f"{live} has PostgreSQL {version}. To go back, without the data written from now on:"
        f" scripts/restore.sh {options.stack} --from rds --snapshot {snapshot}"
    )


def take_snapshot(log: RunLog, options: Options, rds: Instances, name: str, snapshot: str) -> None:
    """Take a snapshot of an instance and wait for it; an existing snapshot stays as it is."""
    existing = rds.call("describe_db_snapshots", DBInstanceIdentifier=name)["DBSnapshots"]
    if snapshot not in [description["DBSnapshotIdentifier"] for description in existing]:
        rds.change("create_db_snapshot", DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
    if options.dry_run:
        return

    def is_complete(_: Description) -> bool:
        [taken] = rds.call("describe_db_snapshots", DBSnapshotIdentifier=snapshot)["DBSnapshots"]
        return taken["Status"] == "available"

    rds.wait(name, f"available with the snapshot {snapshot}", is_complete)
    log.line(f"{snapshot} is available")


def upgrade_instance(rds: Instances, name: str, version: str) -> None:
    """Upgrade an instance at once, and wait for the new version; raise FailedError if RDS gives up.

    The instance gets the default parameter group of the new version until the program sets its own: a request
    needs a group of the new family (RDS API, ModifyDBInstance). From version 15 on, the default group refuses
    connections without TLS, as the program's own does (RDS user guide, SSL with PostgreSQL). RDS checks the
    database first, and keeps the old version if a check fails.
    """
    arguments: dict[str, Any] = {
        "DBInstanceIdentifier": name,
        "EngineVersion": version,
        "AllowMajorVersionUpgrade": True,
        "DBParameterGroupName": f"default.postgres{major(version)}",
        "ApplyImmediately": True,
    }
    rds.change("modify_db_instance", **arguments)

    def has_ended(instance: Description) -> bool:
        values = instance.get("PendingModifiedValues", {})
        return instance["EngineVersion"] == version or "EngineVersion" not in values

    instance = rds.wait(name, f"at PostgreSQL {version}", has_ended)
    if instance and instance["EngineVersion"] != version:
        events = rds.call("describe_events", SourceType="db-instance", SourceIdentifier=name)["Events"]
        last = "; ".join(event["Message"] for event in events[-3:])
        raise FailedError(
            f"RDS has not upgraded {name}; it is still at {instance['EngineVersion']}. Events: {last}. The"
            " log pg_upgrade_precheck.log of the instance names what must be removed from the database first"
        )
