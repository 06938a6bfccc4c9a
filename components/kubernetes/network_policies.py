"""NetworkPolicies of the namespace's workloads, built from `components/common/connections.py`.

The namespace's default policy denies all traffic; each workload's policy allows only its connections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TypeAlias

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.common.connections import Connection, Party, Pods
from components.kubernetes.deployments import selector
from components.kubernetes.pods import WorkloadContext
from components.settings.models.api import Egress as EgressSettings

POD_IDENTITY_AGENT = "169.254.170.23/32"
"""The address of the EKS Pod Identity agent on every node."""

NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
)
"""Networks outside the public internet (IANA, IPv4 special-purpose addresses, and multicast).

They include the networks of the VPC and its peers. EKS may use 100.64.0.0/10 for pods. 169.254.0.0/16
contains the instance metadata (169.254.169.254) and the Pod Identity agent.
"""

Peer: TypeAlias = pulumi.Input[kubernetes.networking.v1.NetworkPolicyPeerArgs]
PolicyPort: TypeAlias = pulumi.Input[kubernetes.networking.v1.NetworkPolicyPortArgs]


@dataclass(frozen=True)
class Endpoint:
    """A party in the terms of NetworkPolicies: peers and ports.

    Empty peers or ports raise ValueError, since a rule with an empty list matches every address or port.
    """

    peers: Sequence[Peer]
    ports: Sequence[pulumi.Input[int]] | None = None
    """TCP ports of the endpoint; None for the port of the connection."""

    def __post_init__(self) -> None:
        if not self.peers:
            raise ValueError("an endpoint without peers would match every address")
        if self.ports is not None and not self.ports:
            raise ValueError("an endpoint with an empty list of ports would match every port")


Endpoints: TypeAlias = Mapping[Party, Endpoint | None]
"""Endpoints of parties outside the namespace; None for a party to which the settings allow no connection."""


def policy_spec(app: str, endpoints: Endpoints) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Build the policy of one workload's pods from its connections; both directions are always restricted.

    `endpoints` must contain every party outside the namespace that has a connection with the workload; a
    missing party raises KeyError. If the value is None, the policy does not allow the party's connections;
    ValueError is raised if one of them does not depend on a setting (`Connection.condition`).
    """
    [pods] = [pods for pods in connections.WORKLOADS if pods.app == app]
    ingress = [
        kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
            from_=source.peers, ports=_ports(connection, source)
        )
        for connection in connections.connections_to(pods)
        if (source := _endpoint(connection, connection.seen_as or connection.source, endpoints))
    ]
    egress = [
        kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
            to=target.peers, ports=_ports(connection, target)
        )
        for connection in connections.connections_from(pods)
        if (target := _endpoint(connection, connection.target, endpoints))
    ]
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=selector(app), policy_types=["Ingress", "Egress"], ingress=ingress, egress=egress
    )


def endpoints(context: WorkloadContext, database_port: pulumi.Input[int] | None = None) -> Endpoints:
    """Return the endpoints outside the namespace that every stack has."""
    subnets = context.subnets
    return {
        # Auto Mode answers DNS on the node, where no pod can be selected.
        connections.DNS: networks([context.service_cidr]),
        connections.LOAD_BALANCER: networks(subnets.public),
        connections.NODE_AGENT: networks(subnets.private),
        connections.POD_IDENTITY: networks([POD_IDENTITY_AGENT]),
        # The address ranges of S3 change, and a policy cannot name a prefix list. Route tables send traffic
        # to S3 through the gateway endpoint.
        connections.S3: public_internet(context.vpc_cidr),
        connections.DATABASE: networks(subnets.database, None if database_port is None else [database_port]),
        connections.SECRETS_ENDPOINT: networks(subnets.database),
    }


def networks(cidrs: Sequence[str], ports: Sequence[pulumi.Input[int]] | None = None) -> Endpoint:
    """Return the endpoint for these networks."""
    return Endpoint([_block(cidr) for cidr in cidrs], ports)


def public_internet(vpc_cidr: str, ports: Sequence[pulumi.Input[int]] | None = None) -> Endpoint:
    """Return the endpoint for all public addresses outside the VPC."""
    vpc = IPv4Network(vpc_cidr)
    own = [] if any(vpc.subnet_of(IPv4Network(cidr)) for cidr in NOT_PUBLIC) else [vpc_cidr]
    return Endpoint([_block("0.0.0.0/0", [*NOT_PUBLIC, *own])], ports)


def pods_endpoint(pods: Pods) -> Endpoint:
    """Return the endpoint for pods and for their Service.

    The VPC CNI resolves the Service if its port equals the pods' port (EKS user guide, network policy
    considerations).
    """
    namespace = None
    if pods.namespace:
        namespace = kubernetes.meta.v1.LabelSelectorArgs(
            match_labels={"kubernetes.io/metadata.name": pods.namespace}
        )
    return Endpoint(
        [
            kubernetes.networking.v1.NetworkPolicyPeerArgs(
                namespace_selector=namespace, pod_selector=selector(pods.app)
            )
        ]
    )


def external_services(settings: EgressSettings, vpc_cidr: str) -> Endpoints:
    """Return the endpoint of the external services; None if the settings allow the API to call none."""
    match settings.to:
        case "none":
            return {connections.EXTERNAL_SERVICES: None}
        case "https":
            return {connections.EXTERNAL_SERVICES: public_internet(vpc_cidr, [connections.HTTPS.number])}
        case "networks":
            return {connections.EXTERNAL_SERVICES: networks(settings.networks, settings.ports)}


def _endpoint(connection: Connection, party: Party, endpoints: Endpoints) -> Endpoint | None:
    """Return the endpoint of a party; None if the settings do not allow the connection."""
    if isinstance(party, Pods) and party in connections.WORKLOADS:
        return pods_endpoint(party)
    if party not in endpoints:
        raise KeyError(party.name)
    endpoint = endpoints[party]
    if endpoint is None and not connection.condition:
        source, target = connection.source.name, connection.target.name
        raise ValueError(
            f"the endpoint of the connection from {source} to {target} is None, but the connection depends on"
            " no setting. Pass an endpoint, or set the connection's condition in connections.py."
        )
    return endpoint


def _ports(connection: Connection, endpoint: Endpoint) -> list[PolicyPort]:
    """Return the ports of a rule; raise ValueError if there is none, since no ports would mean every port."""
    ports: list[PolicyPort] = []
    if endpoint.ports is not None:
        ports = [_port(number, "TCP") for number in endpoint.ports]
    elif connection.port is not None:
        ports = [_port(connection.port.number, protocol) for protocol in connection.port.protocols]
    if not ports:
        source, target = connection.source.name, connection.target.name
        raise ValueError(f"neither the connection from {source} to {target} nor its endpoint has a port")
    return ports


def _port(number: pulumi.Input[int], protocol: str) -> PolicyPort:
    return kubernetes.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)


def _block(cidr: str, exceptions: Sequence[str] | None = None) -> Peer:
    return kubernetes.networking.v1.NetworkPolicyPeerArgs(
        ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr, except_=exceptions)
    )
