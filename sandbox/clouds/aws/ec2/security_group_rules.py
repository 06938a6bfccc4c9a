"""The rules of security groups (EC2 API)."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.clouds.aws.lookups import lacking, network
from sandbox.clouds.aws.moto_patches import backend
from sandbox.clouds.aws.registry import completes, follows, refuses
from sandbox.clouds.aws.requests import AwsRequest, listing
from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

TEXT = r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]"
"""The pattern of a character that EC2 allows in names and descriptions (EC2 API, CreateSecurityGroup)."""

DESCRIPTION = re.compile(rf"{TEXT}{{0,255}}")

WITH_PORTS = ("tcp", "udp", "6", "17")
"""The protocols whose rules require a range of ports: TCP and UDP, by name or number."""

PEER_LISTS = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")

AUTHORIZE = ("ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress")
REVOKE = ("ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress")


def _ports_are_valid(rule: Json) -> bool:
    """Return True if a rule of a protocol with ports has a range of 0 to 65535."""
    if rule.get("IpProtocol") not in WITH_PORTS:
        return True
    first, last = rule.get("FromPort"), rule.get("ToPort")
    return first is not None and last is not None and 0 <= first <= last <= 65535


def _invalid_description() -> ErrorResponse:
    message = (
        "Invalid rule description. Descriptions must be less than 256 characters long and"
        " a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
    )
    return ErrorResponse(400, message, "InvalidParameterValue")


def _port_text(port: int | None) -> str:
    return "null" if port is None else str(port)


@refuses(*AUTHORIZE)
def malformed_block(request: AwsRequest) -> None:
    """Refuse a CIDR block with host bits, as the provider does; EC2 would clear them."""
    permissions = request.params.get("IpPermissions", [])
    blocks = [
        *(item["CidrIp"] for rule in permissions for item in rule.get("IpRanges", []) if "CidrIp" in item),
        *(
            item["CidrIpv6"]
            for rule in permissions
            for item in rule.get("Ipv6Ranges", [])
            if "CidrIpv6" in item
        ),
    ]
    if any(network(block) is None for block in blocks):
        raise ErrorResponse(400, f"CIDR block {listing(blocks)} is malformed", "InvalidParameterValue")


@refuses(*AUTHORIZE)
def invalid_ports(request: AwsRequest) -> None:
    """Refuse a rule of TCP or UDP without a valid range of ports."""
    permissions = request.params.get("IpPermissions", [])
    if not all(map(_ports_are_valid, permissions)):
        ports = [_port_text(rule.get(name)) for rule in permissions for name in ("FromPort", "ToPort")]
        message = (
            f"Invalid value '{listing(ports)}' for portRange: ports are 0 to 65535, and the first must not"
            " exceed the last"
        )
        raise ErrorResponse(400, message, "InvalidParameterValue")


@refuses(*AUTHORIZE)
def invalid_description(request: AwsRequest) -> None:
    """Refuse a description that is too long or has characters that EC2 does not allow."""
    for rule in request.params.get("IpPermissions", []):
        for peer in (peer for name in PEER_LISTS for peer in rule.get(name, [])):
            if not DESCRIPTION.fullmatch(peer.get("Description", "")):
                raise _invalid_description()


@refuses("ec2:ModifySecurityGroupRules")
def invalid_change_of_rule(request: AwsRequest) -> None:
    """Refuse invalid ports, and CIDR blocks that are invalid or have host bits."""
    for update in request.params["SecurityGroupRules"]:
        rule = update.get("SecurityGroupRule", {})
        blocks = [rule[name] for name in ("CidrIpv4", "CidrIpv6") if rule.get(name)]
        if not _ports_are_valid(rule) or any(network(block) is None for block in blocks):
            message = (
                "Invalid ports or CIDR block of a rule: ports are 0 to 65535, the first must not exceed the"
                " last, and a block must have no host bits"
            )
            raise ErrorResponse(400, message, "InvalidParameterValue")


@refuses("ec2:ModifySecurityGroupRules")
def invalid_new_description(request: AwsRequest) -> None:
    """Refuse a description that is too long or has characters that EC2 does not allow."""
    for update in request.params["SecurityGroupRules"]:
        if not DESCRIPTION.fullmatch(update.get("SecurityGroupRule", {}).get("Description", "")):
            raise _invalid_description()


def peer_group(rule: Json) -> str | None:
    """Return the security group to which an existing rule refers."""
    return rule.get("ReferencedGroupInfo", {}).get("GroupId")


def _rules(request: AwsRequest, *, is_egress: bool) -> Iterator[Json]:
    """Yield the existing rules of the request's group in a direction."""
    for rule in _rules_of_group(request):
        if bool(rule.get("IsEgress")) == is_egress:
            yield rule


def _rules_of_group(request: AwsRequest) -> list[Json]:
    of_group = [{"Name": "group-id", "Values": [request.params.get("GroupId", "")]}]
    return request.look("DescribeSecurityGroupRules", Filters=of_group)["SecurityGroupRules"]


