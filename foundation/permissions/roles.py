"""Permissions to pass the environment's service roles to AWS services."""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles

SERVICES_WITH_LINKED_ROLES = ("eks", "elasticloadbalancing", "rds")
"""Services that create a service-linked role on first use in an account."""


def use_roles(scope: Scope) -> list[Statement]:
    """Return statements that allow passing each service role to the service that it trusts.

    They also allow AWS services to create their service-linked roles. The deploy role has no other permission
    to write IAM: a role that can create roles or attach policies can give itself any permission.
    """
    account = scope.naming.account
    by_service: dict[str, list[str]] = {}
    for role in environment_roles(scope):
        by_service.setdefault(role.service, []).append(f"arn:aws:iam::{account}:role/{role.name}")
    passing = [
        allow(_sid(service), ["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": service}})
        for service, roles in by_service.items()
    ]
    linked = [
        f"arn:aws:iam::{account}:role/aws-service-role/{service}.amazonaws.com/*"
        for service in SERVICES_WITH_LINKED_ROLES
    ]
    return [*passing, allow("CreateLinkedRoles", ["iam:CreateServiceLinkedRole"], linked)]


def _sid(service: str) -> str:
    """Return a statement ID, which has letters and digits only, such as PassToVpcFlowLogs."""
    return "PassTo" + "".join(filter(str.isalnum, service.removesuffix(".amazonaws.com").title()))
