"""Building blocks of the namespace's NetworkPolicies.

The namespace's own policy denies all traffic; each workload's policy allows only the traffic that it needs.
The kubelet's probes come from the pod's own node, which no policy blocks (Kubernetes, Network Policies).
"""

from collections.abc import Sequence
from ipaddress import IPv4Network

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes.deployments import selector
from components.settings.models.api import Egress as EgressSettings

POD_IDENTITY = "169.254.170.23/32"
"""The EKS Pod Identity agent on every node; it answers on port 80."""

NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
)
"""Networks outside the public internet (IANA, IPv4 special-purpose addresses, and multicast).

They include the networks of the VPC and its peers, 100.64.0.0/10, which EKS may use for pods, and
169.254.0.0/16 with the instance metadata (169.254.169.254) and the Pod Identity agent.
"""

Egress = kubernetes.networking.v1.NetworkPolicyEgressRuleArgs
Ingress = kubernetes.networking.v1.NetworkPolicyIngressRuleArgs
Peer = kubernetes.networking.v1.NetworkPolicyPeerArgs


def policy_spec(
    app: str,
    *,
    ingress: Sequence[pulumi.Input[Ingress]] = (),
    egress: Sequence[pulumi.Input[Egress]] = (),
) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Build the policy of one workload's pods; both directions are always restricted."""
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=selector(app),
        policy_types=["Ingress", "Egress"],
        ingress=list(ingress),
        egress=list(egress),
    )


def dns(service_cidr: str) -> Egress:
    """Allow DNS at the Service addresses; Auto Mode answers on the node, where no pod can be selected."""
    return Egress(to=[block(service_cidr)], ports=[port(53, "UDP"), port(53)])


def to_networks(cidrs: Sequence[str], number: pulumi.Input[int]) -> Egress:
    """Allow TCP to networks."""
    return Egress(to=[block(cidr) for cidr in cidrs], ports=[port(number)])


def to_pods(app: str, number: int) -> Egress:
    """Allow TCP to the pods of another workload of the namespace, and to their Service.

    The VPC CNI resolves the Service if its port equals the pods' port (EKS user guide, network policy
    considerations).
    """
    return Egress(to=[Peer(pod_selector=selector(app))], ports=[port(number)])


def to_pod_identity() -> Egress:
    """Allow the Pod Identity agent, which gives a pod its AWS credentials."""
    return to_networks([POD_IDENTITY], 80)


def to_https(vpc_cidr: str) -> Egress:
    """Allow HTTPS to public addresses, and to no address inside the VPC.

    S3 needs this rule: its ranges change, and a policy cannot name a prefix list. Routes send S3's traffic
    through the gateway endpoint.
    """
    vpc = IPv4Network(vpc_cidr)
    own = [] if any(vpc.subnet_of(IPv4Network(cidr)) for cidr in NOT_PUBLIC) else [vpc_cidr]
    everywhere = kubernetes.networking.v1.IPBlockArgs(cidr="0.0.0.0/0", except_=[*NOT_PUBLIC, *own])
    return Egress(to=[Peer(ip_block=everywhere)], ports=[port(443)])


def outside(settings: EgressSettings, vpc_cidr: str) -> list[Egress]:
    """Allow the API's calls to external services, as configured in its settings."""
    match settings.to:
        case "none":
            return []
        case "https":
            return [to_https(vpc_cidr)]
        case "networks":
            peers = [block(cidr) for cidr in settings.networks]
            return [Egress(to=peers, ports=[port(number) for number in settings.ports])]


def from_pods(app: str, number: int) -> Ingress:
    """Allow TCP from the pods of another workload of the namespace."""
    return Ingress(from_=[Peer(pod_selector=selector(app))], ports=[port(number)])


def from_pods_of(namespace: str, app: str, number: int) -> Ingress:
    """Allow TCP from the pods of a workload of another namespace."""
    in_namespace = kubernetes.meta.v1.LabelSelectorArgs(
        match_labels={"kubernetes.io/metadata.name": namespace}
    )
    return Ingress(
        from_=[Peer(namespace_selector=in_namespace, pod_selector=selector(app))], ports=[port(number)]
    )


def from_networks(cidrs: Sequence[str], number: int) -> Ingress:
    """Allow TCP from networks."""
    return Ingress(from_=[block(cidr) for cidr in cidrs], ports=[port(number)])


def block(cidr: str) -> pulumi.Input[Peer]:
    """Return a network as a policy's peer."""
    return Peer(ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr))


def port(
    number: pulumi.Input[int], protocol: str = "TCP"
) -> pulumi.Input[kubernetes.networking.v1.NetworkPolicyPortArgs]:
    """Return a port of a policy."""
    return kubernetes.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)
