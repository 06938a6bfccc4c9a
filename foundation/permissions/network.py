"""Changing the VPC of an environment, and no other.

EC2 gives its resources ids, so the tag `env` decides: whoever makes a resource tags it, and may then change
what carries the tag (AWS service authorization reference, EC2).
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
"""What CREATE makes."""

UNTAGGED = {"Null": {"aws:ResourceTag/env": "true", "aws:ResourceTag/aws:eks:cluster-name": "true"}}
"""Neither a stack's nor a cluster's."""


def change_network(scope: Scope) -> list[Statement]:
    """Making what is tagged with the environment, and changing what is."""
    anything = scope.named("ec2", "*/*")
    groups = scope.named("ec2", "security-group/*")
    return [
        allow("CreateTagged", CREATE, scope.named("ec2", *CREATED), scope.asked()),
        allow("CreateRules", CREATE_RULES, scope.named("ec2", "security-group-rule/*"), scope.asked()),
        allow(
            "TagWhenCreating",
            ["ec2:CreateTags"],
            anything,
            {**scope.asked(), "Null": {"ec2:CreateAction": "false"}},
        ),
        # Creating something is asked of where it is made, too: the VPC, the subnet, the group of a rule.
        allow("ChangeOwned", [*CREATE, *CREATE_RULES, *CHANGE], anything, scope.owned()),
        # AWS makes a VPC's default group without tags; the stack closes and tags it.
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
            {**UNTAGGED, "StringEquals": {"aws:RequestTag/env": scope.labels.environment}},
        ),
        # EKS makes the cluster's group and tags it with the cluster.
        allow(
            "OpenClusterGroup",
            [
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:ModifySecurityGroupRules",
                "ec2:RevokeSecurityGroupIngress",
            ],
            groups,
            {"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": scope.labels.name()}},
        ),
        # What CreateFlowLogs does in the caller's name.
        allow("DeliverFlowLogs", ["logs:CreateLogDelivery", "logs:DeleteLogDelivery"], ["*"]),
    ]
