"""Tests of an operator's temporary access, with fakes of EKS and of the cluster."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from operations import access
from operations.lib import sandbox_targets
from operations.lib.command_line import Options
from operations.lib.command_runner import CommandRunner
from operations.lib.kubernetes import endpoint
from tests.support.operations.teardown import FakeStack
from tests.support.waits import replace_sleep

OPENED = {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.7/32"]}
OPEN = f"eks resourcesVpcConfig {OPENED}"
CLOSE = "eks resourcesVpcConfig {'endpointPublicAccess': False}"
PATTERN: dict[str, Any] = {
    "metadata": {"name": "pipe-database-roles-1.0.0"},
    "spec": {
        "activeDeadlineSeconds": 120,
        "template": {
            "metadata": {"labels": {"app": "pipe-database-roles", "job-name": "x"}},
            "spec": {
                "serviceAccountName": "pipe-database-roles",
                "initContainers": [{"name": "master"}],
                "containers": [
                    {"name": "roles", "image": "postgres", "command": ["psql", "-f", "roles.sql"]}
                ],
            },
        },
    },
}


class FakeCluster:
    """The namespace with the program's Job, and the Jobs that the command creates and deletes."""

    def __init__(self, stack: FakeStack) -> None:
        self._stack = stack
        self.created: list[dict[str, Any]] = []

    def list(self, kind: str, labels: str) -> list[dict[str, Any]]:
        return [PATTERN] if kind == "jobs" else [{"status": {"phase": "Running"}}]

    def create(self, job: dict[str, Any]) -> None:
        self.created.append(job)
        self._stack.commands.append("create")

    def delete(self, name: str) -> None:
        assert name == f"job/{self.created[0]['metadata']['name']}"
        self._stack.commands.append("delete")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    fake = FakeStack()

    @contextmanager
    def connect(_: CommandRunner, _options: Options) -> Generator[FakeCluster]:
        yield FakeCluster(fake)

    def is_open(host: str) -> bool:
        return fake.is_open

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    def is_changed(_: Options, _cluster: str, change: dict[str, Any]) -> bool:
        return OPEN in fake.commands

    monkeypatch.delenv("TARGET", raising=False)
    monkeypatch.setattr(access, "connected", connect)
    monkeypatch.setattr(sandbox_targets, "aws", fake.client)
    monkeypatch.setattr(endpoint, "accepts", is_open)
    monkeypatch.setattr(endpoint, "differs", is_changed)
    replace_sleep(monkeypatch, stop)
    return fake


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = access.main(["prod", *arguments])
    output = capsys.readouterr()
    return code, output.out + output.err


ARGUMENTS = ("--yes", "--from", "203.0.113.7")


def test_the_endpoint_is_closed_and_the_pod_is_deleted_at_the_end(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = run(capsys, *ARGUMENTS, "--database")
    assert code == 0, output
    assert stack.commands == [OPEN, "create", "delete", CLOSE]
    assert "aws eks update-kubeconfig --name pipe-prod --region ap-northeast-1" in output
    assert "--container=roles -- psql" in output and "the access has ended" in output


def test_a_failure_still_closes_the_endpoint(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_jobs(_: FakeCluster, _kind: str, _labels: str) -> list[Any]:
        return []

    monkeypatch.setattr(FakeCluster, "list", no_jobs)
    code, output = run(capsys, *ARGUMENTS, "--database")
    assert code == 1 and "no Job pipe-database-roles to copy" in output
    assert stack.commands == [OPEN, CLOSE]


def test_a_pod_that_fails_ends_the_access_at_once(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(_: FakeCluster, kind: str, _labels: str) -> list[dict[str, Any]]:
        return [PATTERN] if kind == "jobs" else [{"status": {"phase": "Failed"}}]

    monkeypatch.setattr(FakeCluster, "list", failed)
    code, output = run(capsys, *ARGUMENTS, "--database")
    assert code == 1 and "has failed; its log: kubectl -n pipe logs job/pipe-access-" in output
    assert stack.commands == [OPEN, "create", CLOSE]


def test_an_endpoint_that_was_left_open_can_be_closed(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.commands.append(OPEN)
    assert run(capsys, "--close")[0] == 0
    assert stack.commands == [OPEN, CLOSE]


def test_an_open_endpoint_stays_as_it_is(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.is_open = True
    assert run(capsys, "--yes")[0] == 0
    assert stack.commands == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "203.0.113.7"), "there is no terminal to ask for it: add --yes"),
        (("--yes", "--minutes", "481"), "--minutes 481: must be 1 to 480"),
        (("--yes", "--from", "10.0.0.0/8"), "--from 10.0.0.0/8: has more than 256 addresses"),
    ],
)
def test_a_long_or_wide_access_is_refused(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, output = run(capsys, *arguments)
    assert code == 2 and message in output
    assert stack.commands == []


def test_the_pod_ends_by_itself_and_is_like_the_programs_own() -> None:
    job = access.psql_job(PATTERN, "pipe-access-1", 600)
    template = job["spec"]["template"]
    assert job["spec"]["activeDeadlineSeconds"] == 600
    assert template["spec"]["containers"] == [
        {"name": "roles", "image": "postgres", "command": ["sleep", "600"]}
    ]
    assert template["spec"]["initContainers"] == [{"name": "master"}]
    assert template["metadata"]["labels"] == {"app": "pipe-database-roles"}
    assert PATTERN["spec"]["activeDeadlineSeconds"] == 120
