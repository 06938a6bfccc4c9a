"""Tests that the checks of quotas and the documented limits count the same pods."""

from decimal import Decimal

import pytest

from components.common.quantity import parse_quantity
from components.settings import capacity
from components.settings.load import load_file, read_settings
from components.settings.models.workload import Replicas
from components.settings.scale_limits import LIMITS
from components.settings.stack import Settings
from tests.support.components.fixtures import ROOT

STACKS = ("dev", "stg", "prod")
ROWS = {
    "quotaPods": "Pods at the maximum, during a rollout / quota",
    "quotaCpu": "CPU limits at the maximum, during a rollout / quota",
    "quotaMemory": "Memory limits at the maximum, during a rollout / quota",
}


def settings(stack: str) -> Settings:
    return load_file(ROOT / f"Pulumi.{stack}.yaml").settings


def is_refused(stack: str, quota: str, value: object) -> bool:
    """Return True if the settings with this value of a quota are refused because of the quota."""
    config = dict(load_file(ROOT / f"Pulumi.{stack}.yaml").config)
    config["pipe:namespace"] = {**config["pipe:namespace"], quota: value}
    return f"pipe:namespace.{quota}" in [fault.key for fault in read_settings(config)[1]]


def format_quota(quota: str, amount: Decimal) -> object:
    """Return an amount in the stack file's format for the quota."""
    return {"quotaPods": int(amount), "quotaCpu": f"{amount:f}", "quotaMemory": f"{amount:.0f}Mi"}[quota]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("quota", ROWS)
def test_the_published_need_is_the_smallest_valid_quota(stack: str, quota: str) -> None:
    published = Decimal(str(LIMITS[ROWS[quota]](settings(stack))).split()[0])
    less = published - (Decimal("0.1") if quota == "quotaCpu" else 1)
    assert not is_refused(stack, quota, format_quota(quota, published))
    assert is_refused(stack, quota, format_quota(quota, less))


@pytest.mark.parametrize(("most", "rolling"), [(1, 2), (3, 4), (4, 5), (5, 7), (12, 15)])
def test_a_rollout_adds_a_quarter_of_the_pods_rounded_up(most: int, rolling: int) -> None:
    """Check the rounding: Kubernetes rounds maxSurge up (Deployment, max surge)."""
    replicas = Replicas.model_validate({"min": 1, "max": most, "targetCpuPercent": 70})
    assert capacity.pods_while_rolling(replicas) == rolling


@pytest.mark.parametrize("stack", STACKS)
def test_the_quotas_also_hold_all_terminating_pods(stack: str) -> None:
    """Check the quotas with all terminating pods, which count until their grace period is over.

    The source is QuotaV1Pod in kubernetes/kubernetes, pkg/quota/v1/evaluator/core/pods.go. The proxy's grace
    period is longer than its rollout.
    """
    file = settings(stack)
    terminating = (file.api, file.proxy)
    pods = capacity.pods(file) + sum(workload.replicas.max for workload in terminating)
    cpu = capacity.cpu_limits(file) + sum(
        workload.replicas.max * parse_quantity(workload.resources.cpu_limit) for workload in terminating
    )
    memory = capacity.memory_limits(file) + sum(
        workload.replicas.max * parse_quantity(workload.resources.memory_limit) for workload in terminating
    )
    assert pods <= file.namespace.quota_pods
    assert cpu <= parse_quantity(file.namespace.quota_cpu)
    assert memory <= parse_quantity(file.namespace.quota_memory)
