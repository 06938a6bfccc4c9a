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
from tests.support.components.fixtures import Recorder, evaluate, secret

Declare = Callable[..., Recorder]
Topic = Callable[..., Any]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Topic) -> Declare:
    settings: Settings = topic(Settings, "monitoring")

    def run(*, enabled: bool = True, api_key: str = "an-api-key") -> Recorder:
        evaluate(
            lambda: (
                Agent(
                    "agent",
                    AgentArgs(
                        settings=settings.agent.model_copy(
                            update={"enabled": enabled, "chart_version": "3.273.1"}
                        ),
                        naming=naming,
                        site="ap1.datadoghq.com",
                        cluster_name="pipe-test",
                        host="pipe.dev",
                        namespace="pipe",
                        api_key=pulumi.Output.secret(api_key),
                    ),
                ).urn
            )
        )
        return recorder

    return run


@pytest.fixture
def release(declare: Declare) -> dict[str, Any]:
    [only] = declare().of_type("kubernetes:helm.sh/v3:Release").values()
    return only


def test_switched_off_there_is_nothing_but_the_component(declare: Declare) -> None:
    assert set(declare(enabled=False).inputs) == {("pipe:monitoring:Agent", "agent")}


def test_the_chart_is_datadogs_in_the_version_of_the_settings(release: dict[str, Any]) -> None:
    assert release["chart"] == "datadog"
    assert release["version"] == "3.273.1"
    assert release["repositoryOpts"] == {"repo": "https://helm.datadoghq.com"}
    assert release["atomic"] is True


def test_its_namespace_is_its_own_and_lets_it_at_the_host(declare: Declare, release: dict[str, Any]) -> None:
    namespace = declare().of_type("kubernetes:core/v1:Namespace")["agent"]["metadata"]
    assert namespace["name"] == release["namespace"] == "datadog"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_api_key_is_in_a_secret_and_nowhere_in_plain(declare: Declare) -> None:
    recorder = declare()
    kept = recorder.inputs.pop(("kubernetes:core/v1:Secret", "agent"))
    assert kept["stringData"] == secret({"api-key": "an-api-key"})
    assert kept["metadata"]["name"] == "datadog-api-key"
    assert "an-api-key" not in repr(recorder.inputs)


def test_data_goes_to_the_site_with_the_environment_on_it(release: dict[str, Any]) -> None:
    datadog = release["values"]["datadog"]
    assert datadog["site"] == "ap1.datadoghq.com"
    assert datadog["clusterName"] == "pipe-test"
    assert datadog["apiKeyExistingSecret"] == "datadog-api-key"
    assert datadog["tags"] == ["env:test", "team:platform"]


def test_traces_arrive_over_tcp_since_pods_may_not_mount_a_socket(release: dict[str, Any]) -> None:
    assert release["values"]["datadog"]["apm"] == {"portEnabled": True, "socketEnabled": False}


def test_what_the_alerts_measure_is_collected(release: dict[str, Any]) -> None:
    datadog = release["values"]["datadog"]
    assert datadog["kubeStateMetricsCore"] == {"enabled": True}
    assert datadog["kubeStateMetricsEnabled"] is False
    assert datadog["clusterChecks"] == {"enabled": True}
    # The proxy's access log is counted: every container's log is collected, whatever its annotations.
    assert datadog["logs"] == {"enabled": True, "containerCollectAll": True}
    assert datadog["processAgent"]["enabled"]


def test_nodes_of_the_system_pool_are_watched(release: dict[str, Any]) -> None:
    assert "system" in NODE_POOLS
    [toleration] = release["values"]["agents"]["tolerations"]
    assert toleration == {"key": "CriticalAddonsOnly", "operator": "Exists"}


def test_a_new_api_key_rolls_the_agents(declare: Declare) -> None:
    def annotations(api_key: str) -> Any:
        [release] = declare(api_key=api_key).of_type("kubernetes:helm.sh/v3:Release").values()
        agents, cluster_agent = release["values"]["agents"], release["values"]["clusterAgent"]
        assert agents["podAnnotations"] == cluster_agent["podAnnotations"]
        return agents["podAnnotations"]

    assert annotations("one-api-key") != annotations("another-api-key")


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
