"""What NetworkPolicies of the namespace are made of.

Everything is denied by the namespace's own policy; each workload's policy names what it needs and nothing
else. The kubelet's probes come from the pod's own node, which no policy stops (Kubernetes, Network Policies).
"""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.deployments import selector

POD_IDENTITY = "169.254.170.23/32"
"""The EKS Pod Identity agent on every node; it answers on port 80."""

PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]
"""Private and link-local networks (RFC 1918, RFC 3927)."""

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


def to_s3() -> Egress:
    """HTTPS to public addresses: S3's own ranges change, and a policy cannot name a prefix list. Routes send
    what is S3's through the gateway endpoint; nothing inside the VPC is reachable by this rule."""
    everywhere = kubernetes.networking.v1.IPBlockArgs(cidr="0.0.0.0/0", except_=list(PRIVATE))
    return Egress(to=[Peer(ip_block=everywhere)], ports=[port(443)])


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
