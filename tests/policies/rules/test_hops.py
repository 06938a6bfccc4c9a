from typing import Any

import pytest

from policies.rule import Resource
from tests.policies.conftest import UNKNOWN, Said, resource, urn

INSTANCE = "aws:rds/instance:Instance"


GROUP = "aws:rds/parameterGroup:ParameterGroup"


GOOD = {"name": "pipe", "family": "postgres17"}


BAD = {"name": "pipe", "family": "postgres14"}


DATABASE = "tls-hop-database"


def database(name: str = "pipe", **more: Any) -> Resource:
    return resource(INSTANCE, {"parameterGroupName": name}, **more)


def test_a_database_uses_a_group_that_forces_tls(said_of_stack: Said) -> None:
    assert said_of_stack(DATABASE, database(), resource(GROUP, GOOD)) == []
    assert said_of_stack(DATABASE, database(), resource(GROUP, BAD)) == [
        "parameterGroupName is a group in which parameters is without rds.force_ssl; "
        "add it with the value 1; mend the group"
    ]
    assert said_of_stack(DATABASE, database("default.postgres17"), resource(GROUP, GOOD)) == [
        "parameterGroupName is 'default.postgres17'; set it to a parameter group of this stack "
        "that forces TLS"
    ]


def test_the_group_is_found_by_dependency(said_of_stack: Said) -> None:
    depends = {"parameterGroupName": (urn(GROUP),)}
    first = database(UNKNOWN, property_dependencies=depends)
    assert said_of_stack(DATABASE, first, resource(GROUP, {"family": "postgres17"})) == []
    assert said_of_stack(DATABASE, first, resource(GROUP, {"family": "postgres14"})) != []
    assert said_of_stack(DATABASE, first, resource(GROUP, {"family": UNKNOWN})) == ["unknown: family"]
    assert said_of_stack(DATABASE, database(UNKNOWN)) == ["unknown: parameterGroupName"]


RECORD = resource("cloudflare:index/dnsRecord:DnsRecord", {"proxied": True})


def setting(name: str) -> Resource:
    return resource("cloudflare:index/zoneSetting:ZoneSetting", {"settingId": name}, name)


def test_the_edge_of_an_owner_sets_tls(said_of_stack: Said) -> None:
    policy = "tls-hop-edge"
    assert said_of_stack(policy, RECORD, setting("min_tls_version"), setting("ssl")) == []
    assert said_of_stack(policy, RECORD, setting("ssl")) == [
        "zone setting min_tls_version is not set by this stack; "
        "declare a cloudflare.ZoneSetting min_tls_version with the value '1.2'"
    ]
    assert len(said_of_stack(policy, RECORD)) == 2
    assert said_of_stack(policy, RECORD, owner=False) == []
    assert said_of_stack(policy) == []
    assert (
        said_of_stack(
            policy, RECORD, resource("cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride", {})
        )
        == []
    )


PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"


def service(port: int = 443, kind: str = "LoadBalancer", **annotations: str) -> Resource:
    notes = {f"{PREFIX}{name.replace('_', '-')}": value for name, value in annotations.items()}
    props = {"metadata": {"annotations": notes}, "spec": {"type": kind, "ports": [{"port": port}]}}
    return resource("kubernetes:core/v1:Service", props)


def config_map(text: str) -> Resource:
    return resource("kubernetes:core/v1:ConfigMap", {"data": {"nginx.conf": text}})


BALANCER = "tls-hop-load-balancer"


NOWHERE = (
    "spec.type is 'LoadBalancer' without TLS settings; "
    "put the TLS settings into a ConfigMap of this stack, or end TLS at the load balancer"
)


def test_a_load_balancer_leads_to_tls_settings(said_of_stack: Said) -> None:
    assert said_of_stack(BALANCER, service(), config_map("ssl_protocols TLSv1.3;")) == []
    assert said_of_stack(BALANCER, service(), config_map(UNKNOWN)) == []
    assert said_of_stack(BALANCER, service(), resource("aws:lb/listener:Listener", {})) == []
    assert said_of_stack(BALANCER, service(), config_map("listen 80;")) == [NOWHERE]
    assert said_of_stack(BALANCER, service()) == [NOWHERE]
    assert said_of_stack(BALANCER, service(80)) == ["spec.ports[0].port is 80; set it to 443"]


@pytest.mark.parametrize(
    "inner",
    [
        service(kind="ClusterIP"),
        service(scheme="internal"),
        service(internal="true"),
        service(ssl_cert="arn:x", backend_protocol="ssl"),
        service(ssl_cert="arn:x", scheme="internal"),
    ],
)
def test_what_the_world_does_not_reach_or_ends_tls_itself_passes(
    said_of_stack: Said, inner: Resource
) -> None:
    assert said_of_stack(BALANCER, inner) == []


def ingress(**annotations: str) -> Resource:
    notes = {
        f"alb.ingress.kubernetes.io/{name.replace('_', '-')}": value for name, value in annotations.items()
    }
    return resource("kubernetes:networking.k8s.io/v1:Ingress", {"metadata": {"annotations": notes}})


def test_a_load_balancer_that_ends_tls_begins_it_again(said_of_stack: Said) -> None:
    place = f'metadata.annotations["{PREFIX}backend-protocol"]'
    assert said_of_stack(BALANCER, service(ssl_cert="arn:x")) == [f"{place} is not set; set it to 'ssl'"]
    assert said_of_stack(BALANCER, service(ssl_cert="arn:x", backend_protocol="http")) == [
        f"{place} is 'http'; set it to 'ssl'"
    ]
    assert said_of_stack(BALANCER, service(ssl_cert="arn:x", backend_protocol="https")) == []
    place = 'metadata.annotations["alb.ingress.kubernetes.io/backend-protocol"]'
    assert said_of_stack(BALANCER, ingress(scheme="internet-facing")) == [
        f"{place} is not set; set it to 'HTTPS'"
    ]
    assert said_of_stack(BALANCER, ingress(scheme="internet-facing", backend_protocol="HTTPS")) == []
    assert said_of_stack(BALANCER, ingress(scheme="internal")) == []
    assert said_of_stack(BALANCER, ingress(scheme=UNKNOWN)) == [
        'unknown: metadata.annotations["alb.ingress.kubernetes.io/scheme"]'
    ]


def test_a_database_cluster_uses_a_group_that_forces_tls(said_of_stack: Said) -> None:
    def cluster(name: str) -> Resource:
        return resource("aws:rds/cluster:Cluster", {"dbClusterParameterGroupName": name})

    def group(family: str) -> Resource:
        props = {"name": "pipe", "family": family}
        return resource("aws:rds/clusterParameterGroup:ClusterParameterGroup", props)

    assert said_of_stack(DATABASE, cluster("pipe"), group("aurora-postgresql17")) == []
    assert said_of_stack(DATABASE, cluster("pipe"), group("aurora-postgresql16")) == [
        "dbClusterParameterGroupName is a group in which parameters is without rds.force_ssl; "
        "add it with the value 1; mend the group"
    ]
    assert said_of_stack(DATABASE, cluster("other"), group("aurora-postgresql17")) == [
        "dbClusterParameterGroupName is 'other'; set it to a parameter group of this stack that forces TLS"
    ]


def test_an_unknown_kind_of_service_is_counted(said_of_stack: Said) -> None:
    assert said_of_stack(BALANCER, service(kind=UNKNOWN)) == ["unknown: spec.type"]
