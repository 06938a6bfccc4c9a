"""All stacks on the real engine, and what stops them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import workspace
from sandbox.summary import WAIVED
from tests.support.sandbox.fidelity import rows
from tests.support.stacks import Stack, copy

STACKS = ["dev", "stg", "prod", "foundation"]

Made = Callable[[str], tuple[Stack, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A stack that is up, made once for all tests of this file; and what the command said."""
    stacks: dict[str, tuple[Stack, str]] = {}

    def make(name: str) -> tuple[Stack, str]:
        if name not in stacks:
            stack = copy(tmp_path_factory.mktemp(name), name)
            code, said = stack.run("up")
            assert code == 0, said
            (stack.root / "summary-of-first-up.json").write_text(json.dumps(stack.summary()))
            stacks[name] = stack, said
        return stacks[name]

    return make


def first_summary(stack: Stack) -> dict[str, Any]:
    return json.loads((stack.root / "summary-of-first-up.json").read_text())


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_comes_up_without_a_violation_that_nobody_has_waived(made: Made, name: str) -> None:
    stack, said = made(name)
    summary = first_summary(stack)
    assert summary["changes"]["create"] > 80
    assert [each for each in summary["violations"] if not WAIVED.search(each["message"])] == []
    assert f"up of {name} succeeded" in said


@pytest.mark.parametrize("name", STACKS)
def test_a_second_up_changes_nothing(made: Made, name: str) -> None:
    stack, _ = made(name)
    code, said = stack.run("up")
    assert code == 0, said
    assert set(stack.summary()["changes"]) == {"same"}
    assert "Changes: 0 (" in said


def test_a_changed_setting_changes_its_objects_in_place(made: Made) -> None:
    stack, _ = made("dev")
    file = stack.root / "Pulumi.dev.yaml"
    before = file.read_text()
    stack.change("api", "logLevel", value="warning")
    code, said = stack.run("preview")
    file.write_text(before)
    changes = stack.summary()["changes"]
    assert code == 0, said
    assert set(changes) == {"same", "update"}
    assert changes["update"] == 2  # the ConfigMap, and the Deployment whose checksum rolls its pods


def test_the_fidelity_table_has_every_type_that_the_program_uses(made: Made) -> None:
    used = {each["type"] for name in STACKS for each in first_summary(made(name)[0])["resources"]}
    of_providers = {kind for kind in used if not kind.startswith(("pipe:", "pulumi:"))}
    missing = of_providers - set(rows())
    assert not missing, f"docs/sandbox.md says nothing of {sorted(missing)}: who checks them, and what not?"


GUIDE: dict[str, tuple[str, str]] = {
    "pipe.dev: the stack's host": ("cloudflare:index/dnsRecord:DnsRecord", "edge"),
    "AWS: the network": ("aws:ec2/vpc:Vpc", "network"),
    "AWS: the cluster": ("aws:eks/cluster:Cluster", "cluster"),
    "CDN: cached content": ("cloudflare:index/ruleset:Ruleset", "edge-http-request-cache-settings"),
    "CDN: TLS 1.2 at least": ("cloudflare:index/zoneSetting:ZoneSetting", "edge-min-tls-version"),
    "Deployment pipe-api": ("kubernetes:apps/v1:Deployment", "api"),
    "frontend: its record": ("cloudflare:index/dnsRecord:DnsRecord", "edge-frontend"),
    "npm run migrate:prod": ("kubernetes:batch/v1:Job", "data-jobs-migrate"),
    "HighErrorRate": ("datadog:index/monitor:Monitor", "HighErrorRate"),
    "response time": ("datadog:index/monitor:Monitor", "HighResponseTime"),
    "CPU": ("datadog:index/monitor:Monitor", "HighCpu"),
    "memory": ("datadog:index/monitor:Monitor", "HighMemory"),
    "dashboard": ("datadog:index/dashboardJson:DashboardJson", "monitoring"),
    "SLO": ("datadog:index/serviceLevelObjective:ServiceLevelObjective", "availability"),
    "nginx: the TLS proxy": ("kubernetes:apps/v1:Deployment", "tls-proxy"),
    "443 from everywhere": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "security-groups-https-from-0.0.0.0-0",
    ),
    "s3://pipe-backup": ("aws:s3/bucket:Bucket", "backups"),
    "latest.dump: the backup job": ("kubernetes:batch/v1:CronJob", "data-jobs-backup"),
    "pipe_db": ("aws:rds/instance:Instance", "database"),
}


@pytest.mark.parametrize("row", GUIDE)
def test_each_row_of_the_deployment_guide_has_its_resource(made: Made, row: str) -> None:
    resources = first_summary(made("prod")[0])["resources"]
    assert GUIDE[row] in {(each["type"], each["urn"].rpartition("::")[2]) for each in resources}


def low_tls(stack: Stack) -> None:
    stack.change("edge", "zone", "minTls", value="1.1")


def no_memory_limit(stack: Stack) -> None:
    stack.edit(
        "components/kubernetes/pods.py",
        '"memory": settings.memory_limit',
        '"x-memory": settings.memory_limit',
    )


def latest_image(stack: Stack) -> None:
    stack.change("api", "image", value="pipe/api:latest")


def no_error_rate_monitor(stack: Stack) -> None:
    stack.edit("components/datadog/alert_catalog.py", "HighErrorRate", "LowErrorRate")


def open_ssh(stack: Stack) -> None:
    stack.edit(
        "components/aws/security_groups.py",
        "load_balancer = aws.ec2",
        "aws.vpc.SecurityGroupIngressRule('ssh', security_group_id='sg-0a1b2c3d', ip_protocol='tcp',"
        " from_port=22, to_port=22, cidr_ipv4='0.0.0.0/0', description='SSH', opts=child)\n"
        "        load_balancer = aws.ec2",
    )


FAULTS: dict[str, tuple[Callable[[Stack], None], list[str]]] = {
    "TLS 1.1": (low_tls, ["pipe:edge.zone.minTls", '"1.1"', "1.2", "pulumi config set"]),
    "no memory limit": (no_memory_limit, ["workload-memory-limit-missing", "limits.memory", "api"]),
    "latest": (latest_image, ["pipe:api.image", "pipe/api:latest", "pulumi config set"]),
    "no HighErrorRate": (no_error_rate_monitor, ["alert-required-monitor-missing", "HighErrorRate"]),
    "port 22": (open_ssh, ["ssh", "22", "0.0.0.0/0"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_weakness_stops_up_before_anything_is_applied(tmp_path: Path, fault: str) -> None:
    weaken, named = FAULTS[fault]
    stack = copy(tmp_path, "dev")
    weaken(stack)
    code, said = stack.run("up")
    assert code == 1, said
    assert [word for word in named if word not in said] == [], said
    assert workspace.state(workspace.find_stack(stack.root, "dev"), "resources") == []


def test_no_secret_of_the_program_is_in_state_logs_events_or_summary(made: Made) -> None:
    stack, said = made("dev")
    secrets = stack.secrets().values()
    assert len(secrets) == 6
    assert stack.files_with(*secrets) == set()
    assert not [secret for secret in secrets if secret in said]
