"""Permissions to change an environment's VPC, and no other VPC.

EC2 resources have generated IDs, so the statements use the tag `env`. A request must tag the resource that it
creates, and may change only resources with the tag (AWS service authorization reference, EC2).
"""

from components.common.iam_documents import Statement, allow
from foundation.permissions.scope import Scope

CREATE = [
    "ec2:AllocateAddress",
    "ec2:CreateFlowLogs",
    "ec2:CreateInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
]

CHANGE = [
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:CreateRoute",
    "ec2:CreateTags",
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

CREATE_RULES = ["ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress"]

CREATED = (
    "elastic-ip/*",
    "internet-gateway/*",
    "natgateway/*",
    "route-table/*",
    "security-group/*",
    "subnet/*",
    "vpc-endpoint/*",
    "vpc-flow-log/*",
    "vpc/*",
)
"""Types of the resources that the CREATE actions create."""

UNTAGGED = {"Null": {"aws:ResourceTag/env": "true", "aws:ResourceTag/aws:eks:cluster-name": "true"}}
"""Condition for resources that have neither a stack's nor a cluster's tag."""


def change_network(scope: Scope) -> list[Statement]:
    """Return statements that allow creating and changing resources with the environment's tag."""
    anything = scope.named("ec2", "*/*")
    groups = scope.named("ec2", "security-group/*")
    return [
        allow("CreateTagged", CREATE, scope.named("ec2", *CREATED), scope.request_tagged()),
        allow(
            "CreateRules", CREATE_RULES, scope.named("ec2", "security-group-rule/*"), scope.request_tagged()
        ),
        allow(
            "TagWhenCreating",
            ["ec2:CreateTags"],
            anything,
            {**scope.request_tagged(), "Null": {"ec2:CreateAction": "false"}},
        ),
        # IAM also checks the parents of a new resource: the VPC, the subnet, the group of a rule.
        allow("ChangeOwned", [*CREATE, *CREATE_RULES, *CHANGE], anything, scope.owned()),
        # AWS creates a VPC's default group without tags; the stack closes and tags it.
        allow(
            "CloseDefaultGroup",
            ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
            groups,
            UNTAGGED,
        ),
        allow(
            "TagDefaultGroup",
            ["ec2:CreateTags"],
            groups,
            {**UNTAGGED, "StringEquals": {"aws:RequestTag/env": scope.naming.environment}},
        ),
        # EKS creates the cluster's group and tags it with the cluster's name.
        allow(
            "OpenClusterGroup",
            [
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:ModifySecurityGroupRules",
                "ec2:RevokeSecurityGroupIngress",
            ],
            groups,
            {"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": scope.naming.name()}},
        ),
        # CreateFlowLogs calls these actions on behalf of the caller.
        allow("DeliverFlowLogs", ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"], ["*"]),
    ]
