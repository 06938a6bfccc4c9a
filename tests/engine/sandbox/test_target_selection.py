"""What is behind the providers of a stack, and that it stays so while there are resources."""

import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import urllib3

from sandbox import target_selection, workspace
from sandbox.clouds import process
from sandbox.clouds.kubernetes import control_plane
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import builds
from sandbox.workspace import Stack
from tests.support.sandbox.all_providers_project import create_project
from tests.support.sandbox.inventory import in_state, in_targets
from tests.support.sandbox.inventory import targets as running


@pytest.fixture
def stack(tmp_path: Path) -> Generator[Stack]:
    made = Stack("dev", tmp_path, tmp_path, "pipe", tmp_path / ".sandbox" / "dev")
    made.folder.mkdir(parents=True)
    yield made
    process.stop(made.folder)


@pytest.fixture(autouse=True)
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "find", lambda: None)


def hold(stack: Stack, *types: str) -> None:
    """Give it a state with resources."""
    resources = [{"urn": f"urn:pulumi:dev::pipe::{each}::it", "type": each, "custom": True} for each in types]
    stack.checkpoint.parent.mkdir(parents=True)
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": {"resources": resources}}}))


def test_a_new_stack_has_targets_and_its_first_line_says_what_it_lacks(
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
    assert (
        "started without the control plane that is built now, and stays without; make clean STACK=dev"
        in first
    )


def test_cloudflares_account_has_the_zones_that_the_stack_files_name(stack: Stack) -> None:
    for name, text in {
        "dev": "  pipe:edge:\n    zoneName: pipe.dev\n",
        "stg": '  pipe:edge:\n    zoneName: "pipe.test"\n    # zoneName: pipe.off\n',
    }.items():
        (stack.project / f"Pulumi.{name}.yaml").write_text(f"config:\n{text}")
    targets = target_selection.find(stack, None, Progress())
    assert targets is not None
    headers = {"Authorization": "Bearer it"}
    answer = urllib3.request("GET", f"{targets.cloudflare}/client/v4/zones", headers=headers).json()
    assert {zone["name"] for zone in answer["result"]} == {"pipe.dev", "pipe.test"}


def test_without_targets_nothing_runs(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    target_selection.find(stack, "all", Progress())
    assert target_selection.find(stack, "none", Progress()) is None
    assert process.find_running(stack.folder) is None
    assert "TARGETS=none: no API is used" in capsys.readouterr().out
    assert target_selection.find(stack, None, Progress()) is None


def test_what_was_planned_is_not_taken_for_real(stack: Stack) -> None:
    target_selection.find(stack, "none", Progress())
    hold(stack, "pulumi:pulumi:Stack", "tls:index/privateKey:PrivateKey", "aws:ec2/vpc:Vpc")
    with pytest.raises(CommandError) as fault:
        target_selection.find(stack, "all", Progress())
    assert str(fault.value) == (
        "the 1 resources of dev were made with TARGETS=none, not all: "
        "leave TARGETS out, or first make down STACK=dev, or make clean STACK=dev."
    )
    assert target_selection.find(stack, None, Progress()) is None


def test_what_to_do_depends_on_what_there_was(stack: Stack) -> None:
    anew = "Start anew: make clean STACK=dev, then make sandbox STACK=dev"
    assert (
        target_selection.advice(stack) == "the sandbox of dev does not run. Start it: make sandbox STACK=dev"
    )
    hold(stack, "aws:ec2/vpc:Vpc")
    workspace.write_atomically(stack.folder / "behind", "none")
    assert target_selection.advice(stack) == (
        f"dev was made with TARGETS=none, so its providers use no API. {anew}"
    )
    workspace.write_atomically(stack.folder / "behind", "all")
    process.start(stack.folder, Progress(), control_plane=False)
    assert "run, but one of them does not answer" in target_selection.advice(stack)
    process.stop(stack.folder)
    assert target_selection.advice(stack).endswith(anew) and "have ended" in target_selection.advice(stack)


def test_dead_targets_of_a_state_with_resources_are_not_replaced(stack: Stack) -> None:
    targets = target_selection.find(stack, "all", Progress())
    assert targets is not None
    os.kill(targets.pid, signal.SIGKILL)
    while process.find_running(stack.folder):  # a kill is not over when it is said
        time.sleep(0.01)
    hold(stack, "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet")
    with pytest.raises(CommandError) as fault:
        target_selection.find(stack, None, Progress())
    assert str(fault.value) == (
        "the targets of dev have ended, and what was in them is gone, while the state has 2 resources. "
        f"{stack.folder / 'targets.log'} may say why. "
        "Start anew: make clean STACK=dev, then make sandbox STACK=dev"
    )
    assert str(fault.value) == target_selection.advice(stack)
    hold_nothing = json.dumps({"checkpoint": {"latest": {"resources": []}}})
    workspace.write_atomically(stack.checkpoint, hold_nothing)
    assert target_selection.find(stack, None, Progress()) not in (None, targets)


@pytest.fixture
def without_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which the engine is built, and no control plane."""
    (cache := tmp_path / "cache" / "pipe-infrastructure").mkdir(parents=True)
    for folder in builds.cache_folder().glob("pulumi-*"):
        (cache / folder.name).symlink_to(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.mark.usefixtures("without_servers")
def test_where_no_control_plane_is_built_the_rest_is_real_and_objects_are_checked(tmp_path: Path) -> None:
    (root := tmp_path / "project").mkdir()
    stack = create_project(root)
    try:
        code, said = stack.run("up", "--no-policies")
        assert code == 0, said
        assert "Kubernetes: no control plane is built" in said.splitlines()[0]
        made = {kind for kind, _ in in_state(stack) - in_targets(running(stack))}
        assert made == {"Namespace", "ConfigMap", "Secret", "Service", "Deployment", "Job"}
        stack.edit("__main__.py", '"replicas": 2', '"replicaz": 2')
        code, said = stack.run("preview", "--no-policies")
        assert code == 1 and "spec.replicaz: there is no such field; closest: replicas" in said, said
        code, said = stack.run("down")
        assert code == 0 and process.find_running(stack.folder) is None, said
    finally:
        process.stop(stack.folder)
