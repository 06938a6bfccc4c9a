"""Pending changes of an instance, which RDS has accepted but not applied yet."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.lib.database.instances import Description, Instances

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Pending:
    """The pending changes of one instance; false if there are none."""

    values: dict[str, Any]
    """New values that RDS applies in the maintenance window, by setting (RDS API, PendingModifiedValues)."""
    groups: tuple[str, ...]
    """Parameter groups with values that wait for a reboot. RDS never reboots for them, not even in the
    maintenance window (RDS user guide, rebooting a DB instance)."""
    actions: tuple[dict[str, Any], ...]
    """Maintenance actions of RDS, such as system-update (RDS API, PendingMaintenanceAction)."""

    def __bool__(self) -> bool:
        return bool(self.values or self.groups or self.actions)

    def lines(self) -> list[str]:
        """Return a line for each change, with the time or the action by which it takes effect."""
        lines = [f"{name}: {value}, in the maintenance window" for name, value in self.values.items()]
        lines += [f"parameters of {group}: only after a reboot, never by RDS" for group in self.groups]
        for action in self.actions:
            date = action.get("CurrentApplyDate")
            when = f"on {date:%Y-%m-%d}" if date else "when somebody applies it"
            lines.append(f"maintenance {action['Action']}: {action.get('Description', '')}, {when}")
        return lines


def pending(rds: Instances, instance: Description) -> Pending:
    """Return the pending changes of an instance."""
    groups = (
        group["DBParameterGroupName"]
        for group in instance["DBParameterGroups"]
        if group["ParameterApplyStatus"] == "pending-reboot"
    )
    resources = rds.call(
        "describe_pending_maintenance_actions", ResourceIdentifier=instance["DBInstanceArn"]
    )["PendingMaintenanceActions"]
    actions = [action for resource in resources for action in resource["PendingMaintenanceActionDetails"]]
    return Pending(instance.get("PendingModifiedValues", {}), tuple(groups), tuple(actions))


def window(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the start and the end in UTC of the maintenance window that is open or comes next.

    `text` is PreferredMaintenanceWindow, such as `sat:20:30-sat:21:30`.
    """
    (start_day, *start_time), (end_day, *end_time) = (part.split(":") for part in text.split("-"))
    week = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    week -= timedelta(days=week.weekday())

    def moment(day: str, time: list[str]) -> datetime:
        return week + timedelta(days=DAYS.index(day), hours=int(time[0]), minutes=int(time[1]))

    start, end = moment(start_day, start_time), moment(end_day, end_time)
    if end < start:
        start -= timedelta(days=7)
    while end <= now:
        start, end = start + timedelta(days=7), end + timedelta(days=7)
    return start, end
