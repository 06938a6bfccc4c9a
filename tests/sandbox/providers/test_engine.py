"""The providers under the real engine: the life of a stack."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from tests.sandbox.providers.killed import CREATED, vpc
from tests.sandbox.providers.resources import RIGHTS, TRUST
from tests.sandbox.providers.stack import Stack

ROOT = Path(__file__).parents[3]

# Without their types: five SDKs in one file are more than the type checker has memory for.
aws, cloudflare, datadog, kubernetes, tls = (
    cast(Any, importlib.import_module(f"pulumi_{name}"))
    for name in ("aws", "cloudflare", "datadog", "kubernetes", "tls")
)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    made = Stack(tmp_path)
    made.config(region="ap-northeast-1")
    return made


def records(stack: Stack, package: str) -> dict[str, dict[str, Any]]:
    """What a target holds, by logical name."""
    found = json.loads((stack.targets / f"{package}.json").read_text())["records"]
    return {record["urn"].rpartition("::")[2]: record for record in found.values()}


def change(stack: Stack, package: str, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Somebody changes a resource in a target by hand."""
    file = stack.targets / f"{package}.json"
    data = json.loads(file.read_text())
    for record in data["records"].values():
        if record["urn"].endswith(f"::{name}"):
            edit(record["inputs"])
    file.write_text(json.dumps(data))


def everything(replicas: int = 2, bucket: str = "pipe-backup", level: str = "info") -> None:
    """Something of every package, with what depends on outputs."""
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


