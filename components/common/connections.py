"""Network connections of the service, from which its NetworkPolicies and security-group rules follow.

The NetworkPolicy of each workload in `WORKLOADS` allows its connections in `CONNECTIONS` and no others. The
program fails if it does not know a party's address. Security groups limit the load balancer, the database,
the endpoint of Secrets Manager and the CI runner. Their rules take the ports from here, but
aws/security_groups.py and aws/ci_runner.py name the pairs of parties. A new pair therefore needs a rule there
too; a unit test (test_connections.py) fails without it.

Security groups do not distinguish pods. The cluster's group may open all connections (EKS's default rule),
and the database admits the whole group, so only NetworkPolicies limit pods. Datadog's agent and the parts of
EKS have no NetworkPolicy. The CI runner may reach port 443 of every address that admits it.

The kubelet's probes need no entry: they come from the pod's own node, which no policy blocks (Kubernetes,
Network Policies). The CI runner's DNS needs no entry, since security groups do not filter traffic to the
VPC's name server.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Party:
    """A source or a target of connections."""

    name: str
    """Name in the diagram and in the names of security-group rules."""
    description: str
    """Description in the diagram."""


@dataclass(frozen=True)
class Pods(Party):
    """Pods that share an `app` label; all pods are in the cluster's security group."""

    app: str
    namespace: str = ""
    """Name of the pods' namespace; empty for the service's own namespace."""


@dataclass(frozen=True)
class Port:
    """A named port and its protocols."""

    name: str
    number: int
    protocols: tuple[str, ...] = ("TCP",)


@dataclass(frozen=True)
class Connection:
    """Permission for one party to open connections to another."""

    source: Party
    target: Party
    port: Port | None
    """Port of the target; None if the settings define the ports."""
    seen_as: Party | None = None
    """The party whose addresses the target sees; None if it sees the source's addresses."""
    condition: str = ""
    """The setting on which the connection depends; empty if the connection is always allowed."""


CLIENTS = Party("clients", "networks of pipe:securityGroups.ingressCidrs")
LOAD_BALANCER = Party("load-balancer", "network load balancer in the public subnets")
DATABASE = Party("database", "PostgreSQL in the database subnets")
NODE_AGENT = Party("node-agent", "Datadog's agent on every node")
POD_IDENTITY = Party("pod-identity-agent", "EKS Pod Identity agent on every node")
DNS = Party("dns", "cluster DNS at the Service addresses")
S3 = Party("s3", "backup bucket, through the gateway endpoint")
SECRETS_ENDPOINT = Party("secrets-endpoint", "Secrets Manager, through an endpoint in the database subnets")
EXTERNAL_SERVICES = Party("external-services", "services that the API calls")
CI_RUNNER = Party("ci-runner", "GitHub runner in the VPC")
CLUSTER_API = Party("cluster-api", "Kubernetes API of the cluster")
INTERNET = Party("internet", "GitHub, AWS and the registries")

API = Pods("api", "API", app="pipe-api")
PROXY = Pods("tls-proxy", "TLS proxy", app="pipe-proxy")
IMAGE_START = Pods("image-start", "Job that starts a new image", app="pipe-image")
DATABASE_ROLES = Pods("database-roles", "Job that creates the database roles", app="pipe-database-roles")
MIGRATION = Pods("migration", "migration Job", app="pipe-migrate")
BACKUP = Pods("backup", "backup Job", app="pipe-backup")
RESTORE = Pods("restore", "restore Job", app="pipe-restore")
CERTIFICATE_CHECK = Pods(
    "certificate-check", "Datadog's check of the certificate", app="datadog", namespace="datadog"
)

WORKLOADS = (API, PROXY, IMAGE_START, DATABASE_ROLES, MIGRATION, BACKUP, RESTORE)
"""Pods of the service's namespace."""

