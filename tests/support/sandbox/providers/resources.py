"""Valid inputs for each resource type that the tests change, and every package with its plan."""

from copy import copy
from typing import Any

from sandbox.providers.server import packages
from sandbox.providers.target import Package, Resource, Target

VPC = "aws:ec2/vpc:Vpc"
BUCKET = "aws:s3/bucket:Bucket"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/instance:Instance"
NAMESPACE = "kubernetes:core/v1:Namespace"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"
SECRET = "kubernetes:core/v1:Secret"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
RELEASE = "kubernetes:helm.sh/v3:Release"
RECORD = "cloudflare:index/dnsRecord:DnsRecord"
RULESET = "cloudflare:index/ruleset:Ruleset"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
CERTIFICATE = "cloudflare:index/originCaCertificate:OriginCaCertificate"
MONITOR = "datadog:index/monitor:Monitor"
ACCOUNT = "datadog:aws/integrationAccount:IntegrationAccount"
KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"

TRUST = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "ec2.amazonaws.com"}}]}"""
RIGHTS = """{"Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}"""

VALID: dict[str, dict[str, Any]] = {
    VPC: {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "pipe"}},
    BUCKET: {"bucket": "pipe-backup"},
    ROLE: {"name": "pipe-node", "assumeRolePolicy": TRUST},
    ROLE_POLICY: {"role": "pipe-node", "name": "read", "policy": RIGHTS},
    RULE: {
        "securityGroupId": "sg-1",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrIpv4": "0.0.0.0/0",
    },
    CLUSTER: {
        "name": "pipe",
        "roleArn": "arn:aws:iam::123456789012:role/pipe-node",
        "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"], "endpointPrivateAccess": True},
        "accessConfig": {"authenticationMode": "API"},
    },
    DATABASE: {
        "identifier": "pipe-db",
        "instanceClass": "db.t4g.micro",
        "engine": "postgres",
        "skipFinalSnapshot": True,
        "port": 5432,
    },
    NAMESPACE: {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pipe"}},
    DEPLOYMENT: {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "default", "labels": {"app": "api"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "api"}},
            "template": {
                "metadata": {"labels": {"app": "api"}},
                "spec": {
                    "containers": [
                        {
                            "name": "api",
                            "image": "api:1",
                            "resources": {"limits": {"cpu": "100m", "memory": "256Mi"}},
                        }
                    ]
                },
            },
        },
    },
    SERVICE: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "proxy", "namespace": "default"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 443, "targetPort": "https"}]},
    },
    SECRET: {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "database", "namespace": "default"},
        "stringData": {"password": "hunter2"},
    },
    CONFIG_MAP: {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"LOG_LEVEL": "info"},
    },
    RELEASE: {
        "chart": "datadog",
        "version": "3.273.1",
        "name": "datadog",
        "namespace": "default",
        "values": {"datadog": {"site": "x"}},
    },
    RECORD: {"zoneId": "z", "name": "pipe.dev", "type": "CNAME", "content": "lb.example.com", "ttl": 1},
    RULESET: {"zoneId": "z", "kind": "zone", "phase": "http_ratelimit", "name": "limits"},
    SETTING: {"zoneId": "z", "settingId": "min_tls_version", "value": "1.2"},
    CERTIFICATE: {
        "csr": "",
        "hostnames": ["pipe.dev"],
        "requestType": "origin-ecc",
        "requestedValidity": 365,
    },
    MONITOR: {
        "name": "HighErrorRate",
        "type": "query alert",
        "message": "@slack-pipe",
        "query": "min(last_5m):sum:errors{env:dev}.as_rate() > 0.01",
        "monitorThresholds": {"critical": "0.01"},
    },
    ACCOUNT: {
        "awsAccountId": "123456789012",
        "awsPartition": "aws",
        "authConfig": {"awsAuthConfigRole": {"roleName": "datadog"}},
        "awsRegions": {"includeAll": True},
        "logsConfig": {"lambdaForwarder": {}},
        "metricsConfig": {"namespaceFilters": {"includeOnlies": ["AWS/RDS"]}},
        "resourcesConfig": {"extendedCollection": False},
        "tracesConfig": {"xrayServices": {"includeAll": True}},
    },
    KEY: {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
    REQUEST: {"privateKeyPem": "", "subject": {"commonName": "pipe.dev"}, "dnsNames": ["pipe.dev"]},
}


class Providers:
    """Every package with its plan, which tests call directly instead of through the engine."""

    def __init__(self) -> None:
        pairs = packages()
        self._packages = {package.name: package for package, _ in pairs}
        self._targets = {package.name: target for package, target in pairs}

    def package(self, token: str) -> Package:
        return self._packages[token.partition(":")[0]]

    def target(self, token: str) -> Target:
        return self._targets[token.partition(":")[0]]

    def faults(self, token: str, inputs: dict[str, Any]) -> list[str]:
        return list(self.package(token).faults(resource(token, inputs)))


def resource(token: str, inputs: dict[str, Any], name: str = "it", **config: Any) -> Resource:
    """Return a resource in the region ap-northeast-1."""
    return Resource(
        f"urn:pulumi:dev::pipe::{token}::{name}", token, inputs, {"region": "ap-northeast-1", **config}
    )


def changed(token: str, path: str, value: Any) -> dict[str, Any]:
    """Return the valid inputs with a new value at a dotted path; None removes the property."""
    return _changed(VALID[token], path.split("."), value)


def _changed(inputs: Any, path: list[str], value: Any) -> Any:
    changed: Any = copy(inputs)
    key: Any = int(path[0]) if path[0].isdigit() else path[0]
    if len(path) > 1:
        changed[key] = _changed(inputs[key] if key in inputs or path[0].isdigit() else {}, path[1:], value)
    elif value is None:
        del changed[key]
    else:
        changed[key] = value
    return changed
