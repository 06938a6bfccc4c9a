"""Tests of the sandbox's nodes: they fit the program's node pool."""

import yaml

from components.aws import nodes
from sandbox.clouds.kubernetes import control_plane


def test_the_nodes_of_the_sandbox_meet_the_requirements_of_the_pool() -> None:
    documents = yaml.safe_load_all((control_plane.HERE / "nodes.yaml").read_text())
    for node in documents:
        labels = node["metadata"]["labels"]
        assert labels["karpenter.sh/nodepool"] == labels["eks.amazonaws.com/nodeclass"] == nodes.POOL
        for requirement in nodes.REQUIREMENTS:
            value = labels[requirement["key"]]
            if requirement["operator"] == "Gt":
                assert int(value) > int(requirement["values"][0])
            else:
                assert value in requirement["values"]
