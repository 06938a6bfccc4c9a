"""The calls for security groups and their rules (EC2 API)."""

from collections.abc import Mapping
from typing import Any

from sandbox.providers.aws.calls.model import Change, Context, Read, ResourceCalls, first, items_of, members
from sandbox.wire.values import Json


def _rule_properties(permission: Json) -> Json:
    """Return a permission of the API as a rule in the SDK."""

    def values(name: str, member: str) -> list[str]:
        return [item[member] for item in permission.get(name, []) if member in item]

    return {
        "protocol": permission.get("IpProtocol"),
        "fromPort": permission.get("FromPort"),
        "toPort": permission.get("ToPort"),
        "cidrBlocks": values("IpRanges", "CidrIp"),
        "ipv6CidrBlocks": values("Ipv6Ranges", "CidrIpv6"),
        "prefixListIds": values("PrefixListIds", "PrefixListId"),
        "securityGroups": values("UserIdGroupPairs", "GroupId"),
    }


def _permission(rule: Json) -> Json:
    """Return a rule in the SDK as a permission of the API."""
    return {
        "IpProtocol": rule.get("protocol"),
        "FromPort": rule.get("fromPort"),
        "ToPort": rule.get("toPort"),
        "IpRanges": [{"CidrIp": block} for block in items_of(rule, "cidrBlocks")],
        "UserIdGroupPairs": [{"GroupId": group_id} for group_id in items_of(rule, "securityGroups")],
    }


def _default_group(response: Json, context: Context) -> Json | None:
    group: Json | None = first(response["SecurityGroups"])
    return group and {
        "arn": group.get("SecurityGroupArn"),
        "name": group.get("GroupName"),
        "description": group.get("Description"),
        "vpcId": group.get("VpcId"),
        "ownerId": group.get("OwnerId"),
        "tags": group.get("Tags"),
        "inbound": group.get("IpPermissions"),
        "outbound": group.get("IpPermissionsEgress"),
        "ingress": list(map(_rule_properties, group.get("IpPermissions", []))),
        "egress": list(map(_rule_properties, group.get("IpPermissionsEgress", []))),
    }


def _group(response: Json, context: Context) -> Json | None:
    """Return a group; `rules` contains the rules that allow all outbound traffic."""
    group: Json | None = first(response["SecurityGroups"])
    return group and {
        "arn": group.get("SecurityGroupArn"),
        "GroupName": group.get("GroupName"),
        "description": group.get("Description"),
        "vpcId": group.get("VpcId"),
        "ownerId": group.get("OwnerId"),
        "tags": group.get("Tags"),
        "rules": [
            rule
            for rule in group.get("IpPermissionsEgress", [])
            if rule["IpProtocol"] == "-1"
            and any(block.get("CidrIp") == "0.0.0.0/0" for block in rule.get("IpRanges", []))
        ],
    }


def _outbound_rules(context: Context) -> Json:
    rules = [
        {
            "IpProtocol": rule["IpProtocol"],
            "IpRanges": [{"CidrIp": block["CidrIp"]} for block in rule["IpRanges"]],
        }
        for rule in context.live["rules"]
    ]
    return {"GroupId": context.id, "IpPermissions": rules}


def _replace_rules(name: str, live_name: str, direction: str) -> tuple[Change, Change]:
    """Return the calls that remove all rules of a direction and add the program's rules."""
    revoke = Change(
        action=f"RevokeSecurityGroup{direction}",
        when=(name,),
        condition=lambda context: context.live.get(live_name),
        arguments=lambda context: {"GroupId": context.id, "IpPermissions": context.live[live_name]},
    )
    authorize = Change(
        action=f"AuthorizeSecurityGroup{direction}",
        when=(name,),
        condition=lambda context: context[name],
        arguments=lambda context: {
            "GroupId": context.id,
            "IpPermissions": list(map(_permission, context[name])),
        },
    )
    return revoke, authorize


def _new_rule(context: Context) -> Json:
    def peer(name: str, api_name: str) -> list[Json]:
        return [{api_name: context[name], "Description": context["description"]}]

    permission: dict[str, Any] = {
        "IpProtocol": context["ipProtocol"],
        "FromPort": context["fromPort"],
        "ToPort": context["toPort"],
        "IpRanges": peer("cidrIpv4", "CidrIp"),
        "Ipv6Ranges": peer("cidrIpv6", "CidrIpv6"),
        "PrefixListIds": peer("prefixListId", "PrefixListId"),
        "UserIdGroupPairs": peer("referencedSecurityGroupId", "GroupId"),
    }
    return {"GroupId": context["securityGroupId"], "IpPermissions": [permission]}


