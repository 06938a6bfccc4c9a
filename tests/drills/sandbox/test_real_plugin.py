"""The Kubernetes provider's own plugin on what the stand-in has made, and in the life of a stack.

What the two disagree about would differ between the sandbox and a real cluster. The plugin is older than the
SDK (no newer one is in a module proxy) and knows `enablePatchForce` only by its variable.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.clouds.kubernetes.api import Api, dig
from sandbox.toolchain import plugins
from tests.support.sandbox.inventory import in_state, in_targets, snapshot_keys, targets
from tests.support.sandbox.kubernetes.fixtures import until
from tests.support.stacks import Stack, copy

PLUGIN = """\
#!/bin/sh
export PULUMI_K8S_ENABLE_PATCH_FORCE=true
exec {program} "$@"
"""

Seen = dict[str, tuple[str, frozenset[str]]]
"""What a run does to each resource, and for which properties it replaces one; by URN."""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Stack]:
    """Without the agent, whose chart the plugin would fetch from the internet."""
    if not (program := plugins.RECIPE.cached_programs().get("pulumi-resource-kubernetes")):
        pytest.skip("the Kubernetes plugin is not built: make plugins (about 12 minutes, once)")
    (folder := tmp_path / "bin").mkdir()
    (wrapper := folder / program.name).write_text(PLUGIN.format(program=program))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    (root := tmp_path / "project").mkdir()
    made = copy(root, "dev", targets="all")
    made.change("monitoring", "agent", "enabled", value=False)
    yield made
    process.stop(made.folder)


def run(stack: Stack, command: str, *flags: str, providers: str = "real") -> Seen:
    """A run that has to end well; what it does, but for what stays the same."""
    code, said = stack.run(command, *flags, "--providers", providers)
    assert code == 0, said
    assert (providers == "real") == ("kubernetes: /" in said), said
    seen: Seen = {}
    for line in (stack.folder / "events.jsonl").read_text().splitlines():
        event: dict[str, Any] = json.loads(line)  # what a refresh has found is told after it
        told: dict[str, Any] = event.get("resOutputsEvent") or event.get("resourcePreEvent") or {}
        if told and (step := told["metadata"])["op"] not in IDLE:
            seen[step["urn"]] = (step["op"], frozenset(step.get("keys") or ()))
    return seen


IDLE = ("same", "read", "refresh", "create-replacement", "delete-replaced")


def settings(stack: Stack) -> Api:
    found = targets(stack)
    assert found.kubeconfig
    return Api(found.kubeconfig)


def test_the_plugin_and_its_stand_in_see_the_same(stack: Stack) -> None:
    run(stack, "up", "--no-policies", providers="stand-ins")
    assert run(stack, "preview") == {}  # with the policies: it fills in the inputs that they see

    stack.change("api", "replicas", "min", value=4)
    stack.change("api", "image", value=stack.setting("api", "image").replace("@sha256:05", "@sha256:06"))
    stack.change("namespace", "quotaPods", value=31)
    planned = run(stack, "preview", "--no-policies", providers="stand-ins")
    assert sorted(done for done, _ in planned.values()) == ["replace", "replace", *["update"] * 3]
    assert run(stack, "preview", "--no-policies") == planned
    assert run(stack, "up", "--no-policies") == planned
    assert run(stack, "preview", "--no-policies") == {}

    # What is not ready in a refresh is updated by the next up; the autoscaler has just asked for another pod.
    deployment = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
    until(lambda: dig(settings(stack).get(deployment), "status", "availableReplicas") == 4)
    path = "/api/v1/namespaces/pipe/configmaps/pipe-api"
    by_hand = {"data": {"LOG_LEVEL": "by hand"}}
    settings(stack).call("PATCH", path, by_hand, "application/merge-patch+json")
    [(urn, (done, _))] = run(stack, "refresh").items()
    assert (urn.rpartition("::")[2], done) == ("api", "update")
    assert list(run(stack, "up", "--no-policies")) == [urn]
    assert (settings(stack).get(path) or {})["data"]["LOG_LEVEL"] != "by hand"
    assert in_targets(targets(stack)) == in_state(stack)

    run(stack, "down", "--keep-targets")
    assert in_targets(targets(stack)) == snapshot_keys(targets(stack)) != set()
