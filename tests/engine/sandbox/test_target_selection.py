"""Tests of the choice whether a stack uses targets, which is fixed while the state has resources."""

import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import urllib3

from sandbox import target_selection
from sandbox.clouds import process
from sandbox.clouds.kubernetes import control_plane
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack
from tests.support.sandbox.all_providers_project import create_project
from tests.support.sandbox.inventory import in_state, in_targets
from tests.support.sandbox.inventory import targets as running


@pytest.fixture
def stack(tmp_path: Path) -> Generator[Stack]:
    stack = Stack("dev", tmp_path, tmp_path, "pipe", tmp_path / ".sandbox" / "dev")
    stack.folder.mkdir(parents=True)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    yield stack
    process.stop(stack.folder)


@pytest.fixture(autouse=True)
def without_built_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "find", lambda: None)


def write_state(stack: Stack, *types: str) -> None:
    """Write a state with a resource of each type."""
    resources = [
        {"urn": f"urn:pulumi:dev::pipe::{type_token}::it", "type": type_token, "custom": True}
        for type_token in types
    ]
    stack.checkpoint.parent.mkdir(parents=True)
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))


def test_the_first_line_of_a_new_stack_names_the_missing_control_plane(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = target_selection.find(stack, None, Progress())
    first, *_ = capsys.readouterr().out.splitlines()
    assert targets is not None and targets.kubeconfig is None
    assert "Kubernetes: no control plane is built" in first
    assert "`make control-plane` builds one (about 9 minutes, once)" in first
    assert target_selection.find(stack, None, Progress()) == targets


def test_running_targets_do_not_get_a_control_plane_that_is_built_later(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = target_selection.find(stack, None, Progress())
    monkeypatch.setattr(control_plane, "find", dict)
    capsys.readouterr()
    assert target_selection.find(stack, None, Progress()) == targets
    first, *_ = capsys.readouterr().out.splitlines()
    assert "started before the control plane was built, so it has none; `make clean STACK=dev`" in first


def test_the_cloudflare_account_has_the_zones_of_the_stack_files(stack: Stack) -> None:
    for name, text in {
        "dev": "  pipe:edge:\n    zoneName: pipe.dev\n",
        "stg": '  pipe:edge:\n    zoneName: "pipe.test"\n    # zoneName: pipe.off\n',
    }.items():
        (stack.project / f"Pulumi.{name}.yaml").write_text(f"config:\n{text}")
    targets = target_selection.find(stack, None, Progress())
    assert targets is not None
    headers = {"Authorization": "Bearer it"}
    response = urllib3.request("GET", f"{targets.cloudflare}/client/v4/zones", headers=headers).json()
    assert {zone["name"] for zone in response["result"]} == {"pipe.dev", "pipe.test"}


def test_no_process_runs_for_a_stack_without_targets(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    target_selection.find(stack, "all", Progress())
    assert target_selection.find(stack, "none", Progress()) is None
    assert process.find_running(stack.folder) is None
    assert "TARGETS=none: no API is used" in capsys.readouterr().out
    assert target_selection.find(stack, None, Progress()) is None


def test_a_stack_without_targets_does_not_get_them_while_it_has_resources(stack: Stack) -> None:
    target_selection.find(stack, "none", Progress())
    write_state(stack, "pulumi:pulumi:Stack", "tls:index/privateKey:PrivateKey", "aws:ec2/vpc:Vpc")
    with pytest.raises(CommandError) as fault:
        target_selection.find(stack, "all", Progress())
    assert str(fault.value) == (
        "the resources of dev (1) were created with TARGETS=none, not all. "
        "Omit TARGETS, or delete the resources first: `make down STACK=dev` (or `make clean STACK=dev`)."
    )
    assert target_selection.find(stack, None, Progress()) is None


def test_the_advice_depends_on_the_targets_and_the_state(stack: Stack) -> None:
    restart = "Start anew: `make clean STACK=dev`, then `make sandbox STACK=dev`"
    assert (
        target_selection.advice(stack)
        == "the sandbox of dev does not run. Start it: `make sandbox STACK=dev`"
    )
    write_state(stack, "aws:ec2/vpc:Vpc")
    write_atomically(stack.folder / target_selection.CHOICE_FILE, "none")
    assert target_selection.advice(stack) == (
        f"dev was created with TARGETS=none, so its providers use no API. {restart}"
    )
    write_atomically(stack.folder / target_selection.CHOICE_FILE, "all")
    process.start(stack.folder, Progress(), control_plane=False)
    assert "run, but one of them does not answer" in target_selection.advice(stack)
    process.stop(stack.folder)
    advice = target_selection.advice(stack)
    assert "have ended" in advice and advice.endswith(restart)


def test_dead_targets_of_a_state_with_resources_are_not_replaced(stack: Stack) -> None:
    targets = target_selection.find(stack, "all", Progress())
    assert targets is not None
    os.kill(targets.pid, signal.SIGKILL)
    while process.find_running(stack.folder):  # The process does not end immediately.
        time.sleep(0.01)
    write_state(stack, "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet")
    with pytest.raises(CommandError) as fault:
        target_selection.find(stack, None, Progress())
    assert str(fault.value) == (
        "the targets of dev have ended, and their resources are lost, while the state of dev has 2 "
        f"resources. {stack.folder / 'targets.log'} may contain the reason. "
        "Start anew: `make clean STACK=dev`, then `make sandbox STACK=dev`"
    )
    assert str(fault.value) == target_selection.advice(stack)
    empty_state = json.dumps({"checkpoint": {"latest": {"resources": []}}})
    write_atomically(stack.checkpoint, empty_state)
    assert target_selection.find(stack, None, Progress()) not in (None, targets)


@pytest.fixture
def without_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a cache that has the engine, but no control plane."""
    (cache := tmp_path / "cache" / "pipe-infrastructure").mkdir(parents=True)
    for folder in builds.cache_folder().glob("pulumi-*"):
        (cache / folder.name).symlink_to(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.mark.usefixtures("without_servers")
def test_a_stack_without_a_control_plane_uses_the_other_apis_and_checks_objects(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    stack = create_project(root)
    try:
        code, output = stack.run("up", "--no-policies", "--skip-preview")
        assert code == 0, output
        assert "Kubernetes: no control plane is built" in output.splitlines()[0]
        missing = {kind for kind, _ in in_state(stack) - in_targets(running(stack))}
        assert missing == {"Namespace", "ConfigMap", "Secret", "Service", "Deployment", "Job"}
        stack.edit("__main__.py", '"replicas": 2', '"replicaz": 2')
        code, output = stack.run("preview", "--no-policies")
        assert code == 1 and "spec.replicaz: there is no such field; closest: replicas" in output, output
        code, output = stack.run("down")
        assert code == 0 and process.find_running(stack.folder) is None, output
    finally:
        process.stop(stack.folder)
