"""The service roles of one environment."""

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi

from foundation.permissions.scope import Scope
from foundation.service_roles.cluster import control_plane_role, node_role
from foundation.service_roles.pods import pod_roles
from foundation.service_roles.replication import Replication, replication_role
from foundation.service_roles.role import ServiceRole, declare_role
from foundation.service_roles.runner import runner_role
from foundation.service_roles.statements import databases, service_trust


@dataclass(frozen=True, kw_only=True)
class ServiceRolesArgs:
    """Arguments of ServiceRoles."""

    scope: Scope
    """The environment whose stack uses the roles."""


class ServiceRoles(pulumi.ComponentResource):
    """The roles of one environment's stack."""

    def __init__(self, name: str, args: ServiceRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:identity:ServiceRoles", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for role in environment_roles(args.scope):
            declare_role(role, args.scope.naming, child)
        self.register_outputs({})


def environment_roles(scope: Scope) -> Iterator[ServiceRole]:
    """Yield the roles that the environment's stack passes to AWS services or assigns to its pods."""
    naming = scope.naming
    yield control_plane_role(scope)
    yield node_role(scope)
    yield ServiceRole(
        name=naming.name("db-monitoring"),
        description="RDS sends the operating system's metrics",
        # RDS user guide: Enhanced Monitoring, "Protecting against the confused deputy problem".
        trust=service_trust("monitoring.rds.amazonaws.com", naming.account, databases(scope)),
        managed_policies=("service-role/AmazonRDSEnhancedMonitoringRole",),
    )
    yield runner_role(scope)
    yield from pod_roles(scope)
    main, *copies = scope.buckets
    for copy in copies:
        yield replication_role(
            naming.name("backup-replication"),
            Replication(
                naming=naming,
                copy_region=scope.copy_region,
                bucket=main,
                alias=naming.name("backups"),
                copy=copy,
                copy_alias=naming.name("backups", "replica"),
            ),
        )
