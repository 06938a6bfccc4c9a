"""Tests of every stack on the real engine, and of faults that stop the program."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.summary import waiver_match
from sandbox.workspace import state
from tests.support.sandbox.fidelity import rows
from tests.support.stacks import Stack, copy

STACKS = ["dev", "stg", "prod", "foundation/dev", "foundation/shared"]

PREVIEWED = ["foundation/stg", "foundation/prod"]
"""Stacks that this file only previews: their lives are in tests/drills/sandbox/test_life.py."""

RunningStack = Callable[[str], tuple[Stack, str]]
PreviewedStack = Callable[[str], Stack]

BEFORE_ANYTHING_EXISTS = (
    "s3-policy-any-principal",
    "s3-policy-lockout",
    "tls-bucket-policy-missing-denial",
    "tls-nginx-old-version",
)
"""Rules that read only values that are known from the settings, before any resource exists."""


@pytest.fixture(scope="module")
def previewed_stack(tmp_path_factory: pytest.TempPathFactory) -> PreviewedStack:
    """Provide stacks with a preview whose ledger stays in ledger.jsonl, each previewed only once."""

    @cache
    def make(name: str) -> Stack:
        stack = copy(tmp_path_factory.mktemp(name.replace("/", "-")), name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIPE_POLICY_LEDGER", str(stack.root / "ledger.jsonl"))
            code, output = stack.run("preview")
        assert code == 0, output
        return stack

    return make


@pytest.fixture(scope="module")
def running_stack(previewed_stack: PreviewedStack) -> RunningStack:
    """Provide running stacks with the output of `up`, each started only once for all tests of this file.

    A preview precedes `up`, as in every `up` without --skip-preview.
    """
    stacks: dict[str, tuple[Stack, str]] = {}

    def make(name: str) -> tuple[Stack, str]:
        if name not in stacks:
            stack = previewed_stack(name)
            code, output = stack.run("up", "--skip-preview")
            assert code == 0, output
            (stack.root / "summary-of-first-up.json").write_text(json.dumps(stack.summary()))
            stacks[name] = stack, output
        return stacks[name]

    return make


def first_summary(stack: Stack) -> dict[str, Any]:
    return json.loads((stack.root / "summary-of-first-up.json").read_text())


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_comes_up_without_an_unwaived_violation(running_stack: RunningStack, name: str) -> None:
    stack, output = running_stack(name)
    summary = first_summary(stack)
    assert summary["changes"]["create"] > 50
    assert [violation for violation in summary["violations"] if not waiver_match(violation)] == []
    assert f"up of {name} succeeded" in output


def ledger(stack: Stack) -> list[dict[str, Any]]:
    """Return the rows of the first preview's ledger."""
    head, *rows = (json.loads(line) for line in (stack.root / "ledger.jsonl").read_text().splitlines())
    assert head["run"] == "complete"
    return rows


@pytest.mark.parametrize("name", [*STACKS, *PREVIEWED])
def test_the_first_preview_has_no_violation_without_a_waiver(
    previewed_stack: PreviewedStack, name: str
) -> None:
    rows = ledger(previewed_stack(name))
    assert [f"{row['policy']}: {row['urn']}" for row in rows if row["verdict"] == "violation"] == []


@pytest.mark.parametrize("name", [*STACKS, *PREVIEWED])
def test_policies_and_configuration_files_are_checked_before_anything_exists(
    previewed_stack: PreviewedStack, name: str
) -> None:
    rows = ledger(previewed_stack(name))
    for policy in BEFORE_ANYTHING_EXISTS:
        verdicts = {row["verdict"] for row in rows if row["policy"] == policy}
        assert verdicts <= {"pass", "not applicable"}, policy
        assert "pass" in verdicts or (name.startswith("foundation/") and policy == "tls-nginx-old-version")


