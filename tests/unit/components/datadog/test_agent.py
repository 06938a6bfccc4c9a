"""Tests of the Helm release of Datadog's agent."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.aws.cluster import NODE_POOLS
from components.common.naming import Naming
from components.common.quantity import parse_quantity
from components.datadog.agent import Agent, AgentArgs
from components.settings.models.monitoring import Monitoring as Settings
from tests.support.components.fixtures import Recorder, Topic, evaluate, secret

Declare = Callable[..., Recorder]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Topic) -> Declare:
    settings: Settings = topic(Settings, "monitoring")

    def run(*, enabled: bool = True, api_key: str = "an-api-key") -> Recorder:
        args = AgentArgs(
            settings=settings.agent.model_copy(update={"enabled": enabled, "chart_version": "3.273.1"}),
            naming=naming,
            site="ap1.datadoghq.com",
            cluster_name="pipe-test",
            host="pipe.dev",
            namespace="pipe",
            api_key=pulumi.Output.secret(api_key),
        )
        evaluate(lambda: Agent("agent", args).urn)
        return recorder

    return run


@pytest.fixture
def release(declare: Declare) -> dict[str, Any]:
    [only] = declare().of_type("kubernetes:helm.sh/v3:Release").values()
    return only


def test_a_disabled_agent_has_no_resources(declare: Declare) -> None:
    assert set(declare(enabled=False).inputs) == {("pipe:monitoring:Agent", "agent")}


def test_the_chart_is_datadogs_in_the_version_of_the_settings(release: dict[str, Any]) -> None:
    assert (release["chart"], release["version"]) == ("datadog", "3.273.1")
    assert release["repositoryOpts"] == {"repo": "https://helm.datadoghq.com"}
    assert release["atomic"] is True


def test_its_own_namespace_admits_access_to_the_host(declare: Declare, release: dict[str, Any]) -> None:
    namespace = declare().of_type("kubernetes:core/v1:Namespace")["agent"]["metadata"]
    assert namespace["name"] == release["namespace"] == "datadog"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_api_key_is_only_in_a_secret(declare: Declare) -> None:
    recorder = declare()
    key = recorder.inputs.pop(("kubernetes:core/v1:Secret", "agent"))
    assert key["stringData"] == secret({"api-key": "an-api-key"})
    assert key["metadata"]["name"] == "datadog-api-key"
    assert "an-api-key" not in repr(recorder.inputs)


def test_data_goes_to_the_site_with_the_tags_of_the_environment(release: dict[str, Any]) -> None:
    datadog = release["values"]["datadog"]
    assert (datadog["site"], datadog["clusterName"]) == ("ap1.datadoghq.com", "pipe-test")
    assert datadog["apiKeyExistingSecret"] == "datadog-api-key"
    assert datadog["tags"] == ["env:test", "team:platform"]


def test_traces_arrive_over_tcp_since_pods_must_not_mount_a_socket(release: dict[str, Any]) -> None:
    assert release["values"]["datadog"]["apm"] == {"portEnabled": True, "socketEnabled": False}


def test_the_data_of_the_alerts_is_collected(release: dict[str, Any]) -> None:
    datadog = release["values"]["datadog"]
    assert datadog["kubeStateMetricsCore"] == {"enabled": True}
    assert datadog["kubeStateMetricsEnabled"] is False
    assert datadog["clusterChecks"] == {"enabled": True}
    # A metric is based on the proxy's access log, so the agent also collects logs without annotations.
    assert datadog["logs"] == {"enabled": True, "containerCollectAll": True}
    assert datadog["processAgent"]["enabled"]


def test_the_agent_runs_on_nodes_of_the_system_pool(release: dict[str, Any]) -> None:
    assert "system" in NODE_POOLS
    [toleration] = release["values"]["agents"]["tolerations"]
    assert toleration == {"key": "CriticalAddonsOnly", "operator": "Exists"}


def test_a_new_api_key_rolls_the_agents(declare: Declare) -> None:
    annotations: list[Any] = []
    for api_key in ("one-api-key", "another-api-key"):
        [release] = declare(api_key=api_key).of_type("kubernetes:helm.sh/v3:Release").values()
        agents, cluster_agent = release["values"]["agents"], release["values"]["clusterAgent"]
        assert agents["podAnnotations"] == cluster_agent["podAnnotations"]
        annotations.append(agents["podAnnotations"])
    assert annotations[0] != annotations[1]


def test_every_container_has_requests_and_limits(release: dict[str, Any]) -> None:
    values = release["values"]
    containers = {**values["agents"]["containers"], "clusterAgent": values["clusterAgent"]}
    for name, container in containers.items():
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        for resource in ("cpu", "memory"):
            assert parse_quantity(requests[resource]) <= parse_quantity(limits[resource]), name


def test_both_certificates_are_watched(release: dict[str, Any]) -> None:
    check = json.loads(release["values"]["clusterAgent"]["confd"]["tls.yaml"])
    assert check["cluster_check"] is True
    tags = ["env:test", "service:pipe-api", "team:platform"]
    assert check["instances"] == [
        {"server": "pipe.dev", "port": 443, "tags": [*tags, "certificate:visitor"]},
        {
            "server": "pipe-proxy.pipe.svc.cluster.local",
            "port": 443,
            "server_hostname": "pipe.dev",
            "tls_verify": False,
            "tls_validate_hostname": False,
            "tags": [*tags, "certificate:origin"],
        },
    ]
