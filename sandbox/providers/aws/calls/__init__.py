"""The calls for AWS's resource types, by their tokens. A type without calls is refused."""

from collections.abc import Mapping

from sandbox.providers.aws.calls import (
    backups,
    clusters,
    costs,
    delivery,
    gateways,
    guards,
    keys_and_logs,
    networks,
    notifications,
    security_groups,
)
from sandbox.providers.aws.calls.iam import roles, sign_in
from sandbox.providers.aws.calls.model import ResourceCalls
from sandbox.providers.aws.calls.rds import groups, instances
from sandbox.providers.aws.calls.s3 import buckets, object_versions

CALLS: Mapping[str, ResourceCalls] = {
    **networks.CALLS,
    **gateways.CALLS,
    **security_groups.CALLS,
    **roles.CALLS,
    **sign_in.CALLS,
    **keys_and_logs.CALLS,
    **buckets.CALLS,
    **object_versions.CALLS,
    **groups.CALLS,
    **instances.CALLS,
    **clusters.CALLS,
    **delivery.CALLS,
    **backups.CALLS,
    **guards.CALLS,
    **notifications.CALLS,
    **costs.CALLS,
}
"""The calls for each type."""
