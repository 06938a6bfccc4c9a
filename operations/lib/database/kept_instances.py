"""Instances beside the stack's own: those that a recovery replaced or prepared, and copies of rehearsals."""

from collections.abc import Iterable
from typing import Any

from operations.lib.command_line import Options
from operations.lib.database.instances import Description, Instances, identifier
from review.cost import estimate, price_table

SUFFIXES = ("-old-", "-new-", "-rehearsal")
"""Parts of the names that `restore --from rds` and `database upgrade --rehearse` give, after the stack's."""


def of_stack(options: Options, instances: Iterable[Description]) -> list[Description]:
    """Return the instances beside the stack's own, by their names."""
    prefixes = tuple(f"{identifier(options)}{suffix}" for suffix in SUFFIXES)
    return [instance for instance in instances if instance["DBInstanceIdentifier"].startswith(prefixes)]


def release(rds: Instances, name: str) -> None:
    """Take the program's parameter group and logs from the replaced instance.

    RDS deletes no group that an instance uses, and would write the logs to groups without a retention period.
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
    """Return the US dollars per month of an instance without tax; None if a price is missing.

    The price table has the names of the program's inputs.
    """
    inputs = {
        "engine": instance.get("Engine"),
        "instanceClass": instance.get("DBInstanceClass"),
        "multiAz": instance.get("MultiAZ", False),
        "allocatedStorage": instance.get("AllocatedStorage"),
        "storageType": instance.get("StorageType"),
    }
    return estimate.month("aws:rds/instance:Instance", inputs)


def size(instance: Description) -> str:
    """Return what the price depends on, such as `db.t4g.small in one zone and 20 GiB`."""
    zones = "two zones" if instance.get("MultiAZ") else "one zone"
    return f"{instance.get('DBInstanceClass')} in {zones} and {instance.get('AllocatedStorage')} GiB"


def cost_text(instance: Description) -> str:
    """Return the cost in dollars, or the size if review/cost/prices.yaml lacks the price."""
    dollars = month(instance)
    if dollars is None:
        return f"costs as much as before: {size(instance)}; review/cost/prices.yaml has no price of it"
    return f"costs {dollars:.2f} USD a month: {size(instance)} ({price_table.SOURCE})"


def deletion_command(options: Options, name: str) -> str:
    """Return the command that deletes an instance, with a last snapshot."""
    selected = f"--region {options.settings['service']['region']} --db-instance-identifier {name}"
    return (
        f"aws rds modify-db-instance {selected} --no-deletion-protection --apply-immediately"
        f" && aws rds delete-db-instance {selected} --final-db-snapshot-identifier {name}-final"
    )


def kept_lines(options: Options, name: str, instance: Description) -> list[str]:
    """Return the name and the cost of the replaced instance, and the command that deletes it."""
    return [
        f"the previous instance is kept as {name} and {cost_text(instance)}",
        f"to delete it when nobody needs it any more: {deletion_command(options, name)}",
    ]
