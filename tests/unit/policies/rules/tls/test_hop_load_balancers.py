from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
BALANCER = "tls-hop-load-balancer"
SERVICE = "kubernetes:core/v1:Service"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
TLS = "http { server { listen 8443 ssl; } server { listen 8081; } }"


def balanced(*ports: dict[str, Any], kind: str = "LoadBalancer", **annotations: str) -> dict[str, Any]:
    notes = {f"{PREFIX}{name.replace('_', '-')}": value for name, value in annotations.items()}
    spec = {"type": kind, "selector": {"app": "proxy"}, "ports": list(ports) or [HTTPS]}
    return {"metadata": {"annotations": notes}, "spec": spec}


HTTPS = {"port": 443, "targetPort": "https"}


def service(*ports: dict[str, Any], **more: str) -> Resource:
    return resource(SERVICE, balanced(*ports, **more), "proxy")


def config_map(text: object, name: str = "proxy", key: str = "nginx.conf") -> Resource:
    return resource(CONFIG_MAP, {"metadata": {"name": name}, "data": {key: text}}, name)


def pods(config: object = "proxy", labels: object = None, **more: Any) -> Resource:
    container = {
        "volumeMounts": [{"name": "config", "mountPath": "/etc/nginx"}],
        "ports": [{"name": "https", "containerPort": 8443}, {"name": "plain", "containerPort": 8081}],
    }
    spec = {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": config}}]}
    pod = {"metadata": {"labels": {"app": "proxy"} if labels is None else labels}, "spec": spec}
    return resource(DEPLOYMENT, {"spec": {"template": pod}}, "proxy", **more)


def nowhere(port: int, index: int = 0, prefix: str = "") -> str:
    return (
        f"{prefix}spec.ports[{index}].port is {port}, where no pod ends TLS; let nginx listen there with "
        "ssl by a ConfigMap of this stack, or end TLS at the load balancer"
    )


@pytest.mark.parametrize(
    "port",
    [
        HTTPS,
        {"port": 443, "targetPort": 8443},
        {"port": 443, "targetPort": "8443"},
        {"port": 8443},
    ],
)
def test_pods_end_tls_on_the_port_that_the_load_balancer_leads_to(
    messages_of_stack: MessagesOf, port: dict[str, Any]
) -> None:
    assert messages_of_stack(BALANCER, service(port), pods(), config_map(TLS)) == []


@pytest.mark.parametrize("target", [8081, "plain", "missing"])
def test_a_port_on_which_nginx_ends_no_tls_is_named(messages_of_stack: MessagesOf, target: object) -> None:
    leading = service(HTTPS, {"port": 8080, "targetPort": target})
    assert messages_of_stack(BALANCER, leading, pods(), config_map(TLS)) == [nowhere(8080, 1)]


@pytest.mark.parametrize(
    "listening",
    ["listen [::]:8443 quic;", "listen 0.0.0.0:8443 http2 ssl;", "listen 8443; ssl on;"],
)
def test_tls_is_ended_however_nginx_is_told(messages_of_stack: MessagesOf, listening: str) -> None:
    assert messages_of_stack(BALANCER, service(), pods(), config_map(f"server {{ {listening} }}")) == []


def test_nginx_without_a_port_listens_on_80(messages_of_stack: MessagesOf) -> None:
    settings = config_map("server { listen localhost ssl; }")
    assert messages_of_stack(BALANCER, service({"port": 443, "targetPort": 80}), pods(), settings) == []
    assert messages_of_stack(BALANCER, service(), pods(), settings) == [nowhere(443)]


def test_settings_that_the_pods_do_not_have_say_nothing(messages_of_stack: MessagesOf) -> None:
    others = (
        resource("aws:lb/listener:Listener", {"protocol": "HTTPS", "port": 443}),
        config_map(TLS, "elsewhere"),
        config_map(UNKNOWN, "unmounted"),
        config_map("# ssl_protocols", "proxy", "README"),
    )
    assert messages_of_stack(BALANCER, service(), *others, pods()) == [nowhere(443)]
    assert messages_of_stack(BALANCER, service(), *others) == [nowhere(443)]
    unselected = pods(labels={"app": "other"})
    assert messages_of_stack(BALANCER, service(), unselected, config_map(TLS)) == [nowhere(443)]


def test_a_volume_that_no_container_mounts_says_nothing(messages_of_stack: MessagesOf) -> None:
    pod: dict[str, Any] = {
        "metadata": {"labels": {"app": "proxy"}},
        "spec": {"containers": [{}], "volumes": [{"name": "config", "configMap": {"name": "proxy"}}]},
    }
    bare = resource("kubernetes:core/v1:Pod", pod)
    assert messages_of_stack(BALANCER, service({"port": 8443}), bare, config_map(TLS)) == [nowhere(8443)]


def test_a_projected_config_map_is_followed(messages_of_stack: MessagesOf) -> None:
    sources = [{"secret": {"name": "x"}}, {"configMap": {"name": "proxy"}}]
    pod: dict[str, Any] = {
        "metadata": {"labels": {"app": "proxy"}},
        "spec": {
            "containers": [{"volumeMounts": [{"name": "all"}]}],
            "volumes": [{"name": "all", "projected": {"sources": sources}}],
        },
    }
    bare = resource("kubernetes:core/v1:Pod", pod)
    assert messages_of_stack(BALANCER, service({"port": 8443}), bare, config_map(TLS)) == []


def test_every_pod_behind_the_load_balancer_ends_tls(messages_of_stack: MessagesOf) -> None:
    plain = resource("kubernetes:core/v1:Pod", {"metadata": {"labels": {"app": "proxy"}}, "spec": {}})
    assert messages_of_stack(BALANCER, service(), pods(), plain, config_map(TLS)) == [nowhere(443)]


def test_what_is_not_known_is_counted(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(BALANCER, service(), pods(), config_map(UNKNOWN)) == [
        'unknown: data["nginx.conf"]'
    ]
    assert messages_of_stack(BALANCER, service(), pods(UNKNOWN)) == [
        "unknown: spec.template.spec.volumes[0].configMap.name"
    ]
    assert messages_of_stack(BALANCER, service(), pods(labels=UNKNOWN)) == [
        "unknown: spec.template.metadata.labels"
    ]
    assert messages_of_stack(BALANCER, service(kind=UNKNOWN)) == ["unknown: spec.type"]
    assert messages_of_stack(BALANCER, service({"port": UNKNOWN}, {"port": 80})) == [
        "spec.ports[1].port is 80; set it to 443",
        "unknown: spec.ports[0].port",
    ]


def test_a_config_map_without_a_name_is_found_by_dependency(messages_of_stack: MessagesOf) -> None:
    depending = pods(UNKNOWN, property_dependencies={"spec": (urn(CONFIG_MAP, "proxy"),)})
    assert messages_of_stack(BALANCER, service(), depending, config_map(TLS)) == []
    assert messages_of_stack(BALANCER, service(), depending, config_map("server { listen 8443; }")) == [
        nowhere(443)
    ]


def test_a_list_of_services_is_judged(messages_of_stack: MessagesOf) -> None:
    services = resource("kubernetes:core/v1:ServiceList", {"items": [balanced()]})
    assert messages_of_stack(BALANCER, services) == [nowhere(443, prefix="items[0].")]


@pytest.mark.parametrize(
    "inner",
    [
        service(kind="ClusterIP"),
        service(scheme="internal"),
        service(internal="true"),
        service(ssl_cert="arn:x", backend_protocol="ssl"),
        service(ssl_cert="arn:x", backend_protocol="ssl", ssl_ports="443"),
        service({"port": 443, "name": "web"}, ssl_cert="arn:x", backend_protocol="ssl", ssl_ports="x, web"),
        service(ssl_cert="arn:x", backend_protocol="ssl", ssl_ports="*"),
        service(ssl_cert="arn:x", scheme="internal"),
    ],
)
def test_what_the_world_does_not_reach_or_ends_tls_itself_passes(
    messages_of_stack: MessagesOf, inner: Resource
) -> None:
    assert messages_of_stack(BALANCER, inner) == []


def test_a_certificate_is_for_the_ports_that_it_is_said_to_be(messages_of_stack: MessagesOf) -> None:
    partly = service(
        {"port": 80},
        {"port": 443},
        {"port": 8080},
        ssl_cert="arn:x",
        backend_protocol="ssl",
        ssl_ports="443",
    )
    assert messages_of_stack(BALANCER, partly) == [
        "spec.ports[0].port is 80; set it to 443",
        nowhere(8080, 2),
    ]


def test_an_annotation_that_is_not_known_hides_no_port(messages_of_stack: MessagesOf) -> None:
    partly = service(
        {"port": 443, "name": UNKNOWN}, {"port": 80}, ssl_cert="x", backend_protocol=UNKNOWN, ssl_ports="8443"
    )
    assert messages_of_stack(BALANCER, partly) == [
        "spec.ports[1].port is 80; set it to 443",
        f'unknown: metadata.annotations["{PREFIX}backend-protocol"]',
        "unknown: spec.ports[0].name",
    ]


def ingress(spec: dict[str, Any] | None = None, **annotations: str) -> Resource:
    notes = {
        f"alb.ingress.kubernetes.io/{name.replace('_', '-')}": value for name, value in annotations.items()
    }
    props = {"metadata": {"annotations": notes}, "spec": spec or {}}
    return resource("kubernetes:networking.k8s.io/v1:Ingress", props)


def test_a_load_balancer_that_ends_tls_begins_it_again(messages_of_stack: MessagesOf) -> None:
    place = f'metadata.annotations["{PREFIX}backend-protocol"]'
    assert messages_of_stack(BALANCER, service(ssl_cert="arn:x")) == [f"{place} is not set; set it to 'ssl'"]
    assert messages_of_stack(BALANCER, service(ssl_cert="arn:x", backend_protocol="http")) == [
        f"{place} is 'http'; set it to 'ssl'"
    ]
    assert messages_of_stack(BALANCER, service(ssl_cert="arn:x", backend_protocol="https")) == []
    place = 'metadata.annotations["alb.ingress.kubernetes.io/backend-protocol"]'
    assert messages_of_stack(BALANCER, ingress(scheme="internet-facing")) == [
        f"{place} is not set; set it to 'HTTPS'"
    ]
    assert messages_of_stack(BALANCER, ingress(scheme="internet-facing", backend_protocol="HTTPS")) == []
    assert messages_of_stack(BALANCER, ingress(scheme="internal")) == []
    assert messages_of_stack(BALANCER, ingress(scheme=UNKNOWN)) == [
        'unknown: metadata.annotations["alb.ingress.kubernetes.io/scheme"]'
    ]


WITHOUT = "spec.tls is not set; set it to the hosts, each with the Secret of its certificate"


@pytest.mark.parametrize("name", ["nginx", "nginx-internal", "traefik", "contour", "haproxy", "kong"])
def test_an_ingress_in_the_cluster_ends_tls(messages_of_stack: MessagesOf, name: str) -> None:
    spec = {"ingressClassName": name, "rules": [{"host": "a.dev"}]}
    assert messages_of_stack(BALANCER, ingress(spec)) == [WITHOUT]
    assert messages_of_stack(BALANCER, ingress(spec | {"tls": [{"hosts": ["a.dev"]}]})) == []
    assert messages_of_stack(BALANCER, ingress(spec | {"tls": UNKNOWN})) == ["unknown: spec.tls"]


def test_the_class_of_an_ingress_may_be_an_annotation(messages_of_stack: MessagesOf) -> None:
    notes = {"kubernetes.io/ingress.class": "nginx"}
    old = resource("kubernetes:extensions/v1beta1:Ingress", {"metadata": {"annotations": notes}, "spec": {}})
    assert messages_of_stack(BALANCER, old) == [WITHOUT]
    passed = notes | {"nginx.ingress.kubernetes.io/ssl-passthrough": "true"}
    props = {"metadata": {"annotations": passed}, "spec": {}}
    assert messages_of_stack(BALANCER, resource("kubernetes:networking.k8s.io/v1:Ingress", props)) == []


def test_every_host_of_an_ingress_has_a_certificate(messages_of_stack: MessagesOf) -> None:
    hosts = [{"host": UNKNOWN}, {"host": "a.dev"}, {"host": "b.dev"}, {"host": "x.c.dev"}, {}]
    spec = {"ingressClassName": "nginx", "rules": hosts, "tls": [{"hosts": ["a.dev", "*.c.dev"]}]}
    assert messages_of_stack(BALANCER, ingress(spec)) == [
        "spec.rules[2].host is 'b.dev', for which spec.tls has no certificate; add it there",
        "unknown: spec.rules[0].host",
    ]
    assert messages_of_stack(BALANCER, ingress(spec | {"tls": [{"secretName": "all"}]})) == [
        "unknown: spec.rules[0].host"
    ]
