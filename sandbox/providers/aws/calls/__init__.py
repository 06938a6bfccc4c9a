"""The calls for AWS's resource types, by their tokens. A type without calls is refused."""

from collections.abc import Mapping

from sandbox.providers.aws.calls import (
    backups,
    buckets,
    clusters,
    costs,
    databases,
    delivery,
    gateways,
    guards,
    iam,
    keys_and_logs,
    networks,
    notifications,
    security_groups,
)
from sandbox.providers.aws.calls.model import ResourceCalls

CALLS: Mapping[str, ResourceCalls] = {
    **networks.CALLS,
    **gateways.CALLS,
    **security_groups.CALLS,
    **iam.CALLS,
    **keys_and_logs.CALLS,
    **buckets.CALLS,
    **databases.CALLS,
    **clusters.CALLS,
    **delivery.CALLS,
    **backups.CALLS,
    **guards.CALLS,
    **notifications.CALLS,
    **costs.CALLS,
}
"""The calls for each type."""
