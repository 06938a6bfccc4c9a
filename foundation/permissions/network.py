"""Permissions to change the VPC of an environment.

EC2 resources have generated IDs, so the statements cover every network resource of the account. The account
has no other network, unless two environments share it (docs/decisions/0024-accounts.md).
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope

CHANGES = [
    "ec2:AllocateAddress",
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateFlowLogs",
    "ec2:CreateInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateRoute",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:DeleteFlowLogs",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteNatGateway",
    "ec2:DeleteRoute",
    "ec2:DeleteRouteTable",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DeleteTags",
    "ec2:DeleteVpc",
    "ec2:DeleteVpcEndpoints",
    "ec2:DetachInternetGateway",
    "ec2:DisassociateAddress",
    "ec2:DisassociateRouteTable",
    "ec2:ModifySecurityGroupRules",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVpcAttribute",
    "ec2:ModifyVpcEndpoint",
    "ec2:ReleaseAddress",
    "ec2:ReplaceRoute",
    "ec2:ReplaceRouteTableAssociation",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
]
"""Actions that create, change and delete the parts of a VPC. They cannot launch instances."""


def change_network(scope: Scope) -> list[Statement]:
    """Return statements that allow creating and changing networks in the account and region."""
    return [
        allow("ChangeNetwork", CHANGES, scope.named("ec2", "*/*")),
        # CreateFlowLogs calls these actions on behalf of the caller.
        allow("DeliverFlowLogs", ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"], ["*"]),
    ]
