"""Planted secrets: no message contains a word from a value that is marked as secret."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import pytest

from policies.engine.catalog import RULES
from policies.engine.evaluation import evaluate
from policies.engine.rule import Stack
from tests.support.policies.fixtures import CLUSTER, CONTAINER, DATABASE, DEPLOYMENT, MONITOR
from tests.support.policies.monitors import as_json
from tests.support.policies.pytest_fixtures import changed, resource, secret

LB = "service.beta.kubernetes.io/aws-load-balancer"
PLANTED, NUMBER = "hunter2", "777123"
OPTIONS: dict[str, dict[str, Any]] = {
    "alert-without-target": {"targets": ["@somebody-else"]},
    "alert-window-too-long": {"minutes": 1},
    "alert-required-monitor-missing": {"monitors": ["HighErrorRate", "HighCpu"], "tags": ["env:prod"]},
    "alert-slo-missing": {"required": True, "tags": ["service:x"]},
}


def policy(**more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:Get*", "iam:*"], "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def nginx(text: str) -> dict[str, Any]:
    return {"metadata": {"name": "proxy", "namespace": "pipe"}, "data": {"nginx.conf": text}}


CONFIG_MAP, MONITOR_TYPE = "kubernetes:core/v1:ConfigMap", "datadog:index/monitor:Monitor"
BAD: dict[str, Any] = {
    **CONTAINER,
    "image": "pipe/api:latest",
    "imagePullPolicy": "Never",
    "env": [{"name": "A", "value": "x"}, {"name": "A", "value": "postgres://u:p@db/x"}],
    "ports": [{"name": "http", "containerPort": 8080, "hostPort": 80}],
    "resources": {"requests": {"cpu": "90", "memory": "90Gi"}, "limits": {"cpu": "80", "memory": "80Gi"}},
    "securityContext": {
        "privileged": True,
        "procMount": "Unmasked",
        "capabilities": {"add": ["SYS_ADMIN"]},
        "seLinuxOptions": {"type": "other_t", "user": "somebody"},
        "seccompProfile": {"type": "Unconfined"},
        "runAsUser": 1,
    },
    "livenessProbe": {"httpGet": {"host": "elsewhere.dev", "port": 1}},
}
RULE = {
    "protocol": "tcp",
    "fromPort": 20,
    "toPort": 3389,
    "cidrBlocks": ["0.0.0.0/0"],
    "ipv6CidrBlocks": ["::/0"],
    "description": "All of it",
}
RESOURCES: list[tuple[str, dict[str, Any]]] = [
    (MONITOR_TYPE, MONITOR),
    (MONITOR_TYPE, changed(MONITOR, query="avg(last_2d):avg:a{b:c} > 5", message="@slack-a hello")),
    (MONITOR_TYPE, changed(MONITOR, query="avg(last_2d]:a > 5", message="nobody", name="HighCpu")),
    ("datadog:index/monitorJson:MonitorJson", as_json()),
    ("datadog:index/monitorJson:MonitorJson", as_json(query="avg(last_2d):a{b:c} > 9", message="@slack-a")),
    ("kubernetes:apps/v1:Deployment", changed(DEPLOYMENT, spec__template__spec__containers=[BAD])),
    (
        "kubernetes:apps/v1:Deployment",
        changed(
            DEPLOYMENT,
            spec__replicas=1,
            spec__selector={"matchLabels": {"app": "other"}},
            spec__template__spec__volumes=[{"name": "v", "hostPath": {"path": "/etc"}}],
            spec__template__spec__securityContext={"sysctls": [{"name": "kernel.shm", "value": "1"}]},
        ),
    ),
    (
        "kubernetes:core/v1:Service",
        {
            "metadata": {
                "namespace": "pipe",
                "annotations": {f"{LB}-ssl-negotiation-policy": "ELBSecurityPolicy-2016-08"},
            },
            "spec": {
                "type": "LoadBalancer",
                "selector": {"app": "other"},
                "ports": [{"port": 80, "targetPort": "web"}, {"port": 8081}],
            },
        },
    ),
    (CONFIG_MAP, nginx("server { listen 443 ssl; server_name pipe.dev; ssl_protocols TLSv1 TLSv1.2; }")),
    (CONFIG_MAP, nginx("http { server { listen 443 ssl; server_name pipe.dev; } include other.conf; }")),
    (CONFIG_MAP, nginx("server { listen 443 ssl; password word ; { }")),
    (CONFIG_MAP, nginx("server { listen 443 ssl; } } words")),
    (
        "kubernetes:networking.k8s.io/v1:Ingress",
        {
            "metadata": {
                "annotations": {
                    "nginx.ingress.kubernetes.io/server-snippet": "ssl_protocols TLSv1; } words {",
                    "alb.ingress.kubernetes.io/ssl-policy": "ELBSecurityPolicy-2016-08",
                    "alb.ingress.kubernetes.io/scheme": "internet-facing",
                }
            }
        },
    ),
    ("aws:iam/policy:Policy", {"policy": policy()}),
    ("aws:iam/policy:Policy", {"policy": policy(Action="ec2:RunInstances", NotAction="s3:GetObject")}),
    (
        "aws:iam/role:Role",
        {
            "assumeRolePolicy": policy(Principal={"Federated": "arn:aws:iam::1:oidc-provider/x", "AWS": "2"}),
            "managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        },
    ),
    ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b", "policy": policy()}),
    ("aws:s3/bucket:Bucket", {"bucket": "b", "acl": "public-read", "policy": policy()}),
    ("aws:kms/key:Key", {"policy": policy(), "enableKeyRotation": False}),
    ("aws:ecr/repositoryPolicy:RepositoryPolicy", {"policy": policy()}),
    (
        "aws:ec2/securityGroup:SecurityGroup",
        {"description": "Managed by", "ingress": [RULE], "egress": [RULE]},
    ),
    ("aws:ec2/securityGroupRule:SecurityGroupRule", {"type": "ingress", **RULE}),
    (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"ipProtocol": "tcp", "fromPort": 20, "toPort": 23, "cidrIpv4": "0.0.0.0/0"},
    ),
    (
        "aws:lb/listener:Listener",
        {"protocol": "HTTPS", "port": 443, "sslPolicy": "ELBSecurityPolicy-2016-08"},
    ),
    ("aws:eks/cluster:Cluster", changed(CLUSTER, version="1.20")),
    ("aws:rds/instance:Instance", {**DATABASE, "parameterGroupName": "default.postgres14"}),
    (
        "aws:rds/parameterGroup:ParameterGroup",
        {"name": "g", "family": "postgres14", "parameters": [{"name": "rds.force_ssl", "value": "0"}]},
    ),
    (
        "cloudflare:index/zoneSetting:ZoneSetting",
        {"zoneId": "z", "settingId": "min_tls_version", "value": "1.0"},
    ),
    (
        "cloudflare:index/dnsRecord:DnsRecord",
        {"zoneId": "z", "name": "*.pipe.dev", "type": "A", "content": "1.2.3.4", "proxied": False},
    ),
    ("datadog:index/downtime:Downtime", {"scopes": ["*"], "end": 0}),
]


def planted(value: Any) -> Iterator[Any]:
    """Yield copies of a value, each with one word of one string replaced."""
    if isinstance(value, dict):
        for key, child in cast("dict[str, Any]", value).items():
            yield from ({**value, key: copy} for copy in planted(child))
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        for index, child in enumerate(items):
            yield from ([*items[:index], copy, *items[index + 1 :]] for copy in planted(child))
    elif isinstance(value, str):
        for word in re.finditer(r"[A-Za-z_]+|\d+", value):
            new = NUMBER if word[0].isdigit() else PLANTED
            yield value[: word.start()] + new + value[word.end() :]
    elif type(value) is int:
        yield int(NUMBER)


def marked(props: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield copies of the properties, each with a planted secret in the place of one part."""

    def places(value: Any) -> Iterator[list[str | int]]:
        children = cast("dict[str, Any]", value).items() if isinstance(value, dict) else enumerate(value)
        for key, child in children:
            yield [key]
            if isinstance(child, dict | list):
                yield from ([key, *rest] for rest in places(child))

    for *steps, last in places(props):
        holder: Any = props
        for step in steps:
            holder = holder[step]
        for value in planted(holder[last]):
            copy = deepcopy(props)
            place: Any = copy
            for step in steps:
                place = place[step]
            place[last] = secret(value)
            yield copy


@pytest.mark.parametrize(
    ("kind", "props"),
    RESOURCES,
    ids=[f"{kind.rpartition(':')[2]}-{index}" for index, (kind, _) in enumerate(RESOURCES)],
)
def test_no_part_of_a_secret_is_in_a_message(kind: str, props: dict[str, Any]) -> None:
    rules = [rule for rule in RULES if kind in rule.types or kind in rule.about]
    beside = resource("kubernetes:apps/v1:Deployment", DEPLOYMENT, "beside")
    leaks: set[str] = set()
    for marked_props in marked(props):
        subject = resource(kind, marked_props)
        for rule in rules:
            evaluation = evaluate(
                rule, Stack((subject, beside)) if rule.on_stack else subject, OPTIONS.get(rule.name)
            )
            assert not evaluation.crash, (rule.name, evaluation.crash)
            message = "\n".join(map(str, evaluation.findings))
            if PLANTED in message or NUMBER in message:
                leaks.add(f"{rule.name}: {message}")
    assert sorted(leaks) == []
