"""Tests that NetworkPolicies and security-group rules open exactly the declared connections."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components.common import connections
from components.common.connections import CONNECTIONS, WORKLOADS, Connection, Party, Pods
from components.common.naming import Naming
from components.kubernetes.network_policies import NOT_PUBLIC, POD_IDENTITY_AGENT
from tests.support.components import aws, workloads
from tests.support.components.fixtures import Recorder, Topic

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

Rule = tuple[str, str, str, str, int]
"""A rule of a security group: its direction, group, peer, protocol and port."""

GROUPS: Mapping[Party, str] = {
    connections.LOAD_BALANCER: "security-groups-load-balancer-id",
    connections.DATABASE: "security-groups-database-id",
    connections.SECRETS_ENDPOINT: "security-groups-secrets-endpoint-id",
    connections.CI_RUNNER: "runner-id",
    connections.CLUSTER_API: aws.CLUSTER_GROUP,
}
"""Security groups of the parties outside of pods; all pods are in the cluster's group."""

ADDRESSES: Mapping[Party, str] = {connections.CLIENTS: "0.0.0.0/0", connections.INTERNET: "0.0.0.0/0"}
"""Parties without a group that rules name by their networks."""

IN_CLUSTER = (connections.DNS, connections.NODE_AGENT, connections.POD_IDENTITY)
"""Parties on the nodes, like pods; the cluster's group admits its members, and AWS makes that rule."""

CLUSTER_EGRESS = "EKS gives the cluster's group a rule that allows all outgoing traffic"
RUNNER_EGRESS = "the rule to the internet has the same port and contains the cluster's addresses"

NO_EGRESS_RULE: Mapping[tuple[Party, Party], str] = {
    (connections.API, connections.DATABASE): CLUSTER_EGRESS,
    (connections.DATABASE_ROLES, connections.DATABASE): CLUSTER_EGRESS,
    (connections.DATABASE_ROLES, connections.SECRETS_ENDPOINT): CLUSTER_EGRESS,
    (connections.MIGRATION, connections.DATABASE): CLUSTER_EGRESS,
    (connections.BACKUP, connections.DATABASE): CLUSTER_EGRESS,
    (connections.RESTORE, connections.DATABASE): CLUSTER_EGRESS,
    (connections.API, connections.EXTERNAL_SERVICES): CLUSTER_EGRESS,
    (connections.BACKUP, connections.S3): CLUSTER_EGRESS,
    (connections.RESTORE, connections.S3): CLUSTER_EGRESS,
    (connections.RESTORE, connections.SECRETS_ENDPOINT): CLUSTER_EGRESS,
    (connections.CI_RUNNER, connections.CLUSTER_API): RUNNER_EGRESS,
}
"""Sources and targets whose connections need no egress rule, with the reason."""

NO_INGRESS_RULE = (connections.INTERNET, connections.EXTERNAL_SERVICES, connections.S3)
"""Targets outside of the VPC, which have no security group of this program."""

PUBLIC = f"0.0.0.0/0 except {', '.join(NOT_PUBLIC)}"
POLICY_PEERS: Mapping[Party, list[str]] = {
    connections.CLIENTS: ["0.0.0.0/0"],
    connections.LOAD_BALANCER: workloads.SUBNETS.public,
    connections.DNS: [workloads.SERVICE_CIDR],
    connections.NODE_AGENT: workloads.SUBNETS.private,
    connections.POD_IDENTITY: [POD_IDENTITY_AGENT],
    connections.DATABASE: workloads.SUBNETS.database,
    connections.SECRETS_ENDPOINT: workloads.SUBNETS.database,
    connections.S3: [PUBLIC],
    connections.EXTERNAL_SERVICES: [PUBLIC],
    connections.CERTIFICATE_CHECK: ["datadog/datadog"],
    **{pods: [pods.app] for pods in WORKLOADS},
}
"""Peers of each party in a NetworkPolicy, as `workloads.rules` describes them."""


def in_cluster(party: Party) -> bool:
    return isinstance(party, Pods) or party in IN_CLUSTER


def group(party: Party) -> str:
    """Return the security group of a party that has one."""
    return aws.CLUSTER_GROUP if isinstance(party, Pods) else GROUPS[party]


def peer(party: Party) -> str:
    return ADDRESSES[party] if party in ADDRESSES else group(party)


def required_rules(connection: Connection) -> Iterator[Rule]:
    """Yield the security-group rules without which a connection is closed."""
    source, target, port = connection.source, connection.target, connection.port
    if in_cluster(source) and in_cluster(target):
        return
    egress = source not in ADDRESSES and (source, target) not in NO_EGRESS_RULE
    ingress = target not in NO_INGRESS_RULE
    assert port or not (egress or ingress)
    for protocol in map(str.lower, port.protocols if port else ()):
        number = port.number if port else 0
        if egress:
            yield "egress", group(source), peer(target), protocol, number
        if ingress:
            yield "ingress", group(target), peer(source), protocol, number


def recorded_rules(recorder: Recorder) -> Iterator[Rule]:
    for direction, typ in (("egress", EGRESS), ("ingress", INGRESS)):
        for rule in recorder.of_type(typ).values():
            assert rule["fromPort"] == rule["toPort"]
            address = rule.get("cidrIpv4") or rule["referencedSecurityGroupId"]
            yield direction, rule["securityGroupId"], address, rule["ipProtocol"], int(rule["fromPort"])


def test_the_security_groups_have_one_rule_for_each_connection_and_no_others(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    for build in (aws.security_groups, aws.ci_runner):
        workloads.declare(recorder, build, naming, topic)
    # The pods are in one group, so several connections to a party need the same rule.
    required = {rule for connection in CONNECTIONS for rule in required_rules(connection)}
    assert Counter(recorded_rules(recorder)) == Counter(required)


def test_the_connections_without_an_egress_rule_exist() -> None:
    assert {*NO_EGRESS_RULE} <= {(connection.source, connection.target) for connection in CONNECTIONS}


@pytest.mark.parametrize("pods", WORKLOADS, ids=lambda pods: pods.name)
def test_the_policy_of_a_workload_has_a_rule_for_each_of_its_connections_and_no_others(
    recorder: Recorder, naming: Naming, topic: Topic, pods: Pods
) -> None:
    https: dict[str, Any] = {"to": "https", "networks": [], "ports": []}
    workloads.declare(recorder, workloads.api, naming, topic, egress=https)
    for build in (workloads.tls_proxy, workloads.data_jobs):
        workloads.declare(recorder, build, naming, topic)
    ingress = [
        (POLICY_PEERS[connection.seen_as or connection.source], ports(connection))
        for connection in CONNECTIONS
        if connection.target == pods
    ]
    egress = [
        (POLICY_PEERS[connection.target], ports(connection))
        for connection in CONNECTIONS
        if connection.source == pods
    ]
    assert workloads.rules(recorder, pods.app, "ingress") == ingress
    assert workloads.rules(recorder, pods.app, "egress") == egress


def ports(connection: Connection) -> list[str]:
    port = connection.port or connections.HTTPS  # The API's settings above allow HTTPS.
    return [f"{protocol} {port.number}" for protocol in port.protocols]
