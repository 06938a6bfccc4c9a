"""Instances besides the stack's own: replaced or prepared by a recovery, or copied for a rehearsal."""

from collections.abc import Iterable
from typing import Any

from operations.lib.command_line import Options
from operations.lib.database.instances import Description, Instances, identifier
from review.cost import estimate, price_table

SUFFIXES = ("-old-", "-new-", "-rehearsal")
"""Texts that `restore --from rds` and `database upgrade --rehearse` append to the stack's instance name."""

NO_EXTENDED_SUPPORT = "open-source-rds-extended-support-disabled"
"""Support of the program's databases, which an upgrade ends before it costs anything."""


def of_stack(options: Options, instances: Iterable[Description]) -> list[Description]:
    """Return those of the instances that a recovery or a rehearsal of this stack left, judged by name."""
    prefixes = tuple(f"{identifier(options)}{suffix}" for suffix in SUFFIXES)
    return [instance for instance in instances if instance["DBInstanceIdentifier"].startswith(prefixes)]


def release(rds: Instances, name: str) -> None:
    """Give the replaced instance the default parameter group, and stop its export of logs.

    RDS deletes no parameter group that an instance uses. It would write the logs to log groups without a
    retention period.
    """
    instance = rds.find(name)
    if instance is None:
        return
    default = f"default.postgres{instance['EngineVersion'].partition('.')[0]}"
    arguments: dict[str, Any] = {"DBParameterGroupName": default}
    if logs := instance.get("EnabledCloudwatchLogsExports"):
        arguments["CloudwatchLogsExportConfiguration"] = {"DisableLogTypes": logs}
    if logs or [group["DBParameterGroupName"] for group in instance["DBParameterGroups"]] != [default]:
        rds.wait(name, "available")
        rds.change("modify_db_instance", DBInstanceIdentifier=name, ApplyImmediately=True, **arguments)


def month(instance: Description) -> float | None:
    """Return the price of an instance in US dollars per month, without tax; None if a price is missing.

    The estimate expects the input names of Pulumi's resource.
    """
    inputs = {
        "engine": instance.get("Engine"),
        "instanceClass": instance.get("DBInstanceClass"),
        "multiAz": instance.get("MultiAZ", False),
        "allocatedStorage": instance.get("AllocatedStorage"),
        "storageType": instance.get("StorageType"),
        "engineLifecycleSupport": instance.get("EngineLifecycleSupport", NO_EXTENDED_SUPPORT),
    }
    return estimate.month("aws:rds/instance:Instance", inputs)


def size(instance: Description) -> str:
    """Return the class, zones and storage of an instance: `db.t4g.small in one zone and 20 GiB`."""
    zones = "two zones" if instance.get("MultiAZ") else "one zone"
    return f"{instance.get('DBInstanceClass')} in {zones} and {instance.get('AllocatedStorage')} GiB"


def cost_text(instance: Description) -> str:
    """Return the cost and size of an instance as a verb phrase: `costs 28.80 USD a month: …`."""
    dollars = month(instance)
    if dollars is None:
        return f"costs as much as before: {size(instance)}; review/cost/prices.yaml has no price for it"
    return f"costs {dollars:.2f} USD a month: {size(instance)} ({price_table.SOURCE})"


def deletion_command(options: Options, name: str) -> str:
    """Return the commands that delete an instance and keep a final snapshot."""
    selected = f"--region {options.settings['service']['region']} --db-instance-identifier {name}"
    return (
        f"aws rds modify-db-instance {selected} --no-deletion-protection --apply-immediately"
        f" && aws rds delete-db-instance {selected} --final-db-snapshot-identifier {name}-final"
    )


def kept_lines(options: Options, name: str, instance: Description) -> list[str]:
    """Return two lines about the replaced instance: its name and cost, and the commands to delete it."""
    return [
        f"the previous instance is kept as {name} and {cost_text(instance)}",
        f"to delete it when nobody needs it any more: {deletion_command(options, name)}",
    ]