def _rule(response: Json, context: Context) -> Json | None:
    rule: Json | None = first(response["SecurityGroupRules"])
    properties = members(
        rule,
        securityGroupRuleId="SecurityGroupRuleId",
        securityGroupId="GroupId",
        ipProtocol="IpProtocol",
        fromPort="FromPort",
        toPort="ToPort",
        cidrIpv4="CidrIpv4",
        cidrIpv6="CidrIpv6",
        prefixListId="PrefixListId",
        description="Description",
        tags="Tags",
    )
    return properties and {
        **properties,
        "arn": context.arn("ec2", f"security-group-rule/{context.id}"),
        "referencedSecurityGroupId": (rule or {}).get("ReferencedGroupInfo", {}).get("GroupId"),
    }


def _changed_rule(context: Context) -> Json:
    rule = {
        "IpProtocol": context["ipProtocol"],
        "FromPort": context["fromPort"],
        "ToPort": context["toPort"],
        "CidrIpv4": context["cidrIpv4"],
        "CidrIpv6": context["cidrIpv6"],
        "PrefixListId": context["prefixListId"],
        "ReferencedGroupId": context["referencedSecurityGroupId"],
        "Description": context["description"],
    }
    update = {"SecurityGroupRuleId": context.id, "SecurityGroupRule": rule}
    return {"GroupId": context["securityGroupId"], "SecurityGroupRules": [update]}


def _rule_calls(direction: str) -> ResourceCalls:
    """Return the calls for rules of a direction, `Ingress` or `Egress`."""
    return ResourceCalls(
        service="ec2",
        tagged="security-group-rule",
        create=Change(action=f"AuthorizeSecurityGroup{direction}", bare=True, arguments=_new_rule),
        created_id=lambda response: response["SecurityGroupRules"][0]["SecurityGroupRuleId"],
        read=(
            Read(
                action="DescribeSecurityGroupRules",
                arguments=lambda context: {"SecurityGroupRuleIds": [context.id]},
                take=_rule,
            ),
        ),
        update=(
            Change(
                action="ModifySecurityGroupRules",
                when=(
                    "ipProtocol",
                    "fromPort",
                    "toPort",
                    "cidrIpv4",
                    "cidrIpv6",
                    "prefixListId",
                    "referencedSecurityGroupId",
                    "description",
                ),
                arguments=_changed_rule,
            ),
        ),
        delete=(
            Change(
                action=f"RevokeSecurityGroup{direction}",
                arguments=lambda context: {
                    "GroupId": context["securityGroupId"],
                    "SecurityGroupRuleIds": [context.id],
                },
            ),
        ),
    )


def _group_id(context: Context) -> Json:
    return {"GroupIds": [context.id]}


CALLS: Mapping[str, ResourceCalls] = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": ResourceCalls(
        service="ec2",
        tagged="security-group",
        unchecked="nothing else; a destroy leaves it, as with the real provider: AWS deletes it with its VPC",
        create=Change(
            action="DescribeSecurityGroups",
            arguments=lambda context: {
                "Filters": [
                    {"Name": "vpc-id", "Values": [context["vpcId"]]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            },
        ),
        created_id=lambda response: response["SecurityGroups"][0]["GroupId"],
        read=(Read(action="DescribeSecurityGroups", arguments=_group_id, take=_default_group),),
        update=tuple(
            change
            for pair in zip(
                _replace_rules("ingress", "inbound", "Ingress"),
                _replace_rules("egress", "outbound", "Egress"),
                strict=True,
            )
            for change in pair
        ),
    ),
    "aws:ec2/securityGroup:SecurityGroup": ResourceCalls(
        service="ec2",
        tagged="security-group",
        create=Change(action="CreateSecurityGroup"),
        created_id=lambda response: response["GroupId"],
        names={"name": "GroupName"},
        local=("revokeRulesOnDelete",),
        read=(Read(action="DescribeSecurityGroups", arguments=_group_id, take=_group),),
        # As in the provider, AWS's rule that allows all outbound traffic is removed from a new group.
        finish=(
            Change(
                action="RevokeSecurityGroupEgress",
                condition=lambda context: context.live["rules"],
                arguments=_outbound_rules,
            ),
        ),
        delete=(Change(action="DeleteSecurityGroup", arguments=lambda context: {"GroupId": context.id}),),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule_calls("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule_calls("Egress"),
}
