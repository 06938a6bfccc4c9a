"""Recovery of the database from RDS's own backups: a new instance, a check, and a swap of names.

RDS restores into a new instance only. The new instance gets the name of the old one, and so its endpoint and
its ARN; the old instance is kept under another name. The names of the instances show how far a run came. So
after a run was killed, the same command continues it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.lib import stack_commit
from operations.lib.command_line import Options
from operations.lib.database import program_state, settling
from operations.lib.database.instances import Description, Instances, identifier
from operations.lib.database.kept_instances import deletion_command, kept_lines, release
from operations.lib.database.program_state import DeclaredInstance
from operations.lib.errors import FailedError, RefusedError
from operations.lib.repository import Repository
from operations.lib.run_log import RunLog
from operations.lib.stack_state import name_of

OUTAGE = "about 20 minutes"
"""Time during which nobody can use the database. A renamed instance is not available until its new DNS name
is effective, after about ten minutes (RDS user guide, renaming a DB instance), and there are two renames."""


@dataclass(frozen=True)
class Source:
    """A state of the database that RDS can restore: that of a moment, or that of a snapshot."""

    time: datetime | None = None
    """Moment in UTC; None for a snapshot, and for the latest moment that RDS can restore."""
    snapshot: str = ""
    """Name of a snapshot; empty for a moment."""

    @property
    def label(self) -> str:
        """Text in the names of the instances: 20240301t170000z, or the snapshot's name in lower case."""
        return f"{self.time:%Y%m%dt%H%M%Sz}" if self.time else self.snapshot.lower()

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%dT%H:%M:%SZ}" if self.time else f"the snapshot {self.snapshot}"


@dataclass(frozen=True)
class Names:
    """Names of the instances of a recovery."""

    live: str
    """Name that the program declares; after the swap, the new instance has it."""
    new: str
    """Name of the new instance before the swap."""
    old: str
    """Name of the replaced instance after the swap."""


def names(options: Options, source: Source) -> Names:
    """Return the names of a recovery; every run with the same source has the same names."""
    live = identifier(options)
    label = source.label.removeprefix(f"{live}-")
    return Names(live, f"{live}-new-{label}", f"{live}-old-{label}")


def recover(log: RunLog, options: Options, source: Source, *, swap: bool = True) -> str:
    """Restore the database, check it, swap it in and let the program manage it; return the final message.

    Without `swap`, the run ends after the check of the new instance. If the program already manages the new
    instance, only the last steps are repeated, since an earlier `pulumi up` may have failed. Raises
    RefusedError for the reasons of `check_start`, and FailedError if RDS refuses a step or the new instance
    differs.
    """
    rds, name = Instances(log, options), names(options, source)
    repository = Repository(log.runner, options)
    with log.step("how far an earlier run came"):
        repository.check(log.line)
        repository.check_upstream_if_it_responds(log.line)
        declared = program_state.read(log, options)
        new, old = rds.find(name.new), rds.find(name.old)
        is_adopted = check_start(log, options, source, declared, rds)
    if is_adopted:
        options.confirm(f"Repeating the last steps of an earlier recovery of {name.live} with pulumi up")
        lines = finish(log, options, rds, name, repository)
        return "\n".join([f"the last steps are repeated; {name.live} was not restored again", *lines])
    if old is None:
        question = f"Replacing {name.live} of {options.stack} with its state of {source}; the API will fail"
        options.confirm(f"{question} for {OUTAGE}, and only {name.old} keeps later writes")
        if new is None:
            with log.step(f"RDS restores {source} into {name.new}"):
                restore(rds, source, name.new, declared, rds.get(name.live))
        with log.step(f"{name.new} is available"):
            rds.wait(name.new, "available")
        with log.step(f"check {name.new}"):
            check(log, options, rds, name, declared)
        if not swap:
            return (
                f"{name.new} has the state of {source}; {name.live} is unchanged. To continue, run the same"
                f" command without --no-swap. To delete it instead: {deletion_command(options, name.new)}"
            )
        with log.step(f"rename {name.live} to {name.old}"):
            rename(rds, name.live, name.old)
    if rds.find(name.live) is None or options.dry_run:
        with log.step(f"rename {name.new} to {name.live}"):
            rename(rds, name.new, name.live)
    with log.step(f"settings, logs and a new master password of {name.live}"):
        complete(rds, name.live, declared)
    with log.step(f"free the parameter group and the logs of {name.old}"):
        release(rds, name.old)
    with log.step(f"the program manages the new {name.live}"):
        if not options.dry_run:
            resource_id = rds.get(name.live)["DbiResourceId"]
            program_state.adopt(log, options, declared.urn, resource_id)
            log.line(f"{name_of(declared.urn)}: {resource_id} instead of {declared.resource_id}")
    lines = finish(log, options, rds, name, repository)
    return "\n".join([f"{name.live} has the state of {source}", *lines])