def _identity(rule: Json) -> tuple[Any, ...]:
    """Return the values by which EC2 recognises an existing rule: protocol, ports and peer."""
    names = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId")
    return (*(rule.get(name) for name in names), peer_group(rule))


def _permission_identity(permission: Json) -> tuple[Any, ...]:
    """Return the same values as `_identity` for the first peers of a permission in a request."""

    def first(name: str, member: str) -> str | None:
        items: list[Json] = permission.get(name) or [{}]
        return items[0].get(member) or None

    return (
        permission.get("IpProtocol"),
        permission.get("FromPort"),
        permission.get("ToPort"),
        first("IpRanges", "CidrIp"),
        first("Ipv6Ranges", "CidrIpv6"),
        first("PrefixListIds", "PrefixListId"),
        first("UserIdGroupPairs", "GroupId"),
    )


def _without_ports(identity: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an identity; if the rule is for all protocols, remove its ports, which EC2 ignores."""
    return (identity[0], None, None, *identity[3:]) if identity[0] == "-1" else identity


@refuses(*AUTHORIZE)
def duplicate_rule(request: AwsRequest) -> None:
    """Refuse a rule with the protocol, ports and peer of another one, even if their descriptions differ."""
    permissions = request.params.get("IpPermissions")
    is_egress = request.action == "AuthorizeSecurityGroupEgress"
    if permissions and _permission_identity(permissions[0]) in map(
        _identity, _rules(request, is_egress=is_egress)
    ):
        message = f"the specified rule already exists in {request.params.get('GroupId', '')}"
        raise ErrorResponse(400, message, "InvalidPermission.Duplicate")


@refuses("ec2:ModifySecurityGroupRules")
def another_kind_of_peer(request: AwsRequest) -> None:
    """Refuse to change the kind of a rule's peer: IPv4 block, IPv6 block, prefix list or group."""
    request.look("DescribeSecurityGroups", GroupIds=[request.params["GroupId"]])
    existing = {
        rule["SecurityGroupRuleId"]: [
            "CidrIpv4" in rule,
            "CidrIpv6" in rule,
            "PrefixListId" in rule,
            peer_group(rule) is not None,
        ]
        for rule in _rules_of_group(request)
    }
    updates: list[Json] = request.params["SecurityGroupRules"]
    ids = [update["SecurityGroupRuleId"] for update in updates]
    if lacking(ids, existing):
        return  # `unknown_rule` refuses these IDs.
    names = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
    for update in updates:
        rule = update.get("SecurityGroupRule", {})
        if existing[update["SecurityGroupRuleId"]] != [name in rule for name in names]:
            message = (
                f"Invalid rule type for a security group rule of {listing(ids)}: a block, a prefix list and a"
                " group cannot replace each other"
            )
            raise ErrorResponse(400, message, "InvalidParameterValue")


@refuses(*REVOKE, "ec2:ModifySecurityGroupRules")
def unknown_rule(request: AwsRequest) -> None:
    """Refuse the ID of a rule that the group lacks."""
    request.look("DescribeSecurityGroups", GroupIds=[request.params["GroupId"]])
    updates = request.params.get("SecurityGroupRules", [])
    ids = [
        *request.params.get("SecurityGroupRuleIds", []),
        *(update["SecurityGroupRuleId"] for update in updates),
    ]
    if unknown := lacking(ids, (rule["SecurityGroupRuleId"] for rule in _rules_of_group(request))):
        message = f"The security group rule ID '{listing(unknown)}' does not exist"
        raise ErrorResponse(400, message, "InvalidSecurityGroupRuleId.NotFound")


@refuses(*REVOKE)
def unknown_properties_of_rule(request: AwsRequest) -> None:
    """Refuse to revoke a rule by its properties if the group has no such rule."""
    permissions = request.params.get("IpPermissions")
    existing = _rules(request, is_egress=request.action == "RevokeSecurityGroupEgress")
    if permissions and _without_ports(_permission_identity(permissions[0])) not in (
        _without_ports(_identity(rule)) for rule in existing
    ):
        message = (
            f"The specified rule does not exist in this security group: {request.params.get('GroupId', '')}"
        )
        raise ErrorResponse(400, message, "InvalidPermission.NotFound")


@completes("ec2:DescribeSecurityGroupRules")
def describe_owner_of_rules(request: AwsRequest, response: Json) -> None:
    """Add the owner of each rule's group; moto omits it."""
    for rule in response["SecurityGroupRules"]:
        rule.setdefault("GroupOwnerId", request.account)


@follows("ec2:ModifySecurityGroupRules")
def change_peers(request: AwsRequest) -> None:
    """Change the groups and the IPv6 blocks to which rules refer; moto ignores these changes."""
    group = backend("ec2", request.region).get_security_group_from_id(request.params["GroupId"])
    for update in request.params["SecurityGroupRules"]:
        rule, new = group.get_rule(update["SecurityGroupRuleId"]), update["SecurityGroupRule"]
        if "ReferencedGroupId" in new:
            rule.source_group |= {"GroupId": new["ReferencedGroupId"]}
        if "CidrIpv6" in new:
            rule.ip_range |= {"CidrIpv6": new["CidrIpv6"]}
