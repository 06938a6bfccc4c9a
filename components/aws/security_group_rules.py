"""Security-group rules for the ports of `components/common/connections.py`."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.common.connections import Port


def allow_port(
    rule_type: type[aws.vpc.SecurityGroupIngressRule] | type[aws.vpc.SecurityGroupEgressRule],
    name: str,
    port: Port,
    *,
    security_group_id: pulumi.Input[str],
    description: str,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    peer_group_id: pulumi.Input[str] | None = None,
    peer_cidr: str | None = None,
) -> None:
    """Declare a rule of a security group for each protocol of a port.

    Exactly one of `peer_group_id` and `peer_cidr` must be set. The logical name of a rule is `name`; if the
    port has several protocols, it is `name-tcp` or `name-udp`.
    """
    for protocol in map(str.lower, port.protocols):
        rule_type(
            name if len(port.protocols) == 1 else f"{name}-{protocol}",
            security_group_id=security_group_id,
            description=description,
            ip_protocol=protocol,
            from_port=port.number,
            to_port=port.number,
            referenced_security_group_id=peer_group_id,
            cidr_ipv4=peer_cidr,
            tags=tags,
            opts=opts,
        )