@pytest.mark.parametrize("name", STACKS)
def test_a_second_up_changes_nothing(running_stack: RunningStack, name: str) -> None:
    stack, _ = running_stack(name)
    code, output = stack.run("up", "--skip-preview")
    assert code == 0, output
    assert set(stack.summary()["changes"]) == {"same"}
    assert "Changes: 0 (" in output


def test_a_changed_setting_changes_its_objects_in_place(running_stack: RunningStack) -> None:
    stack, _ = running_stack("dev")
    file = stack.root / "Pulumi.dev.yaml"
    before = file.read_text()
    stack.change("api", "logLevel", value="warning")
    code, output = stack.run("preview")
    file.write_text(before)
    changes = stack.summary()["changes"]
    assert code == 0, output
    assert set(changes) == {"same", "update"}
    assert changes["update"] == 2  # The ConfigMap, and the Deployment with its checksum.


def test_the_fidelity_table_has_every_type_of_the_program(
    running_stack: RunningStack, previewed_stack: PreviewedStack
) -> None:
    used = {
        resource["type"] for name in STACKS for resource in first_summary(running_stack(name)[0])["resources"]
    }
    urns = [row["urn"] for name in PREVIEWED for row in ledger(previewed_stack(name))]
    used |= {urn.split("::")[2].rpartition("$")[2] for urn in urns}
    of_providers = {kind for kind in used if not kind.startswith(("pipe:", "pulumi:"))}
    missing = of_providers - set(rows())
    assert not missing, f"docs/fidelity.md does not describe the checks of {sorted(missing)}"


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
def test_each_row_of_the_deployment_guide_has_its_resource(running_stack: RunningStack, row: str) -> None:
    resources = first_summary(running_stack("prod")[0])["resources"]
    assert GUIDE[row] in {(resource["type"], resource["urn"].rpartition("::")[2]) for resource in resources}


def no_memory_limit(stack: Stack) -> None:
    stack.edit(
        "components/kubernetes/pods.py",
        '"memory": settings.memory_limit',
        '"x-memory": settings.memory_limit',
    )


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


VIOLATIONS: dict[str, tuple[Callable[[Stack], None], list[str]]] = {
    "no memory limit": (no_memory_limit, ["workload-memory-limit-missing", "limits.memory", "api"]),
    "no HighErrorRate": (no_error_rate_monitor, ["alert-required-monitor-missing", "HighErrorRate"]),
    "port 22": (open_ssh, ["security-group-", "ssh", "22", "0.0.0.0/0"]),
}
"""Changes of the program, with the parts of the mandatory violation that each one causes."""


def test_wrong_settings_stop_up_before_any_change(tmp_path: Path) -> None:
    stack = copy(tmp_path, "dev")
    stack.change("edge", "zone", "minTls", value="1.1")
    stack.change("api", "image", value="pipe/api:latest")
    code, output = stack.run("up")
    assert code == 1, output
    named = ("2 faults", "pipe:edge.zone.minTls", '"1.1"', "1.2", "pipe:api.image", "pipe/api:latest")
    assert [text for text in (*named, "pulumi config set") if text not in output] == [], output
    assert state.read(stack.located, "resources") == []


def test_each_weakness_of_the_program_is_mandatory_and_stops_up_before_any_change(tmp_path: Path) -> None:
    stack = copy(tmp_path, "dev")
    for weaken, _ in VIOLATIONS.values():
        weaken(stack)
    code, output = stack.run("up")
    assert code == 1, output
    mandatory = [
        str(violation) for violation in stack.summary()["violations"] if violation["level"] == "mandatory"
    ]
    for fault, (_, named) in VIOLATIONS.items():
        assert any(all(text in violation for text in named) for violation in mandatory), (fault, output)
        assert [text for text in named if text not in output] == [], output
    assert state.read(stack.located, "resources") == []


def test_no_secret_of_the_program_is_in_state_logs_events_or_summary(running_stack: RunningStack) -> None:
    stack, output = running_stack("dev")
    secrets = stack.secrets().values()
    assert len(secrets) == 5
    assert stack.files_with(*secrets) == set()
    assert not [secret for secret in secrets if secret in output]
