"""A comparison of the Kubernetes provider's real plugin with the stand-in on the same stack.

A difference between them would mean that the sandbox differs from a real cluster. The plugin is older than
the SDK, since no module proxy has a newer version. It reads `enablePatchForce` only from its environment
variable.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.toolchain import plugins
from sandbox.wire.kubernetes_api import Api, dig
from tests.support.sandbox.inventory import in_state, in_targets, snapshot_keys, targets
from tests.support.sandbox.kubernetes.fixtures import until
from tests.support.stacks import Stack, copy

PLUGIN = """\
#!/bin/sh
export PULUMI_K8S_ENABLE_PATCH_FORCE=true
exec {program} "$@"
"""

Operations = dict[str, tuple[str, frozenset[str]]]
"""The operation on each resource by URN, with the properties that cause a replacement."""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Stack]:
    """Return a stack without the agent, whose chart the plugin would fetch from the internet."""
    program = plugins.RECIPE.cached_programs().get("pulumi-resource-kubernetes")
    if program is None:
        pytest.skip("the Kubernetes plugin is not built: make plugins (about 12 minutes, once)")
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / program.name
    wrapper.write_text(PLUGIN.format(program=program))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    root = tmp_path / "project"
    root.mkdir()
    stack = copy(root, "dev", targets="all")
    stack.change("monitoring", "agent", "enabled", value=False)
    yield stack
    process.stop(stack.sandbox)


def run(stack: Stack, command: str, *flags: str, providers: str = "real") -> Operations:
    """Run a command, which must succeed, and return its operations."""
    code, output = stack.run(command, *flags, "--providers", providers)
    assert code == 0, output
    assert (providers == "real") == ("kubernetes: /" in output), output
    operations: Operations = {}
    for line in (stack.folder / "events.jsonl").read_text().splitlines():
        event: dict[str, Any] = json.loads(line)
        # In a refresh, the result is known only after the operation.
        details: dict[str, Any] = event.get("resOutputsEvent") or event.get("resourcePreEvent") or {}
        if details and details["metadata"]["op"] not in IGNORED_OPERATIONS:
            step = details["metadata"]
            operations[step["urn"]] = (step["op"], frozenset(step.get("keys") or ()))
    return operations


IGNORED_OPERATIONS = ("same", "read", "refresh", "create-replacement", "delete-replaced")
"""Operations that do not change a resource, and the parts of a replacement."""


def cluster(stack: Stack) -> Api:
    """Return a client of the stack's API server."""
    running = targets(stack)
    assert running.kubeconfig
    return Api(running.kubeconfig)


def test_the_plugin_and_the_stand_in_plan_and_apply_the_same_changes(stack: Stack) -> None:
    run(stack, "up", "--no-policies", providers="stand-ins")
    # This preview runs the policies, which read the inputs that the plugin fills in.
    assert run(stack, "preview") == {}

    stack.change("api", "replicas", "min", value=4)
    stack.change("api", "image", value=stack.setting("api", "image").replace("@sha256:05", "@sha256:06"))
    stack.change("namespace", "quotaPods", value=31)
    planned = run(stack, "preview", "--no-policies", providers="stand-ins")
    assert sorted(operation for operation, _ in planned.values()) == [*["replace"] * 3, *["update"] * 3]
    assert run(stack, "preview", "--no-policies") == planned
    assert run(stack, "up", "--no-policies") == planned

    # The next run updates an object that is not ready during a refresh. Wait for the autoscaler's new pod.
    deployment = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
    until(lambda: dig(cluster(stack).get(deployment), "status", "availableReplicas") == 4)
    assert run(stack, "preview", "--no-policies") == {}

    path = "/api/v1/namespaces/pipe/configmaps/pipe-api"
    change = {"data": {"LOG_LEVEL": "by hand"}}
    cluster(stack).call("PATCH", path, change, "application/merge-patch+json")
    [(urn, (operation, _))] = run(stack, "refresh").items()
    assert (urn.rpartition("::")[2], operation) == ("api", "update")
    assert list(run(stack, "up", "--no-policies")) == [urn]
    assert (cluster(stack).get(path) or {})["data"]["LOG_LEVEL"] != "by hand"
    assert in_targets(targets(stack)) == in_state(stack)

    # The account's foundation and the key of the last snapshot remain.
    run(stack, "down", "--keep-targets")
    remaining_keys = snapshot_keys(targets(stack))
    assert len(remaining_keys) == 1
    assert in_targets(targets(stack)) == in_state(stack) | remaining_keys
