"""The TLS proxy in front of the API: unprivileged nginx and a network load balancer."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.common import connections
from components.common.outputs import require_output
from components.kubernetes import deployments, network_policies, nginx_config, pods
from components.settings.models.proxy import Proxy

CONFIG_DIR = "/etc/pipe/nginx"
CONFIG_FILE = "nginx.conf"

IDLE_SECONDS = nginx_config.KEEPALIVE_SECONDS + 30
"""Seconds that the load balancer keeps an unused connection.

AWS allows 60 to 6000; the default is 350 (ELB, Network Load Balancers, "Update the TCP idle timeout"). The
value is longer than the timeouts of Cloudflare and nginx. Otherwise, they would send requests on a connection
that the load balancer has dropped."""

LEAVE_SECONDS = 180
"""Seconds for which a terminating pod still answers.

A network load balancer sends new connections to a target for two to three minutes after its deregistration,
regardless of the deregistration delay (kubernetes-sigs/aws-load-balancer-controller issues 2366 and 2131;
aws/containers-roadmap issue 470)."""
FINISH_SECONDS = 60
"""Seconds for the remaining requests after SIGQUIT, the image's stop signal; as long as a request may last
(proxy_read_timeout)."""

SERVICE_TIMEOUT = "60m"
"""Time that Pulumi waits for the Service's load balancer to get an address and for its pods to become ready.

The default is ten minutes (pulumi-kubernetes, provider/pkg/await/service.go). The pods themselves wait for
the database, the migration and the API. The Service cannot wait for the pods instead: readiness gates are
injected only into pods that are created after the Service and its TargetGroupBinding (AWS Load Balancer
Controller, pod readiness gate)."""

LOAD_BALANCER_CLASS = "eks.amazonaws.com/nlb"
"""Class of the network load balancers of EKS Auto Mode."""


@dataclass(frozen=True, kw_only=True)
class TlsProxyArgs:
    """Arguments of TlsProxy."""

    settings: Proxy
    """Settings of the proxy, such as image, oldest TLS version, resources and replicas."""
    context: pods.WorkloadContext
    server_name: str
    """The only server name that nginx answers: the stack's host."""
    namespace: str
    """Namespace of the API's Service, from the settings.

    Since the value is a plain string, nginx's configuration can be checked before the cluster exists."""
    upstream_port: int
    """Port of the API's Service and pods."""
    upstream_health: str
    """Path that the API answers without using the database."""
    after: Sequence[pulumi.Resource]
    """Resources that nginx depends on, since it resolves the API's Service when it starts."""
    certificate: pulumi.Input[str]
    """The origin certificate in PEM."""
    private_key: pulumi.Input[str]
    """Private key of the origin certificate in PEM; a secret."""
    security_group_id: pulumi.Input[str]
    """The load balancer's security group."""
    client_cidrs: Sequence[str]
    """Networks that may connect; the same as in the security group."""
    protect: bool
    """True to make AWS refuse to delete the load balancer, and with it the address that the edge uses."""
    agent_enabled: bool
    """True if Datadog's agent is in the cluster and checks the certificate from there."""