HTTPS = Port("HTTPS", 443)
TRAFFIC = Port("traffic", 8443)
"""TLS port of the proxy's pods; above 1024, since the pods do not run as root."""
HEALTH = Port("health", 8081)
"""Plain-HTTP port of the proxy's pods, which serves /healthz."""
API_HTTP = Port("HTTP", 3000)
"""Port on which the API's image listens ($PORT); its Service and the network policies on both sides use it.

The port is not a setting, because a rollout cannot change it without an outage. Each pod has its own address,
so stacks do not need different ports. During a change to the port, old and new pods would listen on different
ports. A Service with a numeric target port would send requests to pods that do not listen there. A Service
with a named target port would require policies that admit both ports, but the program knows only the new one.

The port is always given as a number, because EKS resolves a policy's port through the Service: from the
Service alone if its target port is a number, from the existing pods if it is a name
(aws/amazon-network-policy-controller-k8s, pkg/resolvers/endpoints.go, getMatchingServicePort). The Service's
port must equal the pods' port (EKS user guide, network policy considerations).
"""
POSTGRESQL = Port("PostgreSQL", 5432)
TRACES = Port("traces", 8126)
"""Port on which Datadog's agent accepts traces (its default)."""
CREDENTIALS = Port("credentials", 80)
"""Port on which the Pod Identity agent answers."""
DNS_PORT = Port("DNS", 53, ("UDP", "TCP"))

CONNECTIONS = (
    Connection(CLIENTS, LOAD_BALANCER, HTTPS),
    # The load balancer keeps the client's address (preserve_client_ip of the Service).
    Connection(LOAD_BALANCER, PROXY, TRAFFIC, seen_as=CLIENTS),
    Connection(LOAD_BALANCER, PROXY, HEALTH),
    # The agent's address is not one of the client networks, unless those are 0.0.0.0/0.
    Connection(CERTIFICATE_CHECK, PROXY, TRAFFIC, condition="pipe:monitoring.agent.enabled"),
    *(Connection(pods, DNS, DNS_PORT) for pods in WORKLOADS),
    Connection(PROXY, API, API_HTTP),
    Connection(API, DATABASE, POSTGRESQL),
    Connection(API, NODE_AGENT, TRACES),
    Connection(API, POD_IDENTITY, CREDENTIALS),
    Connection(API, EXTERNAL_SERVICES, None, condition="pipe:api.egress"),
    Connection(DATABASE_ROLES, DATABASE, POSTGRESQL),
    Connection(DATABASE_ROLES, POD_IDENTITY, CREDENTIALS),
    Connection(DATABASE_ROLES, SECRETS_ENDPOINT, HTTPS),
    Connection(MIGRATION, DATABASE, POSTGRESQL),
    Connection(BACKUP, DATABASE, POSTGRESQL),
    Connection(BACKUP, POD_IDENTITY, CREDENTIALS),
    Connection(BACKUP, S3, HTTPS),
    Connection(RESTORE, DATABASE, POSTGRESQL),
    Connection(RESTORE, POD_IDENTITY, CREDENTIALS),
    Connection(RESTORE, S3, HTTPS),
    Connection(RESTORE, SECRETS_ENDPOINT, HTTPS),
    Connection(CI_RUNNER, INTERNET, HTTPS),
    Connection(CI_RUNNER, CLUSTER_API, HTTPS),
)
"""Every allowed connection, in the order of the rules of each policy."""


def connections_from(source: Party) -> Iterator[Connection]:
    """Yield the connections that a party may open."""
    return (connection for connection in CONNECTIONS if connection.source == source)


def connections_to(target: Party) -> Iterator[Connection]:
    """Yield the connections that a party accepts."""
    return (connection for connection in CONNECTIONS if connection.target == target)


def ports_between(source: Party, target: Party) -> list[Port]:
    """Return the ports on which one party may connect to another."""
    return [
        connection.port
        for connection in connections_from(source)
        if connection.target == target and connection.port is not None
    ]


def ports_from_pods(target: Party) -> list[Port]:
    """Return the distinct ports on which pods may connect to a party outside the cluster."""
    return list(
        dict.fromkeys(
            connection.port
            for connection in connections_to(target)
            if isinstance(connection.source, Pods) and connection.port is not None
        )
    )
