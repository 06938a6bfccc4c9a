"""A role that an AWS service assumes, and its declaration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import Statement, document
from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class ServiceRole:
    """A role that an AWS service assumes, either for its own work or on behalf of a pod."""

    name: str
    """Name in IAM, such as pipe-prod-node."""
    description: str
    trust: Statement
    managed_policies: Sequence[str] = ()
    """Names of AWS managed policies, with their path: service-role/AmazonRDSEnhancedMonitoringRole."""
    statements: Sequence[Statement] = ()
    """Statements of the role's inline policy; a role without statements has no inline policy."""

    @property
    def service(self) -> str:
        """The service that assumes the role, such as eks.amazonaws.com."""
        return cast(dict[str, str], self.trust["Principal"])["Service"]


def declare_role(
    role: ServiceRole, naming: Naming, opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Declare a role with its policies; return the role, and the policies on which its users depend."""
    name = role.name.removeprefix(f"{naming.service}-")
    declared = aws.iam.Role(
        name,
        name=role.name,
        description=role.description,
        assume_role_policy=document(role.trust),
        tags={**naming.aws(), "Name": role.name},
        opts=opts,
    )
    policies: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=declared.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in role.managed_policies
    ]
    if role.statements:
        policies.append(
            aws.iam.RolePolicy(
                name, name=role.name, role=declared.name, policy=document(*role.statements), opts=opts
            )
        )
    return declared, policies