class TlsProxy(pulumi.ComponentResource):
    """nginx pods that terminate TLS, and the load balancer that forwards port 443 to them."""

    hostname: pulumi.Output[str]
    """DNS name of the load balancer."""

    def __init__(self, name: str, args: TlsProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:kubernetes:TlsProxy", name, None, opts)
        child, context = pulumi.ResourceOptions(parent=self), args.context
        workload = context.workload(pods.PROXY)

        account = workload.account(name, child)
        config = {CONFIG_FILE: configuration(args)}
        config_map = kubernetes.core.v1.ConfigMap(name, metadata=workload.meta(), data=config, opts=child)
        key_pair = {"tls.crt": args.certificate, "tls.key": args.private_key}
        secret = kubernetes.core.v1.Secret(
            f"{name}-certificate",
            metadata=workload.meta("certificate"),
            type="kubernetes.io/tls",
            string_data=key_pair,
            opts=child,
        )
        policy = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata=workload.meta(),
            spec=network_policies.policy_spec(pods.PROXY, endpoints(args)),
            opts=child,
        )
        deployments.replicated(
            name,
            workload,
            args.settings.replicas,
            workload.pod_meta(
                args.settings.image,
                {"checksum/config": pods.checksum(config), "checksum/certificate": pods.checksum(key_pair)},
            ),
            pods.pod_spec(
                account,
                [container(args.settings)],
                volumes=[
                    pods.config_volume("config", config_map.metadata.name),
                    pods.secret_volume("certificate", secret.metadata.name),
                    pods.scratch_volume("tmp", "1Gi"),
                ],
                grace_seconds=LEAVE_SECONDS + FINISH_SECONDS,
                spread=deployments.spread(pods.PROXY),
            ),
            image=args.settings.image,
            parent=self,
            after=[policy, *args.after],
        )
        service = kubernetes.core.v1.Service(
            name,
            metadata=workload.meta(annotations=load_balancer(args)),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="LoadBalancer",
                load_balancer_class=LOAD_BALANCER_CLASS,
                # Pods are targets by their own address, so the nodes need no port.
                allocate_load_balancer_node_ports=False,
                selector={"app": pods.PROXY},
                ports=[
                    kubernetes.core.v1.ServicePortArgs(
                        name="https", port=443, target_port=connections.TRAFFIC.number, protocol="TCP"
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=pulumi.CustomTimeouts(create=SERVICE_TIMEOUT, update=SERVICE_TIMEOUT),
            ),
        )

        self.hostname = require_output(
            service.status,
            *("load_balancer", "ingress", 0, "hostname"),
            resource=f"Service {pods.PROXY}",
            meaning="the address of its load balancer",
        )
        self.register_outputs({"hostname": self.hostname})


def configuration(args: TlsProxyArgs) -> str:
    """Return the content of nginx.conf."""
    upstream = f"{pods.API}.{args.namespace}.svc.cluster.local:{args.upstream_port}"
    return nginx_config.render(
        args.settings,
        server_name=args.server_name,
        upstream=upstream,
        upstream_health=args.upstream_health,
    )


def endpoints(args: TlsProxyArgs) -> network_policies.Endpoints:
    """Return the endpoints outside the namespace that the proxy's connections need."""
    check = connections.CERTIFICATE_CHECK
    return {
        **network_policies.endpoints(args.context),
        connections.CLIENTS: network_policies.networks(args.client_cidrs),
        check: network_policies.pods_endpoint(check) if args.agent_enabled else None,
    }


def container(settings: Proxy) -> kubernetes.core.v1.ContainerArgs:
    """Build the container `nginx`."""
    return kubernetes.core.v1.ContainerArgs(
        name="nginx",
        image=settings.image,
        image_pull_policy="Always",
        # The image's entrypoint would edit the configuration, which is read-only here.
        command=["nginx", "-c", f"{CONFIG_DIR}/{CONFIG_FILE}"],
        ports=[
            kubernetes.core.v1.ContainerPortArgs(name="https", container_port=connections.TRAFFIC.number),
            kubernetes.core.v1.ContainerPortArgs(name="health", container_port=connections.HEALTH.number),
        ],
        resources=pods.resources(settings.resources),
        security_context=pods.container_security(),
        # The start-up probe calls the API: a new pod's traffic is dropped until the policies of both sides
        # know its address, and the old pods must stay until then. Readiness and liveness do not depend on the
        # API: nginx answers without it, and a restart would not help.
        startup_probe=pods.probe(nginx_config.STARTUP_PATH, "health", every=2, failures=60),
        readiness_probe=pods.probe("/healthz", "health", every=5, failures=3),
        liveness_probe=pods.probe("/healthz", "health", every=10, failures=6),
        lifecycle=kubernetes.core.v1.LifecycleArgs(
            pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(
                sleep=kubernetes.core.v1.SleepActionArgs(seconds=LEAVE_SECONDS)
            )
        ),
        volume_mounts=[
            pods.mount("config", CONFIG_DIR),
            pods.mount("certificate", nginx_config.CERTIFICATES),
            pods.writable("tmp", nginx_config.SCRATCH),
        ],
    )


def load_balancer(args: TlsProxyArgs) -> dict[str, pulumi.Input[str]]:
    """Return the load balancer's annotations (AWS Load Balancer Controller, annotations).

    With a custom security group, the controller adds no rules for the pods; SecurityGroups declares them.
    """
    target_group = {
        # nginx needs the client's address, since it accepts the visitor's address from Cloudflare only.
        "preserve_client_ip.enabled": "true",
        # The longest time that a pod needs to terminate: nginx closes its connections, and the load balancer
        # ends the rest.
        "deregistration_delay.timeout_seconds": str(LEAVE_SECONDS + FINISH_SECONDS),
        "deregistration_delay.connection_termination.enabled": "true",
    }
    # The cluster's role needs permissions for these custom tags: foundation/service_roles/cluster.py.
    tags = ",".join(f"{key}={value}" for key, value in args.context.naming.aws("proxy").items())
    values: dict[str, pulumi.Input[str]] = {
        "scheme": "internet-facing",
        "nlb-target-type": "ip",
        "ip-address-type": "ipv4",
        "security-groups": args.security_group_id,
        "additional-resource-tags": tags,
        # There are no access logs: AWS writes them for TLS listeners only (ELB, access logs for Network Load
        # Balancers), and this listener passes TCP on. nginx logs the requests.
        "attributes": ",".join(
            (
                "load_balancing.cross_zone.enabled=true",
                f"deletion_protection.enabled={str(args.protect).lower()}",
            )
        ),
        # The key contains the listener's protocol and port (AWS Load Balancer Controller 2.9, listener
        # attributes). EKS Auto Mode supports the idle timeout (EKS user guide, "Configure EKS Auto Mode
        # settings").
        "listener-attributes.TCP-443": f"tcp.idle_timeout.seconds={IDLE_SECONDS}",
        "target-group-attributes": ",".join(f"{key}={value}" for key, value in target_group.items()),
        "healthcheck-protocol": "HTTP",
        "healthcheck-port": str(connections.HEALTH.number),
        "healthcheck-path": "/healthz",
        "healthcheck-interval": "10",
        "healthcheck-timeout": "5",
        "healthcheck-healthy-threshold": "2",
        "healthcheck-unhealthy-threshold": "2",
    }
    return {f"service.beta.kubernetes.io/aws-load-balancer-{key}": value for key, value in values.items()}
