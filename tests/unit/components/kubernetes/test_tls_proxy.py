import re
from collections.abc import Callable
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes import nginx_config
from components.kubernetes.tls_proxy import HEALTH_PORT, TRAFFIC_PORT, TlsProxy
from components.settings.models.proxy import Proxy
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, evaluate
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Topic

Objects = Callable[..., dict[str, Manifest]]
PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"


@pytest.fixture
def objects(recorder: Recorder, naming: Naming, topic: Topic) -> Objects:
    def run(stack: str = "prod", **changes: Any) -> dict[str, Manifest]:
        return workloads.manifests(
            workloads.declare(recorder, workloads.tls_proxy, naming, topic, stack, **changes)
        )

    return run


def pod(found: dict[str, Manifest]) -> Manifest:
    return found["Deployment/pipe-proxy"]["spec"]["template"]


def container(found: dict[str, Manifest]) -> Manifest:
    [only] = pod(found)["spec"]["containers"]
    return only


def test_the_ports_are_those_that_the_firewall_opens() -> None:
    assert (TRAFFIC_PORT, HEALTH_PORT) == (8443, 8081)


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_there_are_always_two_pods_at_least(objects: Objects, recorder: Recorder, stack: str) -> None:
    found = objects(stack)
    assert found["Deployment/pipe-proxy"]["spec"]["replicas"] >= 2
    assert found["HorizontalPodAutoscaler/pipe-proxy"]["spec"]["minReplicas"] >= 2
    assert found["PodDisruptionBudget/pipe-proxy"]["spec"]["maxUnavailable"] == 1
    assert recorder.ignored["kubernetes:apps/v1:Deployment", "tls-proxy"] == ["spec.replicas"]


def test_the_load_balancer_is_public_reaches_pods_and_carries_the_firewalls_group(objects: Objects) -> None:
    service = objects()["Service/pipe-proxy"]
    annotations = service["metadata"]["annotations"]
    assert {key.removeprefix(PREFIX): value for key, value in annotations.items()} == {
        "scheme": "internet-facing",
        "nlb-target-type": "ip",
        "ip-address-type": "ipv4",
        "security-groups": "sg-load-balancer",
        "attributes": "load_balancing.cross_zone.enabled=true",
        "listener-attributes.TCP-443": "tcp.idle_timeout.seconds=960",
        "target-group-attributes": (
            "preserve_client_ip.enabled=true,deregistration_delay.timeout_seconds=240,"
            "deregistration_delay.connection_termination.enabled=true"
        ),
        "healthcheck-protocol": "HTTP",
        "healthcheck-port": "8081",
        "healthcheck-path": "/healthz",
        "healthcheck-interval": "10",
        "healthcheck-timeout": "5",
        "healthcheck-healthy-threshold": "2",
        "healthcheck-unhealthy-threshold": "2",
    }
    assert service["spec"] == {
        "type": "LoadBalancer",
        "loadBalancerClass": "eks.amazonaws.com/nlb",
        "allocateLoadBalancerNodePorts": False,
        "selector": {"app": "pipe-proxy"},
        "ports": [{"name": "https", "port": 443, "targetPort": 8443, "protocol": "TCP"}],
    }


