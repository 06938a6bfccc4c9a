"""Assignment of IAM roles to the pods' service accounts, by EKS Pod Identity."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common import connections
from components.common.naming import Naming

POD_ROLES = {
    "backup": connections.BACKUP,
    "restore": connections.RESTORE,
    "database-roles": connections.DATABASE_ROLES,
    "api": connections.API,
}
"""Workloads by the name of their IAM role; foundation/service_roles/pods.py has the roles' permissions."""


@dataclass(frozen=True, kw_only=True)
class PodIdentityArgs:
    """Arguments of PodIdentity."""

    naming: Naming
    cluster_name: pulumi.Input[str]
    namespace: pulumi.Input[str]
    """Namespace of the service accounts."""


class PodIdentity(pulumi.ComponentResource):
    """An association of each service account with its role."""

    def __init__(self, name: str, args: PodIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:identity:PodIdentity", name, None, opts)
        for role, pods in POD_ROLES.items():
            aws.eks.PodIdentityAssociation(
                f"{name}-{role}",
                cluster_name=args.cluster_name,
                namespace=args.namespace,
                service_account=pods.app,
                role_arn=args.naming.role_arn(role),
                tags=args.naming.aws(role),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