def finish(
    log: RunLog, options: Options, rds: Instances, name: Names, repository: Repository
) -> Sequence[str]:
    """Apply the program to the new instance; return lines about the replaced one."""
    version = rds.get(name.live)["EngineVersion"].partition(".")[0]
    settling.settle(log, options, repository, version)
    with log.step(f"what {name.old} costs"):
        lines = kept_lines(options, name.old, rds.find(name.old) or {})
        for line in lines:
            log.line(line)
    log.results |= {"previous instance": name.old}
    stack_commit.check_pushed(log)
    return lines


def check_start(
    log: RunLog, options: Options, source: Source, declared: DeclaredInstance, rds: Instances
) -> bool:
    """Refuse a recovery that cannot continue, or whose moment RDS cannot restore yet.

    Returns True if the program already manages the new instance.
    """
    name = names(options, source)
    live, new, old = rds.find(name.live), rds.find(name.new), rds.find(name.old)
    if old is not None:
        if live is None and new is None:
            raise RefusedError(
                f"{name.old} exists, but neither {name.new} nor {name.live}: somebody deleted the restored"
                f" instance. To bring the old one back: aws rds modify-db-instance --db-instance-identifier"
                f" {name.old} --new-db-instance-identifier {name.live} --apply-immediately"
            )
        if live is not None and new is not None:
            raise RefusedError(
                f"{name.live}, {name.new} and {name.old} exist, which no run leaves behind; rename or delete"
                f" {name.old}, and run this again"
            )
        if live is not None and live["DbiResourceId"] == declared.resource_id:
            log.line(
                f"the program already manages the instance that replaced {name.old}, so this run only repeats"
                f" the last steps. For another recovery of {source}, first delete {name.old}"
            )
            return True
        log.line("an earlier run was interrupted during the swap; this run continues it")
        return False
    if live is None:
        raise RefusedError(f"there is no RDS instance {name.live} to restore: see docs/disaster-recovery.md")
    if new is not None:
        log.line(f"an earlier run has created {name.new}; this run continues it")
        return False
    latest = live.get("LatestRestorableTime")
    if source.time and (latest is None or source.time > latest):
        shown = f"{latest:%Y-%m-%dT%H:%M:%SZ}" if latest else "none"
        raise RefusedError(
            f"--at {source}: RDS cannot restore it yet; the latest moment is {shown}, and it grows every five"
            f" minutes. Choose an earlier moment: scripts/restore.sh {options.stack} --from rds --at {shown}"
        )
    return False


def restore(
    rds: Instances, source: Source, target: str, declared: DeclaredInstance, live: Description
) -> None:
    """Create an instance from a backup, with the declared settings.

    By default, RDS would use the default security group and parameter group, and a single zone (RDS API,
    RestoreDBInstanceToPointInTime). `complete` sets the rest later: RDS cannot manage the password of a
    restored PostgreSQL from the start ("Applies to RDS for Oracle only"), and logs would go to log groups
    with the temporary name.
    """
    inputs = declared.inputs
    arguments: dict[str, Any] = {
        "TargetDBInstanceIdentifier": target,
        "DBInstanceClass": inputs["instanceClass"],
        "DBSubnetGroupName": inputs["dbSubnetGroupName"],
        "VpcSecurityGroupIds": inputs["vpcSecurityGroupIds"],
        "MultiAZ": inputs["multiAz"],
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": inputs["autoMinorVersionUpgrade"],
        "CopyTagsToSnapshot": inputs["copyTagsToSnapshot"],
        # RDS may have enlarged the storage.
        "AllocatedStorage": max(inputs["allocatedStorage"], live["AllocatedStorage"]),
        "BackupRetentionPeriod": inputs["backupRetentionPeriod"],
        "PreferredBackupWindow": inputs["backupWindow"],
        "CACertificateIdentifier": inputs["caCertIdentifier"],
        "EngineLifecycleSupport": inputs["engineLifecycleSupport"],
        "Tags": [tag for tag in live["TagList"] if not tag["Key"].startswith("aws:")],
    }
    version = live["EngineVersion"]
    if source.snapshot:
        [taken] = rds.call("describe_db_snapshots", DBSnapshotIdentifier=source.snapshot)["DBSnapshots"]
        version = taken["EngineVersion"]
    major = version.partition(".")[0]
    group = inputs["parameterGroupName"]
    family = f"postgres{major}"
    arguments["DBParameterGroupName"] = group if rds.family(group) == family else f"default.{family}"
    if source.snapshot:
        arguments["DBInstanceIdentifier"] = arguments.pop("TargetDBInstanceIdentifier")
        rds.change("restore_db_instance_from_db_snapshot", DBSnapshotIdentifier=source.snapshot, **arguments)
    else:
        moment = {"RestoreTime": source.time} if source.time else {"UseLatestRestorableTime": True}
        rds.change(
            "restore_db_instance_to_point_in_time",
            SourceDBInstanceIdentifier=live["DBInstanceIdentifier"],
            **moment,
            **arguments,
        )


