"""Patches that give moto 5.2 RDS's deferred changes, reboots, renames and restores.

moto applies every change at once, restores an instance with all settings of its source, and does not know
the maintenance window.
"""

import copy
import datetime
from collections.abc import Mapping
from typing import Any

from sandbox.wire.values import Json

POSTGRES_MINOR = {"15": "15.15", "16": "16.11", "17": "17.7", "18": "18.1"}
"""The minor version of PostgreSQL that RDS chooses for each major version."""

DEFERRED = {
    "allocated_storage": "AllocatedStorage",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "engine_version": "EngineVersion",
    "iops": "Iops",
    "multi_az": "MultiAZ",
    "new_db_instance_identifier": "DBInstanceIdentifier",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}
"""The member of PendingModifiedValues for each setting that waits for the maintenance window unless the
request has ApplyImmediately (RDS user guide, settings for DB instances)."""

BUSY_READS = 2
"""The number of responses that give a busy status, such as `rebooting`, before an instance is available."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

RESTORED = (
    "allocated_storage",
    "auto_minor_version_upgrade",
    "backup_retention_period",
    "db_instance_class",
    "db_name",
    "engine",
    "engine_version",
    "license_model",
    "port",
    "preferred_backup_window",
    "storage_encrypted",
    "storage_type",
)
"""The settings that a restored instance takes from its source if the request does not name them.

So are the KMS key and the master user's name. All others have RDS's defaults: one zone, the default security
and parameter groups, no deletion protection, no tags, no managed master password (RDS API,
RestoreDBInstanceToPointInTime).
"""


def apply_patches() -> None:
    """Make moto's databases defer changes, restart and restore as RDS does."""
    from moto.rds.models import DBInstance, DBParameterGroup, RDSBackend

    database: Any = DBInstance
    backend: Any = RDSBackend
    group: Any = DBParameterGroup
    describe, modify = backend.describe_db_instances, backend.modify_db_instance
    update_parameters = group.update_parameters

    def describe_after_window(self: Any, *args: Any, **kwargs: Any) -> Any:
        for instance in list(self.databases.values()):
            if _window_passed(instance):
                _apply_pending(self, modify, instance)
        return describe(self, *args, **kwargs)

    def modify_or_defer(self: Any, identifier: str, arguments: Json) -> Any:
        instance = describe(self, identifier)[0]
        _check_available(instance)
        pending: Json = getattr(instance, "_deferred", {})
        named = {name: arguments.pop(name) for name in DEFERRED if arguments.get(name) is not None}
        changes = {name: value for name, value in named.items() if _current(instance, name) != value}
        # A request for the present value cancels a pending change.
        pending = {name: value for name, value in pending.items() if name not in named} | changes
        instance._deferred = pending
        if not arguments.get("apply_immediately") and pending and not hasattr(instance, "_requested"):
            instance._requested = _now()
        name = arguments.get("db_parameter_group_name")
        if name and name.startswith("default.") and name not in self.db_parameter_groups:
            # Every account has the default group of each family; moto creates it at the first use.
            family = name.removeprefix("default.")
            self.db_parameter_groups[name] = group(
                self, name, f"Default parameter group for {family}", family, []
            )
        if name is not None and name != instance.db_parameter_group_name:
            instance._parameters_pending = True
        modify(self, identifier, arguments)
        if arguments.get("apply_immediately"):
            _apply_pending(self, modify, instance)
        return instance

    def reboot(self: Any, identifier: str) -> Any:
        instance = describe(self, identifier)[0]
        _check_available(instance)
        instance._parameters_pending = False
        be_busy(instance, "rebooting")
        return instance

    def restore_to_time(self: Any, source: str, target: str, arguments: Json) -> Any:
        return _restore(self, describe(self, source)[0], target, arguments)

    def restore_snapshot(self: Any, snapshot: str, arguments: Json) -> Any:
        [taken] = self.describe_db_snapshots(db_instance_identifier=None, db_snapshot_identifier=snapshot)
        arguments = dict(arguments)
        return _restore(self, taken.database, arguments.pop("db_instance_identifier"), arguments)

    def update_and_mark(self: Any, new_parameters: Any) -> None:
        parameters = list(new_parameters)
        waits = any(
            parameter.get("ApplyMethod") == "pending-reboot"
            and self.parameters[parameter["ParameterName"]].get("ParameterValue")
            != parameter["ParameterValue"]
            for parameter in parameters
        )
        update_parameters(self, parameters)
        if waits:
            mark_pending(self.backend, self.name)

    backend.describe_db_instances = describe_after_window
    backend.modify_db_instance = modify_or_defer
    backend.reboot_db_instance = reboot
    backend.restore_db_instance_to_point_in_time = restore_to_time
    backend.restore_db_instance_from_db_snapshot = restore_snapshot
    group.update_parameters = update_and_mark
    database.status = property(_read_status, _set_status)
    database.pending_modified_values = property(_pending_values)
    database.db_parameter_group_status_list = property(_parameter_status)


