"""A test of the Kubernetes provider's real plugin with a chart from the sandbox's repository."""

from collections.abc import Generator
from pathlib import Path

import pytest

from sandbox.clouds import process
from sandbox.toolchain import plugins
from sandbox.wire.kubernetes_api import Api, dig
from tests.support.sandbox.inventory import targets
from tests.support.stacks import Stack

PROGRAM = """\
import pulumi
import pulumi_kubernetes as kubernetes

key = kubernetes.core.v1.Secret("key", metadata={"name": "key"}, string_data={"api-key": "0"})
kubernetes.helm.v3.Release(
    "agent",
    name="agent",
    namespace="default",
    chart="datadog",
    version=pulumi.Config("watch").require("chartVersion"),
    repository_opts={"repo": "https://charts.invalid"},
    atomic=True,
    timeout=120,
    values={
        "datadog": {"apiKeyExistingSecret": key.metadata.name, "apm": {"portEnabled": True}},
        CLUSTER_AGENT: {"replicas": 2},
    },
)
"""

STACK_FILE = "config:\n  aws:region: eu-west-1\n  watch:chartVersion: 3.273.1\n"


@pytest.fixture
def stack(tmp_path: Path) -> Generator[Stack]:
    if "pulumi-resource-kubernetes" not in plugins.RECIPE.cached_programs():
        pytest.skip("the Kubernetes plugin is not built: make plugins (about 12 minutes, once)")
    (tmp_path / "Pulumi.yaml").write_text("name: watch\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK_FILE)
    stack = Stack(tmp_path, "dev", "all")
    yield stack
    process.stop(stack.sandbox)


def run(stack: Stack, cluster_agent: str, command: str) -> tuple[int, str]:
    """Run a command on a program whose values have a key for the cluster agent."""
    (stack.root / "__main__.py").write_text(f"CLUSTER_AGENT = {cluster_agent!r}\n{PROGRAM}")
    return stack.run(command, "--no-policies", "--providers", "real")


def test_the_plugin_installs_a_chart_whose_repository_is_out_of_reach(stack: Stack) -> None:
    code, output = run(stack, "clusterAgents", "up")
    assert code == 1 and "clusterAgents" in output, output

    code, output = run(stack, "clusterAgent", "up")
    assert code == 0, output
    assert output.count("charts.invalid is out of reach: charts come from the sandbox") == 1
    kubeconfig = targets(stack).kubeconfig
    assert kubeconfig
    path = "/apis/apps/v1/namespaces/default"
    agents = Api(kubeconfig).get(f"{path}/daemonsets/agent")
    assert dig(agents, "status", "numberReady") == dig(agents, "status", "desiredNumberScheduled") > 0
    containers = dig(agents, "spec", "template", "spec", "containers")
    assert [container["name"] for container in containers] == ["agent", "trace-agent", "process-agent"]
    cluster_agent = Api(kubeconfig).get(f"{path}/deployments/agent-cluster-agent")
    assert dig(cluster_agent, "status", "readyReplicas") == 2

    code, output = run(stack, "clusterAgent", "preview")
    assert code == 0, output
    assert stack.summary()["changes"].keys() <= {"same"}, stack.summary()
    code, output = stack.run("down", "--keep-targets", "--providers", "real")
    assert code == 0, output
    assert Api(kubeconfig).get(f"{path}/daemonsets/agent") is None