def check(log: RunLog, options: Options, rds: Instances, name: Names, declared: DeclaredInstance) -> None:
    """Compare the new instance with the live one; raise FailedError with all differences."""
    if options.dry_run:
        log.plan(f"would compare {name.new} with {name.live}")
        return
    new, live = rds.get(name.new), rds.get(name.live)
    differences = list(compare(new, live))
    if differences:
        raise FailedError(f"{name.new} differs from {name.live}, and nothing was swapped: {differences}")
    log.line(
        f"{new['Engine']} {new['EngineVersion']}, {new['AllocatedStorage']} GiB, encrypted by the same key"
    )


def compare(new: Description, live: Description) -> Iterator[str]:
    """Yield the names of the settings that differ and that cannot be corrected after the swap."""
    for setting in (
        "Engine",
        "MasterUsername",
        "DBName",
        "KmsKeyId",
        "StorageEncrypted",
        "CACertificateIdentifier",
    ):
        if new.get(setting) != live.get(setting):
            yield setting
    if new["DBSubnetGroup"]["DBSubnetGroupName"] != live["DBSubnetGroup"]["DBSubnetGroupName"]:
        yield "DBSubnetGroup"
    groups = [
        sorted(group["VpcSecurityGroupId"] for group in instance["VpcSecurityGroups"])
        for instance in (new, live)
    ]
    if groups[0] != groups[1]:
        yield "VpcSecurityGroups"


def rename(rds: Instances, before: str, after: str) -> None:
    """Rename an instance at once, and wait until it is available under its new name.

    A rename restarts the instance (RDS API, ModifyDBInstance, NewDBInstanceIdentifier).
    """
    rds.wait(before, "available")
    rds.change(
        "modify_db_instance",
        DBInstanceIdentifier=before,
        NewDBInstanceIdentifier=after,
        ApplyImmediately=True,
    )
    rds.wait(after, "available")


def complete(rds: Instances, name: str, declared: DeclaredInstance) -> None:
    """Give the restored instance the settings that a restore cannot set.

    RDS creates a new password in a new secret. Permissions depend on the secret's tag with the instance's
    ARN. The tag has the final name, because RDS starts to manage the password after the rename.
    """
    inputs = declared.inputs
    instance = rds.wait(name, "available")
    arguments: dict[str, Any] = {
        "PreferredMaintenanceWindow": inputs["maintenanceWindow"],
        # A restore from a snapshot does not copy this setting.
        "MaxAllocatedStorage": inputs["maxAllocatedStorage"],
        "DeletionProtection": inputs["deletionProtection"],
        "MonitoringInterval": inputs["monitoringInterval"],
        "MonitoringRoleArn": inputs["monitoringRoleArn"],
        "EnablePerformanceInsights": inputs["performanceInsightsEnabled"],
        "PerformanceInsightsKMSKeyId": inputs["performanceInsightsKmsKeyId"],
        "PerformanceInsightsRetentionPeriod": inputs["performanceInsightsRetentionPeriod"],
    }
    exported = set(instance.get("EnabledCloudwatchLogsExports", []))
    if logs := [log for log in inputs["enabledCloudwatchLogsExports"] if log not in exported]:
        arguments["CloudwatchLogsExportConfiguration"] = {"EnableLogTypes": logs}
    if "MasterUserSecret" not in instance:
        arguments |= {
            "ManageMasterUserPassword": True,
            "MasterUserSecretKmsKeyId": inputs["masterUserSecretKmsKeyId"],
        }
    rds.change("modify_db_instance", DBInstanceIdentifier=name, ApplyImmediately=True, **arguments)
    rds.wait(
        name,
        "available with a managed password",
        lambda instance: instance.get("MasterUserSecret", {}).get("SecretStatus") == "active",
    )


SNAPSHOT = r"[a-zA-Z][a-zA-Z0-9-]{0,62}"


def checked_snapshot(text: str) -> str:
    """Return a snapshot's name; refuse an invalid one."""
    if not re.fullmatch(SNAPSHOT, text):
        raise RefusedError(
            f"--snapshot {text}: must be the name of a manual snapshot, such as pipe-prod-db-before-17. With"
            " --at, RDS restores any moment that its automated snapshots cover"
        )
    return text
