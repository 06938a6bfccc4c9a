"""Tests that a second `up` completes a stack whose first `up` failed while a resource was not ready."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from sandbox.workspace import state
from sandbox.workspace.stacks import find_stack
from tests.support.stacks import Stack, copy

Resource = dict[str, Any]


def without_address(outputs: Resource) -> None:
    """Remove the address of a Service's load balancer."""
    outputs["status"] = {"loadBalancer": {}}


def without(*names: str) -> Callable[[Resource], None]:
    """Return a function that removes these outputs."""

    def remove(outputs: Resource) -> None:
        for name in names:
            outputs.pop(name, None)

    return remove


def creating(outputs: Resource) -> None:
    """Turn outputs into those of an EKS cluster in creation (EKS API, DescribeCluster)."""
    outputs["endpoint"] = ""
    outputs.pop("certificateAuthority", None)
    outputs["vpcConfig"].pop("clusterSecurityGroupId", None)


PROXY = ("kubernetes:core/v1:Service", "tls-proxy")
DASHBOARD = ("datadog:index/dashboardJson:DashboardJson", "monitoring")
DATABASE = ("aws:rds/instance:Instance", "database")
CLUSTER = ("aws:eks/cluster:Cluster", "cluster")
HALF_THERE: dict[tuple[str, str], Callable[[Resource], None]] = {
    PROXY: without_address,
    DASHBOARD: without("url"),
    DATABASE: without("address", "endpoint"),
    CLUSTER: creating,
}
"""Functions that remove the outputs which a resource lacks until it is ready, by type and name."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Provide the stack with the most resources, started once for all tests of this file."""
    stack = copy(tmp_path_factory.mktemp("prod"), "prod")
    code, output = stack.run("up", "--no-policies", "--skip-preview")
    assert code == 0, output
    return stack


def key(resource: Resource) -> tuple[str, str]:
    return resource["type"], resource["urn"].rpartition("::")[2]


def references(resource: Resource) -> Iterable[str]:
    """Yield the URNs of a resource's dependencies."""
    yield from resource.get("dependencies", [])
    yield resource.get("provider", "").rpartition("::")[0]


def cut_short(stack: Stack, halves: Iterable[tuple[str, str]], *, errors: bool = True) -> None:
    """Remove the late outputs of these resources, and all resources that depend on them, from the state.

    With `errors`, the state contains the error that the provider returns when its wait times out.
    """
    file = find_stack(stack.root, stack.name).checkpoint
    document = json.loads(file.read_text())
    remaining: list[Resource] = []
    removed_urns: set[str] = set()
    awaited = set(halves)
    for resource in document["checkpoint"]["latest"]["resources"]:  # Dependencies come first.
        half = key(resource) in awaited
        if half:
            HALF_THERE[key(resource)](resource["outputs"])
            if errors:
                resource["initErrors"] = ["timed out waiting to be Ready"]
        if removed_urns.intersection(references(resource)):
            removed_urns.add(resource["urn"])
        else:
            remaining.append(resource)
        if half:
            removed_urns.add(resource["urn"])
    assert awaited <= {key(resource) for resource in remaining}
    document["checkpoint"]["latest"]["resources"] = remaining
    file.write_text(json.dumps(document))


def lacking(stack: Stack) -> list[tuple[str, str]]:
    """Return the resources in HALF_THERE that still lack outputs."""
    missing: list[tuple[str, str]] = []
    for resource in state.read(find_stack(stack.root, stack.name), "resources"):
        if make_half := HALF_THERE.get(key(resource)):
            complete = json.dumps(resource["outputs"], sort_keys=True)
            make_half(resource["outputs"])
            if json.dumps(resource["outputs"], sort_keys=True) == complete:
                missing.append(key(resource))
    return missing


@pytest.mark.parametrize(
    "halves", [[PROXY, DASHBOARD], [DATABASE], [CLUSTER]], ids=["load balancer", "database", "cluster"]
)
def test_up_completes_a_state_with_resources_that_were_not_ready(
    stack: Stack, halves: list[tuple[str, str]]
) -> None:
    cut_short(stack, halves)
    code, output = stack.run("preview", "--no-policies")
    assert code == 0, output
    code, output = stack.run("up", "--no-policies", "--skip-preview")
    assert code == 0, output
    assert lacking(stack) == []


def test_an_up_that_cannot_complete_a_resource_names_the_missing_output(stack: Stack) -> None:
    file: Path = find_stack(stack.root, stack.name).checkpoint
    whole = file.read_text()
    cut_short(stack, [PROXY], errors=False)  # This is the state after a refresh that found no address.
    code, output = stack.run("preview", "--no-policies")
    assert code == 0, output
    code, output = stack.run("up", "--no-policies", "--skip-preview")
    file.write_text(whole)
    assert code != 0
    assert "Service pipe-proxy: the address of its load balancer is missing" in output
    assert "`pulumi refresh`" in output
    assert "Traceback" not in output and "TypeError" not in output
