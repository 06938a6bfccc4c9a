"""Tests of the amounts that a stack needs, which follow from its settings."""

from typing import Any

import pytest

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]
from foundation.service_roles.environment import environment_roles
from operations.preflight import demand
from operations.preflight.aws.quotas import stack_scope
from tests.support.operations.preflight import Stack


def changed(stack: Stack, topic: str, **values: Any) -> Any:
    settings = stack.subject.settings
    return settings.model_copy(update={topic: getattr(settings, topic).model_copy(update=values)})


@pytest.mark.parametrize(("gateways", "addresses"), [("one", 1), ("each-zone", 3)])
def test_each_nat_gateway_has_an_address(stack: Stack, gateways: str, addresses: int) -> None:
    assert demand.elastic_ips(changed(stack, "network", nat_gateways=gateways)) == addresses


@pytest.mark.parametrize(("quota", "vcpus"), [("16", 16), ("7500m", 8)])
def test_the_nodes_have_the_vcpus_of_the_namespaces_quota(stack: Stack, quota: str, vcpus: int) -> None:
    assert demand.standard_vcpus(changed(stack, "namespace", quota_cpu=quota)) == vcpus


def test_the_database_may_grow_to_its_limit(stack: Stack) -> None:
    assert demand.database_storage_gib(changed(stack, "database", max_storage_gib=321)) == 321


def test_the_roles_are_those_of_the_foundation(stack: Stack) -> None:
    scope = stack_scope(stack.subject)
    names = demand.service_role_names(scope)
    assert set(names) == {role.name for role in environment_roles(scope)} | {
        "pipe-prod-preview",
        "pipe-prod-deploy",
        "pipe-prod-operators",
    }
    assert demand.roles(scope) == len(names) + len(demand.LINKED_ROLE_NAMES)


def test_a_bucket_without_a_copy_has_a_bucket_for_its_logs_alone(stack: Stack) -> None:
    region, other = "ap-northeast-1", "ap-northeast-3"
    assert demand.buckets(stack.subject.settings) == {
        "acme-backup": region,
        "acme-backup-logs": region,
        "acme-backup-replica": other,
        "acme-backup-replica-logs": other,
        stack.subject.settings.naming.flow_log_bucket: region,
    }
    replica = stack.subject.settings.backups.replica.model_copy(update={"enabled": False})
    buckets = demand.buckets(changed(stack, "backups", replica=replica))
    assert list(buckets)[:-1] == [
        "acme-backup",
        "acme-backup-logs",
    ]