def test_the_life_of_a_stack(stack: Stack) -> None:
    planned = stack.run("preview", everything)
    assert planned.fault == "" and set(planned.ops.values()) == {"create"}

    made = stack.run("up", everything)
    assert made.fault == ""
    assert made.outputs["host"].endswith(".elb.ap-northeast-1.amazonaws.com")
    assert made.outputs["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert (made.outputs["bucket"], made.outputs["region"]) == ("arn:aws:s3:::pipe-backup", "ap-northeast-1")
    assert stack.run("preview", everything).ops == {}
    assert stack.run("refresh", everything).ops == {}
    assert stack.run("up", everything).ops == {}

    assert {file.stat().st_mode & 0o777 for file in stack.targets.iterdir()} == {0o600}
    for file in filter(Path.is_file, stack.folder.rglob("*")):
        text = file.read_bytes()
        assert b"hunter2" not in text and b"PRIVATE KEY" not in text, file

    assert stack.run("destroy", everything).fault == ""
    left = {
        name for package in ("aws", "kubernetes", "cloudflare", "datadog") for name in records(stack, package)
    }
    assert left == {"setting"}
    assert stack.run("up", everything).fault == ""


def test_changes_are_made_as_they_were_announced(stack: Stack) -> None:
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
    before = records(stack, "aws"), records(stack, "datadog")
    made = stack.run("up", new)
    assert made.fault == "" and made.differences == planned.differences
    assert made.ops["api"] == made.ops["monitor"] == "update"
    after = records(stack, "aws"), records(stack, "datadog")
    assert after[1]["monitor"]["id"] == before[1]["monitor"]["id"]
    assert (before[0]["backup"]["id"], after[0]["backup"]["id"]) == ("pipe-backup", "pipe-backup-2")
    assert records(stack, "kubernetes")["settings"]["inputs"]["data"] == {"LOG_LEVEL": "debug"}
    assert stack.run("preview", new).ops == {}


def test_a_change_by_hand_is_found_and_repaired(stack: Stack) -> None:
    stack.run("up", everything)
    change(stack, "aws", "network", lambda inputs: inputs["tags"].update(Name="by hand"))
    change(stack, "kubernetes", "api", lambda inputs: inputs["spec"].update(replicas=9, paused=True))
    assert stack.run("preview", everything).ops == {}
    found = stack.run("refresh", everything)
    assert found.ops == {"network": "update", "api": "update"}
    repaired = stack.run("up", everything)
    assert repaired.differences == {
        "network": {"tags.Name": "update"},
        "api": {"spec.replicas": "update"},
    }
    assert records(stack, "aws")["network"]["inputs"]["tags"] == {"Name": "pipe"}


def test_what_was_deleted_by_hand_is_made_again(stack: Stack) -> None:
    stack.run("up", vpc)
    first = records(stack, "aws")["slow"]["id"]
    (stack.targets / "aws.json").unlink()
    assert stack.run("refresh", vpc).ops == {"slow": "delete"}
    stack.run("up", vpc)
    assert records(stack, "aws")["slow"]["id"] == first  # the file, and with it the count of ids, is new


def test_two_regions_are_two_provider_instances(stack: Stack) -> None:
    def program() -> None:
        copies = aws.Provider("copies", region="ap-northeast-3")
        aws.kms.Key("here")
        aws.kms.Key("there", opts=pulumi.ResourceOptions(provider=copies))

    assert stack.run("up", program).fault == ""
    arns = {name: record["computed"]["arn"] for name, record in records(stack, "aws").items()}
    assert ":ap-northeast-1:" in arns["here"] and ":ap-northeast-3:" in arns["there"]


def test_a_refused_input_stops_the_preview_and_names_itself(stack: Stack) -> None:
    said = stack.run("preview", lambda: vpc(cast(Any, 16))).fault
    assert (
        "aws:ec2/vpc:Vpc resource 'slow' has a problem: cidrBlock: 16, a number; a string is required" in said
    )


def test_a_refused_object_stops_the_preview_and_names_itself(stack: Stack) -> None:
    def program() -> None:
        kubernetes.core.v1.Namespace("namespace", metadata={"name": "Pipe"})

    said = stack.run("preview", program).fault
    assert 'has a problem: metadata.name: "Pipe", a string, is no name; a-z, 0-9, - and . are allowed' in said


def test_a_setting_that_a_provider_does_not_have_is_refused(stack: Stack) -> None:
    stack.config(regoin="ap-northeast-1")
    said = stack.run("preview", vpc).fault
    assert "regoin: there is no such setting of the provider; closest: region; allowed: " in said


def test_what_the_target_refuses_is_said_and_the_rest_is_kept(stack: Stack) -> None:
    def program() -> None:
        first = aws.s3.Bucket("first", bucket="pipe")
        aws.s3.Bucket("second", bucket="pipe", opts=pulumi.ResourceOptions(depends_on=[first]))

    said = stack.run("up", program).fault
    assert "BucketAlreadyOwnedByYou: the bucket pipe exists already, and you own it" in said
    assert list(records(stack, "aws")) == ["first"]


@pytest.mark.parametrize("changed", [False, True])
def test_what_a_killed_run_created_is_adopted(stack: Stack, changed: bool) -> None:
    words = [sys.executable, "-m", "tests.sandbox.providers.killed", str(stack.folder)]
    process = subprocess.Popen(words, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not (stack.folder / CREATED).exists():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    orphan = records(stack, "aws")["slow"]["id"]

    def program() -> None:
        vpc(**({"team": "platform"} if changed else {}))

    stack.run("cancel", program)
    assert stack.run("up", program).fault == ""
    found = json.loads((stack.targets / "aws.json").read_text())["records"]
    assert [record["id"] for record in found.values()] == [orphan]
    assert records(stack, "aws")["slow"]["inputs"].get("tags", {}) == (
        {"team": "platform"} if changed else {}
    )
    assert stack.run("refresh", program).ops == {}


def test_replacing_something_does_not_adopt_what_is_replaced(stack: Stack) -> None:
    stack.run("up", vpc)
    first = records(stack, "aws")["slow"]
    assert stack.run("up", lambda: vpc("10.1.0.0/16")).fault == ""
    second = records(stack, "aws")["slow"]
    assert second["id"] != first["id"]
    assert stack.run("up", lambda: vpc("10.1.0.0/16"), replace=[first["urn"]]).fault == ""
    assert stack.run("refresh", lambda: vpc("10.1.0.0/16")).ops == {}
    assert list(records(stack, "aws")) == ["slow"]
