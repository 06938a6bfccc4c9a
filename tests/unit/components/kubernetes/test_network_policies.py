"""Tests of the rules that follow from network connections."""

import pytest

from components.common import connections
from components.common.naming import Naming
from components.kubernetes import network_policies
from tests.support.components.workloads import workload_context


def test_a_connection_to_a_party_without_an_address_is_refused(naming: Naming) -> None:
    endpoints = dict(network_policies.endpoints(workload_context(naming)))
    del endpoints[connections.DATABASE]
    with pytest.raises(KeyError, match="database"):
        network_policies.policy_spec(connections.MIGRATION.app, endpoints)