def mark_pending(backend: Any, group: str) -> None:
    """Record that the instances with a parameter group must be rebooted."""
    for instance in backend.databases.values():
        if instance.db_parameter_group_name == group:
            instance._parameters_pending = True


def window_start(window: str, time: datetime.datetime) -> datetime.datetime:
    """Return the first start of a weekly window, such as `sat:20:30-sat:21:30`, at or after a time in UTC."""
    day, hour, minute = window.partition("-")[0].split(":")
    start = time.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    start += datetime.timedelta(days=(DAYS.index(day.lower()) - time.weekday()) % 7)
    return start if start >= time else start + datetime.timedelta(days=7)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _window_passed(instance: Any) -> bool:
    requested = getattr(instance, "_requested", None)
    return requested is not None and window_start(instance.preferred_maintenance_window, requested) <= _now()


def _apply_pending(backend: Any, modify: Any, instance: Any) -> None:
    """Apply an instance's pending changes; a new version also restarts it with its parameters."""
    changes: Json = getattr(instance, "_deferred", {})
    instance._deferred = {}
    if hasattr(instance, "_requested"):
        del instance._requested
    if not changes:
        return
    if "engine_version" in changes:
        version = str(changes["engine_version"])
        changes["engine_version"] = POSTGRES_MINOR.get(version, version)
        instance._parameters_pending = False
    name = "new_db_instance_identifier"
    busy = "renaming" if name in changes else "upgrading" if "engine_version" in changes else ""
    modify(backend, instance.db_instance_identifier, dict(changes))
    if busy:
        be_busy(instance, busy)


def _restore(backend: Any, source: Any, target: str, arguments: Json) -> Any:
    """Create an instance from a backup of another one.

    Raise moto's error if the restore time is before the source's creation or in the future, or if RDS is to
    manage the password, which PostgreSQL does not support (RDS API, RestoreDBInstanceToPointInTime).
    """
    from moto.rds.exceptions import RDSClientError

    time = arguments.get("restore_time")
    if time and not source.instance_create_time.replace(microsecond=0) <= time.replace(
        tzinfo=None
    ) <= _now().replace(tzinfo=None):
        message = f"The specified instance cannot be restored to {time}: its backups do not cover this time."
        raise RDSClientError("InvalidParameterValue", message)
    if arguments.get("manage_master_user_password"):
        message = "ManageMasterUserPassword applies to RDS for Oracle only."
        raise RDSClientError("InvalidParameterCombination", message)
    settings = {name: copy.copy(getattr(source, name)) for name in RESTORED}
    settings |= {"kms_key_id": source.kms_key_id, "master_username": source.master_username}
    named = {name: value for name, value in dict(arguments).items() if value is not None}
    settings |= {name: value for name, value in named.items() if name != "source_db_instance_identifier"}
    settings["db_instance_identifier"] = target
    instance = backend.create_db_instance(settings)
    be_busy(instance, "creating")
    return instance


def _current(instance: Any, name: str) -> Any:
    if name == "new_db_instance_identifier":
        return instance.db_instance_identifier
    return getattr(instance, name)


def be_busy(instance: Any, status: str) -> None:
    """Give an instance a busy status, such as `rebooting`, for the next responses."""
    instance._busy = [status] * BUSY_READS


def _check_available(instance: Any) -> None:
    from moto.rds.exceptions import RDSClientError

    if busy := getattr(instance, "_busy", []):
        name = instance.db_instance_identifier
        raise RDSClientError(
            "InvalidDBInstanceState", f"Database instance {name} is not in available state: {busy[0]}"
        )


def _read_status(instance: Any) -> str:
    busy: list[str] = getattr(instance, "_busy", [])
    return busy.pop() if busy else instance._status


def _set_status(instance: Any, status: str) -> None:
    instance._status = status


def _pending_values(instance: Any) -> Mapping[str, Any]:
    deferred: Json = getattr(instance, "_deferred", {})
    return {DEFERRED[name]: value for name, value in deferred.items()}


def _parameter_status(instance: Any) -> list[Json]:
    status = "pending-reboot" if getattr(instance, "_parameters_pending", False) else "in-sync"
    return [
        {"DBParameterGroupName": group.name, "ParameterApplyStatus": status}
        for group in instance.db_parameter_groups()
    ]
