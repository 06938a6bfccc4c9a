"""The IAM and IAM Identity Center resources that contain policy documents."""

from policies.engine.rule import Resource
from policies.model.property_values import Value

ROLE = "aws:iam/role:Role"
PERMISSION_SET_POLICY = "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy"
"""The inline policy of a permission set, from which IAM Identity Center makes a role in each account."""
WITH_DOCUMENTS = frozenset(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("Policy", "RolePolicy", "UserPolicy", "GroupPolicy", "Role")
) | {PERMISSION_SET_POLICY}


def documents(resource: Resource) -> list[Value]:
    """Return the policy documents of a resource, without trust policies."""
    if resource.type == ROLE:
        return [item["policy"] for item in resource["inlinePolicies"].items()]
    return [resource["inlinePolicy" if resource.type == PERMISSION_SET_POLICY else "policy"]]