def test_the_load_balancers_name_is_what_dns_points_at(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    names: list[str] = []
    recorder.computed["kubernetes:core/v1:Service"] = {
        "status": {"loadBalancer": {"ingress": [{"hostname": "balancer.example"}]}}
    }
    evaluate(lambda: workloads.tls_proxy(naming, topic).hostname.apply(names.append))
    assert names == ["balancer.example"]


def test_clients_reach_the_traffic_port_and_the_load_balancer_the_health_port(
    objects: Objects, recorder: Recorder
) -> None:
    objects()
    assert workloads.rules(recorder, "pipe-proxy", "ingress") == [
        (["0.0.0.0/0"], ["TCP 8443"]),
        (SUBNETS.public, ["TCP 8081"]),
        (["datadog/datadog"], ["TCP 8443"]),
    ]
    assert workloads.rules(recorder, "pipe-proxy", "egress") == [
        ([SERVICE_CIDR], ["UDP 53", "TCP 53"]),
        (["pipe-api"], ["TCP 3000"]),
    ]


@pytest.mark.parametrize("watched", [True, False])
def test_the_agent_reaches_the_certificate_whoever_the_clients_are(
    objects: Objects, recorder: Recorder, watched: bool
) -> None:
    objects(clients=["173.245.48.0/20"], watched=watched)
    rules = workloads.rules(recorder, "pipe-proxy", "ingress")
    found = [peers for peers, ports in rules if ports == ["TCP 8443"]]
    assert found == [["173.245.48.0/20"], *([["datadog/datadog"]] if watched else [])]


def test_nginx_runs_the_rendered_configuration(objects: Objects, topic: Topic) -> None:
    found = objects()
    settings: Proxy = topic(Proxy, "proxy")
    rendered = nginx_config.render(
        settings,
        server_name="pipe.dev",
        upstream="pipe-api.pipe.svc.cluster.local:3000",
        upstream_health="/livez",
    )
    assert found["ConfigMap/pipe-proxy"]["data"] == {"nginx.conf": rendered}
    assert container(found)["command"] == ["nginx", "-c", "/etc/pipe/nginx/nginx.conf"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(found)["volumeMounts"]}
    assert mounts == {"config": "/etc/pipe/nginx", "certificate": "/etc/pipe/tls", "tmp": "/tmp"}


def test_certificate_and_key_are_a_tls_secret(objects: Objects) -> None:
    secret = objects()["Secret/pipe-proxy-certificate"]
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["stringData"] == {"tls.crt": "certificate", "tls.key": "key"}


def test_a_pod_has_started_once_it_reaches_the_api_and_lives_on_without_it(objects: Objects) -> None:
    probed = container(objects())
    assert probed["startupProbe"]["httpGet"] == {"path": "/startupz", "port": "health"}
    for probe in ("readinessProbe", "livenessProbe"):
        assert probed[probe]["httpGet"] == {"path": "/healthz", "port": "health"}


def test_a_leaving_pod_answers_until_the_load_balancer_has_let_go_of_it(objects: Objects) -> None:
    found = objects()
    assert container(found)["lifecycle"] == {"preStop": {"sleep": {"seconds": 180}}}
    assert pod(found)["spec"]["terminationGracePeriodSeconds"] == 240


def test_each_hop_keeps_an_unused_connection_longer_than_the_one_before(objects: Objects) -> None:
    declared = objects()
    annotations = declared["Service/pipe-proxy"]["metadata"]["annotations"]
    balancer = annotations[f"{PREFIX}listener-attributes.TCP-443"]
    [proxy] = re.findall(
        r"^    keepalive_timeout (\d+)s;$",
        declared["ConfigMap/pipe-proxy"]["data"]["nginx.conf"],
        re.MULTILINE,
    )
    cloudflare = 900  # Cloudflare Fundamentals, connection limits: Proxy Idle Timeout
    assert cloudflare < int(proxy) < int(balancer.removeprefix("tcp.idle_timeout.seconds=")) <= 6000


@pytest.mark.parametrize(
    ("changes", "rolled"),
    [({"minTls": "1.3"}, "checksum/config"), ({"certificate": "renewed"}, "checksum/certificate")],
)
def test_a_changed_configuration_or_certificate_rolls_the_pods(
    objects: Objects, changes: dict[str, Any], rolled: str
) -> None:
    before = pod(objects())["metadata"]["annotations"]
    after = pod(objects(**changes))["metadata"]["annotations"]
    assert {key for key in before if before[key] != after[key]} == {rolled}


def test_nginx_starts_when_the_service_that_it_looks_up_is_there(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    def proxy() -> TlsProxy:
        return workloads.tls_proxy(naming, topic, after=[workloads.api(naming, topic)])

    workloads.declare(recorder, proxy)
    waits = recorder.dependencies["kubernetes:apps/v1:Deployment", "tls-proxy"]
    assert ("kubernetes:core/v1:Service", "api") in waits


def test_pulumi_waits_for_the_service_as_long_as_its_pods_may_take(
    recorder: Recorder, objects: Objects
) -> None:
    objects()
    service = ("kubernetes:core/v1:Service", "tls-proxy")
    assert recorder.create_timeouts[service] == recorder.update_timeouts[service] == "60m"
    # Readiness gates are injected only into pods that are younger than the Service.
    assert ("kubernetes:apps/v1:Deployment", "tls-proxy") not in recorder.dependencies[service]


def test_pulumi_waits_half_an_hour_for_a_rollout(recorder: Recorder, objects: Objects) -> None:
    objects()
    deployment = ("kubernetes:apps/v1:Deployment", "tls-proxy")
    assert recorder.create_timeouts[deployment] == recorder.update_timeouts[deployment] == "30m"
