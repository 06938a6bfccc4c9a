"""Stacks whose first `up` failed halfway: an awaited resource is half there, and the next `up` mends it."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from sandbox import workspace
from tests.support.stacks import Stack, copy

pytestmark = pytest.mark.engine

STACKS = ["dev", pytest.param("stg", marks=pytest.mark.drill), pytest.param("prod", marks=pytest.mark.drill)]
"""One stack in the lane of the engine, the others with the longer tests."""

Resource = dict[str, Any]


def without_address(outputs: Resource) -> None:
    """A Service whose load balancer has none yet."""
    outputs["status"] = {"loadBalancer": {}}


def without(*names: str) -> Callable[[Resource], None]:
    """A resource that lacks these outputs."""

    def remove(outputs: Resource) -> None:
        for name in names:
            outputs.pop(name, None)

    return remove


def creating(outputs: Resource) -> None:
    """An EKS cluster that is still being created (EKS API, DescribeCluster)."""
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
"""What each awaited resource lacks while it is not ready, by type and name."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stack]:
    """A stack that is up, made once for all tests of this file."""
    stacks: dict[str, Stack] = {}

    def make(name: str) -> Stack:
        if name not in stacks:
            stack = copy(tmp_path_factory.mktemp(name), name)
            code, output = stack.run("up", "--no-policies")
            assert code == 0, output
            stacks[name] = stack
        return stacks[name]

    return make


def key(resource: Resource) -> tuple[str, str]:
    return resource["type"], resource["urn"].rpartition("::")[2]


def references(resource: Resource) -> Iterable[str]:
    """The URNs that a resource cannot be without."""
    yield from resource.get("dependencies", [])
    yield resource.get("provider", "").rpartition("::")[0]


def cut_short(stack: Stack, halves: Iterable[tuple[str, str]], *, errors: bool = True) -> None:
    """Take from the state what these resources lack while they are not ready, and whatever depends on them.

    With `errors` the state says why they are not ready, as a provider has it after its wait timed out.
    """
    file = workspace.find_stack(stack.root, stack.name).checkpoint
    state = json.loads(file.read_text())
    kept: list[Resource] = []
    gone: set[str] = set()
    wanted = set(halves)
    for resource in state["checkpoint"]["latest"]["resources"]:  # what is depended on comes first
        half = key(resource) in wanted
        if half:
            HALF_THERE[key(resource)](resource["outputs"])
            if errors:
                resource["initErrors"] = ["timed out waiting to be Ready"]
        if gone.intersection(references(resource)):
            gone.add(resource["urn"])
        else:
            kept.append(resource)
        if half:
            gone.add(resource["urn"])
    assert wanted <= {key(resource) for resource in kept}
    state["checkpoint"]["latest"]["resources"] = kept
    file.write_text(json.dumps(state))


def lacking(stack: Stack) -> list[tuple[str, str]]:
    """The awaited resources that still lack something."""
    missing: list[tuple[str, str]] = []
    for resource in workspace.state(workspace.find_stack(stack.root, stack.name), "resources"):
        if make_half := HALF_THERE.get(key(resource)):
            whole = json.dumps(resource["outputs"], sort_keys=True)
            make_half(resource["outputs"])
            if json.dumps(resource["outputs"], sort_keys=True) == whole:
                missing.append(key(resource))
    return missing


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize(
    "halves", [[PROXY, DASHBOARD], [DATABASE], [CLUSTER]], ids=["load balancer", "database", "cluster"]
)
def test_a_stack_comes_up_from_a_state_in_which_awaited_resources_are_half_there(
    made: Callable[[str], Stack], name: str, halves: list[tuple[str, str]]
) -> None:
    stack = made(name)
    cut_short(stack, halves)
    code, output = stack.run("preview", "--no-policies")
    assert code == 0, output
    code, output = stack.run("up", "--no-policies")
    assert code == 0, output
    assert lacking(stack) == []


def test_an_up_that_cannot_mend_it_says_what_is_missing(made: Callable[[str], Stack]) -> None:
    stack = made("dev")
    file: Path = workspace.find_stack(stack.root, stack.name).checkpoint
    whole = file.read_text()
    cut_short(stack, [PROXY], errors=False)  # as after a refresh that found no address
    code, output = stack.run("preview", "--no-policies")
    assert code == 0, output
    code, output = stack.run("up", "--no-policies")
    file.write_text(whole)
    assert code != 0
    assert "Service pipe-proxy: the address of its load balancer is missing" in output
    assert "`pulumi refresh`" in output
    assert "Traceback" not in output and "TypeError" not in output
