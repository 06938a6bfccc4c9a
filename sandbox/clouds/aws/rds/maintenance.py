"""The maintenance actions that wait for database instances (RDS API)."""

from typing import Any

from sandbox.clouds.aws.databases import be_busy
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import emulates
from sandbox.clouds.aws.requests import AwsRequest
from sandbox.wire.values import Json


def announce_maintenance(instance: Any, action: str, description: str) -> None:
    """Add a maintenance action, such as `system-update`, that waits for an instance."""
    instance._maintenance = {action: {"Action": action, "Description": description}}


@emulates("rds:DescribePendingMaintenanceActions")
def describe_maintenance(request: AwsRequest) -> Json:
    """Return the maintenance actions that wait for instances."""
    rds = backend("rds", request.region)
    resources = [
        {
            "ResourceIdentifier": instance.arn,
            "PendingMaintenanceActionDetails": [*instance._maintenance.values()],
        }
        for instance in rds.databases.values()
        if getattr(instance, "_maintenance", {})
        and request.params.get("ResourceIdentifier", instance.arn) == instance.arn
    ]
    return {"PendingMaintenanceActions": resources}


@emulates("rds:ApplyPendingMaintenanceAction")
def apply_maintenance(request: AwsRequest) -> Json:
    """Perform a maintenance action at once, or record another opt-in, such as `next-maintenance`."""
    params, rds = request.params, backend("rds", request.region)
    arn, action = params["ResourceIdentifier"], params["ApplyAction"]
    [instance] = [database for database in rds.databases.values() if database.arn == arn]
    actions: dict[str, Json] = instance._maintenance
    if params["OptInType"] == "immediate":
        del actions[action]
        be_busy(instance, "maintenance")
    else:
        actions[action]["OptInStatus"] = params["OptInType"]
    details = [*actions.values()]
    return {
        "ResourcePendingMaintenanceActions": {
            "ResourceIdentifier": arn,
            "PendingMaintenanceActionDetails": details,
        }
    }
