"""Tests of the stand-ins with simulated APIs and the real engine: previews, updates and refusals."""

import importlib
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from tests.support.sandbox.providers.resources import RIGHTS, TRUST
from tests.support.sandbox.providers.stack import Stack

# The SDKs are imported without types, because the type checker does not have the memory for five SDKs.
aws, cloudflare, datadog, kubernetes, tls = (
    cast(Any, importlib.import_module(f"pulumi_{name}"))
    for name in ("aws", "cloudflare", "datadog", "kubernetes", "tls")
)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    stack = Stack(tmp_path)
    stack.config(region="ap-northeast-1")
    return stack


def vpc(cidr: str = "10.0.0.0/16") -> None:
    aws.ec2.Vpc("slow", cidr_block=cidr)


def everything(replicas: int = 2, bucket: str = "pipe-backup", level: str = "info") -> None:
    """Declare resources of every package. Some of them depend on outputs of others."""
    network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags={"Name": "pipe"})
    subnet = aws.ec2.Subnet("subnet", vpc_id=network.id, cidr_block="10.0.0.0/24")
    role = aws.iam.Role("role", name="pipe-node", assume_role_policy=TRUST)
    aws.iam.RolePolicy("rights", role=role.name, policy=RIGHTS)
    backup = aws.s3.Bucket("backup", bucket=bucket)
    cluster = aws.eks.Cluster(
        "cluster", name="pipe", role_arn=role.arn, vpc_config={"subnet_ids": [subnet.id, subnet.id]}
    )
    kubeconfig = pulumi.Output.json_dumps({"clusters": [{"cluster": {"server": cluster.endpoint}}]})
    child = pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig=kubeconfig))
    namespace = kubernetes.core.v1.Namespace("namespace", metadata={"name": "pipe"}, opts=child)

    def meta(name: str) -> dict[str, Any]:
        return {"namespace": namespace.metadata.name, "name": name}

    settings = kubernetes.core.v1.ConfigMap(
        "settings", metadata=meta("settings"), data={"LOG_LEVEL": level}, opts=child
    )
    variables = {"config_map_ref": {"name": settings.metadata.name}}
    secret = {"password": pulumi.Output.secret("hunter2")}
    kubernetes.core.v1.Secret("secret", metadata=meta("database"), string_data=secret, opts=child)
    labels = {"app": "api"}
    kubernetes.apps.v1.Deployment(
        "api",
        metadata=meta("api"),
        spec={
            "replicas": replicas,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "api", "image": "api:1", "env_from": [variables]}]},
            },
        },
        opts=child,
    )
    service = kubernetes.core.v1.Service(
        "proxy",
        metadata=meta("proxy"),
        spec={"type": "LoadBalancer", "ports": [{"port": 443}]},
        opts=child,
    )
    host = service.status.load_balancer.ingress[0].hostname
    cloudflare.DnsRecord("record", zone_id="z", name="pipe.dev", type="CNAME", content=host, ttl=1)
    cloudflare.ZoneSetting("setting", zone_id="z", setting_id="min_tls_version", value="1.2")
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    request = tls.CertRequest("request", private_key_pem=key.private_key_pem, dns_names=["pipe.dev"])
    certificate = cloudflare.OriginCaCertificate(
        "certificate",
        csr=request.cert_request_pem,
        hostnames=["pipe.dev"],
        request_type="origin-ecc",
        requested_validity=365,
    )
    datadog.Monitor(
        "monitor",
        name="HighErrorRate",
        type="query alert",
        message="@slack-pipe",
        query=f"min(last_5m):sum:errors{{service:{level}}} > 1",
        monitor_thresholds={"critical": "1"},
    )
    pulumi.export("host", host)
    pulumi.export("bucket", backup.arn)
    pulumi.export("certificate", certificate.certificate)
    pulumi.export("region", aws.get_region_output().region)


def test_a_stack_is_created_refreshed_and_destroyed_without_secrets_in_files(stack: Stack) -> None:
    planned = stack.run("preview", everything)
    assert planned.fault == "" and set(planned.ops.values()) == {"create"}

    created = stack.run("up", everything)
    assert created.fault == ""
    assert created.outputs["host"].endswith(".elb.ap-northeast-1.amazonaws.com")
    assert created.outputs["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert created.outputs["bucket"] == "arn:aws:s3:::pipe-backup"
    assert created.outputs["region"] == "ap-northeast-1"
    assert stack.run("preview", everything).ops == {}
    assert stack.run("refresh", everything).ops == {}
    assert stack.run("up", everything).ops == {}

    for file in filter(Path.is_file, stack.folder.rglob("*")):
        text = file.read_bytes()
        assert b"hunter2" not in text and b"PRIVATE KEY" not in text, file

    assert stack.run("destroy", everything).fault == ""
    assert stack.run("up", everything).fault == ""


def test_an_update_makes_the_changes_of_its_preview(stack: Stack) -> None:
    stack.run("up", everything)

    def new() -> None:
        everything(replicas=3, bucket="pipe-backup-2", level="debug")

    planned = stack.run("preview", new)
    assert planned.differences == {
        "api": {"spec.replicas": "update"},
        "backup": {"bucket": "update-replace"},
        "settings": {"data.LOG_LEVEL": "update-replace"},
        "monitor": {"query": "update"},
    }
    updated = stack.run("up", new)
    assert updated.fault == "" and updated.differences == planned.differences
    assert updated.ops["api"] == updated.ops["monitor"] == "update"
    assert updated.outputs["bucket"] == "arn:aws:s3:::pipe-backup-2"
    assert stack.run("preview", new).ops == {}


def test_two_regions_are_two_provider_instances(stack: Stack) -> None:
    def program() -> None:
        copies = aws.Provider("copies", region="ap-northeast-3")
        pulumi.export("here", aws.kms.Key("here").arn)
        pulumi.export("there", aws.kms.Key("there", opts=pulumi.ResourceOptions(provider=copies)).arn)

    arns = stack.run("up", program).outputs
    assert ":ap-northeast-1:" in arns["here"] and ":ap-northeast-3:" in arns["there"]


def test_an_invalid_input_stops_the_preview(stack: Stack) -> None:
    fault = stack.run("preview", lambda: vpc(cast(Any, 16))).fault
    problem = "cidrBlock: 16, a number; a string is required"
    assert f"aws:ec2/vpc:Vpc resource 'slow' has a problem: {problem}" in fault


def test_an_invalid_object_stops_the_preview(stack: Stack) -> None:
    def program() -> None:
        kubernetes.core.v1.Namespace("namespace", metadata={"name": "Pipe"})

    fault = stack.run("preview", program).fault
    assert (
        'has a problem: metadata.name: "Pipe", a string, is not a valid name; a-z, 0-9, - and . are allowed'
        in fault
    )


def test_a_setting_that_a_provider_lacks_is_refused(stack: Stack) -> None:
    stack.config(regoin="ap-northeast-1")
    fault = stack.run("preview", vpc).fault
    assert "regoin: there is no such setting of the provider; closest: region; allowed: " in fault
