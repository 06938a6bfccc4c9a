"""What NetworkPolicies of the namespace are made of.

Everything is denied by the namespace's own policy; each workload's policy names what it needs and nothing
else. The kubelet's probes come from the pod's own node, which no policy stops (Kubernetes, Network Policies).
"""

from collections.abc import Sequence
from ipaddress import IPv4Network

import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes.deployments import selector
from components.settings.api import Egress as EgressSettings

POD_IDENTITY = "169.254.170.23/32"
"""The EKS Pod Identity agent on every node; it answers on port 80."""

NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
)
"""Networks that are not of the internet (IANA, IPv4 special-purpose addresses, and multicast).

Among them are the VPC's and its peers', 100.64.0.0/10, from which EKS may number pods, and 169.254.0.0/16
with the instance metadata (169.254.169.254) and the pod identity agent.
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
    """What the pods of one workload may receive and send; both directions are always restricted."""
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=selector(app),
        policy_types=["Ingress", "Egress"],
        ingress=list(ingress),
        egress=list(egress),
    )


def dns(service_cidr: str) -> Egress:
    """Name resolution by the cluster's DNS Service; Auto Mode answers on the node, from no pod to name."""
    return Egress(to=[block(service_cidr)], ports=[port(53, "UDP"), port(53)])


def to_networks(cidrs: Sequence[str], number: pulumi.Input[int]) -> Egress:
    """TCP to networks."""
    return Egress(to=[block(cidr) for cidr in cidrs], ports=[port(number)])


def to_pods(app: str, number: int) -> Egress:
    """TCP to the pods of another workload of the namespace, and to their Service: the VPC CNI resolves it, as
    long as the Service's port is the pods' own (EKS user guide, network policy considerations)."""
    return Egress(to=[Peer(pod_selector=selector(app))], ports=[port(number)])


def to_pod_identity() -> Egress:
    """The agent that hands a pod its AWS credentials."""
    return to_networks([POD_IDENTITY], 80)


def to_https(vpc_cidr: str) -> Egress:
    """HTTPS to public addresses; nothing inside the VPC is reachable by this rule, whatever its addresses.

    S3 is reached by it, too: its ranges change, and a policy cannot name a prefix list. Routes send what is
    S3's through the gateway endpoint.
    """
    vpc = IPv4Network(vpc_cidr)
    own = [] if any(vpc.subnet_of(IPv4Network(each)) for each in NOT_PUBLIC) else [vpc_cidr]
    everywhere = kubernetes.networking.v1.IPBlockArgs(cidr="0.0.0.0/0", except_=[*NOT_PUBLIC, *own])
    return Egress(to=[Peer(ip_block=everywhere)], ports=[port(443)])


def outside(settings: EgressSettings, vpc_cidr: str) -> list[Egress]:
    """What the API may call besides its own parts, as its settings have it."""
    match settings.to:
        case "none":
            return []
        case "https":
            return [to_https(vpc_cidr)]
        case "networks":
            peers = [block(cidr) for cidr in settings.networks]
            return [Egress(to=peers, ports=[port(number) for number in settings.ports])]


def from_pods(app: str, number: int) -> Ingress:
    """TCP from the pods of another workload of the namespace."""
    return Ingress(from_=[Peer(pod_selector=selector(app))], ports=[port(number)])


def from_pods_of(namespace: str, app: str, number: int) -> Ingress:
    """TCP from the pods of a workload of another namespace."""
    there = kubernetes.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": namespace})
    return Ingress(from_=[Peer(namespace_selector=there, pod_selector=selector(app))], ports=[port(number)])


def from_networks(cidrs: Sequence[str], number: int) -> Ingress:
    """TCP from networks."""
    return Ingress(from_=[block(cidr) for cidr in cidrs], ports=[port(number)])


def block(cidr: str) -> pulumi.Input[Peer]:
    """A network as the other side."""
    return Peer(ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr))


def port(
    number: pulumi.Input[int], protocol: str = "TCP"
) -> pulumi.Input[kubernetes.networking.v1.NetworkPolicyPortArgs]:
    """One port."""
    return kubernetes.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)
