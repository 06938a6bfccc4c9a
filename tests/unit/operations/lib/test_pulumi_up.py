"""Tests of the command `pulumi up` of a real stack, from a workflow and from an operator's machine."""

import re

import pytest

from operations.lib import pulumi_up, secret_masking
from operations.lib.command_line import IN_WORKFLOW, Options
from operations.lib.run_log import RunLog
from tools.documents.generate_docs import evaluate_program

UP = [
    *("pulumi", "up", "--yes", "--refresh", "--non-interactive", "--stack", "prod"),
    *("--policy-pack", "policies", "--policy-pack-config", "policies/config/prod.json"),
]
KEEP_CLUSTER = "--exclude=urn:pulumi:prod::pipe::**aws:eks/cluster:Cluster::*"


class FakeLog:
    """A run log that records the commands which it would run."""

    runner = None

    def __init__(self) -> None:
        self.commands: list[list[str]] = []

    def follow(self, *command: str) -> None:
        self.commands.append(list(command))


@pytest.mark.parametrize(
    ("value", "expected"), [("true", UP), ("", [*UP, KEEP_CLUSTER]), (None, [*UP, KEEP_CLUSTER])]
)
def test_only_a_workflow_applies_the_cluster_whose_endpoint_an_operator_has_opened(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: list[str]
) -> None:
    def hide_nothing(*_: object) -> None: ...

    monkeypatch.setattr(secret_masking, "hide", hide_nothing)
    monkeypatch.delenv(IN_WORKFLOW, raising=False)
    if value is not None:
        monkeypatch.setenv(IN_WORKFLOW, value)
    options, log = Options("prod", "real", False, True, {}), FakeLog()
    fake: RunLog = log  # pyright: ignore[reportAssignmentType]
    pulumi_up.up_from_here(fake, options)
    pulumi_up.up(fake, options)
    assert log.commands == [expected, UP]


def test_the_cluster_that_stays_as_it_is_is_that_of_the_program() -> None:
    """The pattern matches no other resource, and the cluster also with another logical name and parent."""
    pattern = re.escape(pulumi_up.CLUSTER.format("prod")).replace(r"\*\*", ".*").replace(r"\*", "[^:]*")
    start = "urn:pulumi:prod::pipe::"
    resources = evaluate_program("prod")
    urns = [
        f"{start}{f'{parent}$' if parent else ''}{item.type}::{item.name}"
        for item in resources
        for parent in [item.parent and item.parent[0]]
    ]
    [cluster] = [urn for urn in urns if re.fullmatch(pattern, urn)]
    assert cluster == f"{start}pipe:cluster:Cluster$aws:eks/cluster:Cluster::cluster"
    assert re.fullmatch(pattern, f"{start}aws:eks/cluster:Cluster::other")
    assert not re.fullmatch(pattern, f"{cluster.replace('::cluster', '$aws:eks/addon:Addon::cluster')}")
