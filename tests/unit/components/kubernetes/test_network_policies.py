"""Tests of the network policy rules that follow from the declared connections."""

import pytest

from components.common import connections
from components.common.connections import Party, Pods
from components.common.naming import Naming
from components.kubernetes import network_policies
from tests.support.components.workloads import workload_context


def test_a_connection_to_a_party_without_an_address_is_refused(naming: Naming) -> None:
    endpoints = dict(network_policies.endpoints(workload_context(naming)))
    del endpoints[connections.DATABASE]
    with pytest.raises(KeyError, match="database"):
        network_policies.policy_spec(connections.MIGRATION.app, endpoints)


@pytest.mark.parametrize(
    ("workload", "party"),
    [
        (connections.API, connections.EXTERNAL_SERVICES),
        (connections.PROXY, connections.CERTIFICATE_CHECK),
    ],
)
def test_a_party_that_a_setting_closes_must_have_an_explicit_none(
    naming: Naming, workload: Pods, party: Party
) -> None:
    endpoints = {
        **network_policies.endpoints(workload_context(naming)),
        connections.CLIENTS: network_policies.networks(["0.0.0.0/0"]),
    }
    with pytest.raises(KeyError, match=party.name):
        network_policies.policy_spec(workload.app, endpoints)
    network_policies.policy_spec(workload.app, {**endpoints, party: None})


def test_a_connection_without_a_condition_cannot_be_closed(naming: Naming) -> None:
    endpoints = {
        **network_policies.endpoints(workload_context(naming)),
        connections.DATABASE: None,
    }
    with pytest.raises(ValueError, match="from migration to database is None, but the connection depends on"):
        network_policies.policy_spec(connections.MIGRATION.app, endpoints)


def test_an_endpoint_without_peers_is_refused() -> None:
    with pytest.raises(ValueError, match="an endpoint without peers would match every address"):
        network_policies.networks([])


def test_an_endpoint_with_an_empty_list_of_ports_is_refused() -> None:
    with pytest.raises(ValueError, match="an endpoint with an empty list of ports would match every port"):
        network_policies.networks(["192.168.10.0/24"], [])


def test_a_connection_without_a_port_on_either_side_is_refused(naming: Naming) -> None:
    endpoints = {
        **network_policies.endpoints(workload_context(naming)),
        connections.EXTERNAL_SERVICES: network_policies.networks(["192.168.10.0/24"]),
    }
    message = "neither the connection from api to external-services nor its endpoint has a port"
    with pytest.raises(ValueError, match=message):
        network_policies.policy_spec(connections.API.app, endpoints)
