"""Security groups (EC2 API)."""

import re

from sandbox.clouds.aws.ec2.security_group_rules import TEXT, peer_group
from sandbox.clouds.aws.eks.families import CLUSTER
from sandbox.clouds.aws.lookups import databases
from sandbox.clouds.aws.registry import refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

NAME = re.compile(rf"(?!sg-){TEXT}{{1,255}}")
DESCRIPTION = re.compile(rf"{TEXT}{{1,255}}")


@refuses("ec2:CreateSecurityGroup")
def invalid_group(request: AwsRequest) -> None:
    """Refuse an unknown VPC, and a name or description that EC2 does not allow."""
    if "VpcId" in request.params:
        request.look("DescribeVpcs", VpcIds=[request.params["VpcId"]])
    name, description = request.params["GroupName"], request.params["Description"]
    if not NAME.fullmatch(name) or not DESCRIPTION.fullmatch(description):
        message = (
            f"Invalid security group name or description: '{name}', '{description}'; each has 1 to 255"
            " characters of a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*, and a name must not begin"
            " with sg-"
        )
        raise ErrorResponse(400, message, "InvalidParameterValue")


@refuses("ec2:DeleteSecurityGroup")
def group_in_use(request: AwsRequest) -> None:
    """Refuse to delete a default group, and a group that rules, databases or clusters use."""
    group_id = request.params.get("GroupId")
    if group_id is None:
        return  # moto finds the group by its name.
    name = request.look("DescribeSecurityGroups", GroupIds=[group_id])["SecurityGroups"][0]["GroupName"]
    users = [
        *(
            rule["SecurityGroupRuleId"]
            for rule in request.look("DescribeSecurityGroupRules")["SecurityGroupRules"]
            if rule["GroupId"] != group_id and peer_group(rule) == group_id
        ),
        *(
            database["DBInstanceIdentifier"]
            for database in databases(request)
            if group_id in [group["VpcSecurityGroupId"] for group in database["VpcSecurityGroups"]]
        ),
        *(cluster["name"] for cluster in request.existing(CLUSTER) if group_id in _groups(cluster)),
    ]
    if name == "default" or users:
        message = (
            f"resource {group_id} has a dependent object: {listing(users)} (its name is '{name}'; the default"
            " group of a VPC cannot be deleted)"
        )
        raise ErrorResponse(400, message, "DependencyViolation")


def _groups(cluster: Json) -> list[str]:
    config = cluster["resourcesVpcConfig"]
    return [config["clusterSecurityGroupId"], *config["securityGroupIds"]]
