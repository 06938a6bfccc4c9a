"""Role of the CodeBuild project that runs GitHub's jobs in the VPC."""

from components.common.iam_documents import allow
from foundation.permissions.scope import Scope
from foundation.service_roles.role import ServiceRole
from foundation.service_roles.statements import service_trust


def runner_role(scope: Scope) -> ServiceRole:
    """Return the role with which the GitHub runner writes logs, joins the VPC and connects to GitHub.

    EC2 assigns the IDs of the subnets and of the security group, so the policy names them by the tag `Name`
    that the stack gives them. The condition ec2:Subnet, which CodeBuild's guide uses, needs the IDs.
    """
    naming, project = scope.naming, scope.naming.name("runner")
    group = f"log-group:/aws/codebuild/{project}"
    interfaces = scope.named("ec2", "network-interface/*")
    return ServiceRole(
        name=project,
        description="The GitHub runner: its logs, its network interfaces, its connection to GitHub",
        # CodeBuild user guide: cross-service confused deputy prevention.
        trust=service_trust(
            "codebuild.amazonaws.com",
            naming.account,
            scope.named("codebuild", f"project/{project}"),
        ),
        statements=[
            allow(
                "WriteEvents",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                scope.named("logs", group, f"{group}:*"),
            ),
            allow(
                "ReachGitHub",
                ["codeconnections:GetConnection", "codeconnections:GetConnectionToken"],
                [scope.connection_arn],
            ),
            allow(
                "LookAround",
                [
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                ["*"],  # Describe actions of EC2 do not support resource-level permissions.
            ),
            allow("MakeInterface", ["ec2:CreateNetworkInterface"], interfaces),
            allow(
                "PlaceInterface",
                ["ec2:CreateNetworkInterface"],
                scope.named("ec2", "security-group/*", "subnet/*"),
                {"StringLike": {"aws:ResourceTag/Name": [project, naming.name("private-*")]}},
            ),
            # EC2 refuses to delete an interface that is in use.
            allow("RemoveInterface", ["ec2:DeleteNetworkInterface"], interfaces),
            allow(
                "HandInterfaceToCodeBuild",
                ["ec2:CreateNetworkInterfacePermission"],
                interfaces,
                {"StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"}},
            ),
        ],
    )
