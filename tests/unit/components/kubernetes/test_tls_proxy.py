"""Tests of the TLS proxy: load balancer, network access, configuration, and shutdown of the pods."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from components.common.naming import Naming
from components.kubernetes import nginx_config
from components.kubernetes.tls_proxy import TlsProxy
from components.settings.models.proxy import Proxy
from tests.support.components import workloads
from tests.support.components.fixtures import Recorder, Topic, evaluate
from tests.support.components.workloads import SERVICE_CIDR, SUBNETS, Manifest, Objects

Declare = Callable[..., Objects]
SERVICE = ("kubernetes:core/v1:Service", "tls-proxy")
DEPLOYMENT = ("kubernetes:apps/v1:Deployment", "tls-proxy")
PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"


@pytest.fixture
def declare(declare_objects: Callable[..., Objects]) -> Declare:
    return partial(declare_objects, workloads.tls_proxy)


def pod(objects: Objects) -> Manifest:
    return workloads.deployed_pod(objects, "pipe-proxy")[0]


def container(objects: Objects) -> Manifest:
    return workloads.deployed_pod(objects, "pipe-proxy")[1]


def test_a_protected_stack_keeps_its_load_balancer(declare: Declare) -> None:
    annotations = declare(protect=True)["Service/pipe-proxy"]["metadata"]["annotations"]
    assert annotations[f"{PREFIX}attributes"].endswith(",deletion_protection.enabled=true")


@pytest.mark.parametrize("stack", ["dev", "stg", "prod"])
def test_there_are_always_at_least_two_pods(declare: Declare, recorder: Recorder, stack: str) -> None:
    objects = declare(stack)
    assert objects["Deployment/pipe-proxy"]["spec"]["replicas"] >= 2
    assert objects["HorizontalPodAutoscaler/pipe-proxy"]["spec"]["minReplicas"] >= 2
    assert objects["PodDisruptionBudget/pipe-proxy"]["spec"]["maxUnavailable"] == 1
    assert recorder.ignored[DEPLOYMENT] == ["spec.replicas"]


def test_the_load_balancer_is_public_and_reaches_pods_through_its_security_group(declare: Declare) -> None:
    service = declare()["Service/pipe-proxy"]
    annotations = service["metadata"]["annotations"]
    assert {key.removeprefix(PREFIX): value for key, value in annotations.items()} == {
        "scheme": "internet-facing",
        "nlb-target-type": "ip",
        "ip-address-type": "ipv4",
        "security-groups": "sg-load-balancer",
        "additional-resource-tags": (
            "service=pipe,env=test,team=platform,managed-by=pulumi,Name=pipe-test-proxy"
        ),
        "attributes": "load_balancing.cross_zone.enabled=true,deletion_protection.enabled=false",
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


def test_the_load_balancers_name_is_the_target_of_the_dns_record(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    names: list[str] = []
    recorder.computed[SERVICE[0]] = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}
    evaluate(lambda: workloads.tls_proxy(naming, topic).hostname.apply(names.append))
    assert names == ["lb.example"]


@pytest.mark.parametrize("watched", [True, False])
def test_clients_the_load_balancer_and_the_agent_reach_the_proxy_and_it_reaches_the_api(
    declare: Declare, recorder: Recorder, watched: bool
) -> None:
    declare(clients=["173.245.48.0/20"], watched=watched)
    assert workloads.rules(recorder, "pipe-proxy", "ingress") == [
        (["173.245.48.0/20"], ["TCP 8443"]),
        (SUBNETS.public, ["TCP 8081"]),
        *([(["datadog/datadog"], ["TCP 8443"])] if watched else []),
    ]
    assert workloads.rules(recorder, "pipe-proxy", "egress") == [
        ([SERVICE_CIDR], ["UDP 53", "TCP 53"]),
        (["pipe-api"], ["TCP 3000"]),
    ]


def test_nginx_runs_the_rendered_configuration(declare: Declare, topic: Topic) -> None:
    objects = declare()
    settings: Proxy = topic(Proxy, "proxy")
    rendered = nginx_config.render(
        settings,
        server_name="pipe.dev",
        upstream="pipe-api.pipe.svc.cluster.local:3000",
        upstream_health="/livez",
    )
    assert objects["ConfigMap/pipe-proxy"]["data"] == {"nginx.conf": rendered}
    assert container(objects)["command"] == ["nginx", "-c", "/etc/pipe/nginx/nginx.conf"]
    paths = {"config": "/etc/pipe/nginx", "certificate": "/etc/pipe/tls", "tmp": "/tmp"}
    assert workloads.mounts(container(objects)) == paths


def test_certificate_and_key_are_a_tls_secret(declare: Declare) -> None:
    secret = declare()["Secret/pipe-proxy-certificate"]
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["stringData"] == {"tls.crt": "certificate", "tls.key": "key"}


def test_a_pod_needs_the_api_to_start_but_not_to_stay_ready(declare: Declare) -> None:
    probed = container(declare())
    assert probed["startupProbe"]["httpGet"] == {"path": "/startupz", "port": "health"}
    for probe in ("readinessProbe", "livenessProbe"):
        assert probed[probe]["httpGet"] == {"path": "/healthz", "port": "health"}


def test_a_terminating_pod_answers_until_the_load_balancer_has_dropped_it(declare: Declare) -> None:
    objects = declare()
    assert container(objects)["lifecycle"] == {"preStop": {"sleep": {"seconds": 180}}}
    assert pod(objects)["spec"]["terminationGracePeriodSeconds"] == 240


def test_each_hop_keeps_an_idle_connection_longer_than_the_previous_one(declare: Declare) -> None:
    objects = declare()
    annotations = objects["Service/pipe-proxy"]["metadata"]["annotations"]
    balancer = annotations[f"{PREFIX}listener-attributes.TCP-443"]
    [proxy] = re.findall(
        r"^    keepalive_timeout (\d+)s;$",
        objects["ConfigMap/pipe-proxy"]["data"]["nginx.conf"],
        re.MULTILINE,
    )
    cloudflare = 900  # Cloudflare Fundamentals, connection limits: Proxy Idle Timeout.
    assert cloudflare < int(proxy) < int(balancer.removeprefix("tcp.idle_timeout.seconds=")) <= 6000


@pytest.mark.parametrize(
    ("changes", "rolled"),
    [({"minTls": "1.3"}, "checksum/config"), ({"certificate": "renewed"}, "checksum/certificate")],
)
def test_a_changed_configuration_or_certificate_rolls_the_pods(
    declare: Declare, changes: dict[str, Any], rolled: str
) -> None:
    before, after = pod(declare()), pod(declare(**changes))
    assert workloads.changed_annotations(before, after) == {rolled}


def test_nginx_starts_after_the_service_that_it_resolves(
    recorder: Recorder, naming: Naming, topic: Topic
) -> None:
    def proxy() -> TlsProxy:
        return workloads.tls_proxy(naming, topic, after=[workloads.api(naming, topic)])

    workloads.declare(recorder, proxy)
    assert ("kubernetes:core/v1:Service", "api") in recorder.dependencies[DEPLOYMENT]


def test_pulumi_waits_for_rollouts_and_creates_the_service_before_its_pods(
    declare: Declare, recorder: Recorder
) -> None:
    declare()
    for resource, timeout in ((SERVICE, "60m"), (DEPLOYMENT, "30m")):
        assert recorder.create_timeouts[resource] == recorder.update_timeouts[resource] == timeout
    # Readiness gates are only injected into pods that are created after the Service.
    assert DEPLOYMENT not in recorder.dependencies[SERVICE]
