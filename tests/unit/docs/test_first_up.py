"""Tests that the documents about a first `up` on real accounts agree with stack files and program."""

import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from components.settings.load import load_file
from operations.preflight.aws.quotas import RUNNER_QUOTAS
from operations.preflight.demand import RUNNER_BUILDS
from tests.support.foundation.fixtures import evaluate_foundation
from tools.documents import generate_docs

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
TOKENS = (ROOT / "docs" / "tokens.md").read_text()
FILES = [*sorted(ROOT.glob("Pulumi.*.yaml")), *sorted(ROOT.glob("foundation/Pulumi.*.yaml"))]
placeholders_only = pytest.mark.skipif(
    "123456789012" not in FILES[0].read_text(), reason="The stack files are those of real accounts."
)


def section(start: str, end: str) -> str:
    """Return the part of the README between two markers."""
    return README.partition(start)[2].partition(end)[0]


PLACEHOLDERS = section("**Placeholders.**", "**Quotas.**")
QUOTAS = section("**Quotas.**", "**The first time**")
STEPS = section("**The first time**", "### GitHub")


def scalars(value: Any) -> list[str]:
    """Return all strings in a stack file's value."""
    if isinstance(value, dict):
        return scalars(list(cast(dict[str, Any], value).values()))
    if isinstance(value, list):
        return [text for item in cast(list[Any], value) for text in scalars(item)]
    return [str(value)]


TEXTS = [text for file in FILES for text in scalars(yaml.safe_load(file.read_text())["config"])]


def listed() -> list[str]:
    """Return the placeholders in the README's table, without quotation marks and ellipses."""
    cells = [row.split("|")[1] for row in PLACEHOLDERS.splitlines() if row.startswith("| `")]
    return [name.strip('"').rstrip("…") for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@placeholders_only
def test_every_listed_placeholder_is_in_a_stack_file() -> None:
    assert len(listed()) > 10
    assert [name for name in listed() if not any(name in text for text in TEXTS)] == []


@placeholders_only
@pytest.mark.parametrize(
    "kind",
    [
        r"\b[0-9]{12}\b",
        r"^[0-9]{6}$",
        r"[0-9a-f]{8}-[0-9a-f-]{27}",
        r"sha256:[0-9a-f]{64}",
        r"^pipe-dev/[a-z]+$",
        r"(?:user|group)/\w+$",
        r"^pipe-backup[a-z-]*$",
        r"^(?:[a-z-]+\.)?pipe\.dev$",
        r"^@[a-z]+-pipe\S*",
    ],
)
def test_every_value_of_an_account_is_a_listed_placeholder(kind: str) -> None:
    values = {match for text in TEXTS for match in re.findall(kind, text)}
    assert values
    assert {value for value in values if not any(name in value for name in listed())} == set()


def test_the_quotas_are_the_needs_of_each_stack() -> None:
    stacks = [load_file(ROOT / f"Pulumi.{stack}.yaml").settings for stack in ("dev", "stg", "prod")]
    addresses = [
        len(stack.network.subnets.public) if stack.network.nat_gateways == "each-zone" else 1
        for stack in stacks
    ]
    cores = [int(stack.namespace.quota_cpu) for stack in stacks]
    rows = {row.split("|")[2].strip(): row.split("|")[4:7] for row in QUOTAS.splitlines() if "| L-" in row}
    assert [int(need) for need in rows["L-0263D0A3"]] == addresses
    assert [int(need) for need in rows["L-1216C47A"]] == cores
    for compute, (_, code) in RUNNER_QUOTAS.items():
        builds = [RUNNER_BUILDS * (stack.ci_runner.compute == compute) for stack in stacks]
        assert [int(need) for need in rows.get(code, ["0"] * 3)] == builds


def test_a_token_is_listed_for_every_kind_of_resource() -> None:
    types = {resource.type for resource in generate_docs.evaluate_program("prod")}
    declared = {typ for typ in types if typ.startswith(("cloudflare:", "datadog:"))}
    assert len(declared) > 8
    assert {typ for typ in declared if f"`{typ}`" not in TOKENS} == set()


def test_every_phase_of_a_ruleset_has_its_permission() -> None:
    ruleset = "cloudflare:index/ruleset:Ruleset"
    phases = {
        str(item.inputs["phase"]) for item in generate_docs.evaluate_program("prod") if item.type == ruleset
    }
    assert phases == set(re.findall(r"`(http_\w+)`", TOKENS))


def test_the_readme_links_to_the_tokens_and_explains_the_first_access_to_the_cluster() -> None:
    assert "(docs/tokens.md)" in README
    step = STEPS.partition("\n4. ")[2].partition("\n5. ")[0]
    assert "`pipe:cluster.operators`" in step and "first `up`" in step
    assert "https://checkip.amazonaws.com" in step


def test_imported_records_have_the_names_of_the_program() -> None:
    record = "cloudflare:index/dnsRecord:DnsRecord"
    records = {item.name for item in generate_docs.evaluate_program("prod") if item.type == record}
    assert records.issuperset(re.findall(rf"pulumi import {record} (\S+) ", STEPS))
    assert {"edge", "edge-frontend"} <= records and any(name.startswith("edge-caa-") for name in records)


def test_imports_into_the_foundation_have_the_names_of_its_resources() -> None:
    foundation = evaluate_foundation("prod")
    for page in (ROOT / "docs" / "accounts.md", ROOT / "docs" / "ja" / "accounts.md"):
        imports = re.findall(r"^pulumi --cwd foundation import (\S+) (\S+) ", page.read_text(), re.M)
        assert len(imports) == 2
        assert [name for kind, name in imports if name not in foundation.of_type(kind)] == []


@pytest.mark.parametrize("page", ["docs/accounts.md", "docs/ja/accounts.md"])
def test_each_resource_of_which_an_account_has_only_one_has_a_remedy(page: str) -> None:
    foundation = evaluate_foundation("prod")
    remedies = {
        "aws:accessanalyzer/analyzer:Analyzer": "aws accessanalyzer delete-analyzer ",
        "aws:costexplorer/anomalyMonitor:AnomalyMonitor": "`anomalies.monitorArn`",
        "aws:guardduty/detector:Detector": "`guardDuty.enabled`",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "token.actions.githubusercontent.com already",
    }
    text = (ROOT / page).read_text()
    assert {kind: len(foundation.of_type(kind)) for kind in remedies} == dict.fromkeys(remedies, 1)
    assert [remedy for remedy in remedies.values() if remedy not in text] == []


def test_an_operators_checkout_has_the_deployed_image_and_no_branch() -> None:
    """Check that no page names deployed/*, which point to the commit before that of the image (deploy.py)."""
    for page in (ROOT / "docs" / "break-glass.md", ROOT / "docs" / "ja" / "break-glass.md"):
        assert re.findall(r"^git switch (.+)$", page.read_text(), re.M) == ["--detach origin/main"]


def test_the_zone_is_signed_before_the_registrar_gets_its_record() -> None:
    step = STEPS.partition("9. **DNSSEC**")[2]
    assert step.index("dnssec` to true") < step.index("dsRecord") < step.index("to the registrar")
    assert "off the internet" not in (ROOT / "policies" / "waivers.yaml").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/ja/README.md"])
def test_every_preview_and_up_of_the_first_time_enforces_the_policies(page: str) -> None:
    commands = re.findall(r"^ +(pulumi .*\b(?:preview|up)\b.*)$", (ROOT / page).read_text(), re.M)
    assert len(commands) == 3
    for command in commands:
        options = dict(re.findall(r"--(cwd|policy-pack|policy-pack-config) (\S+)", command))
        # Pulumi changes the directory first, so the path of the pack is relative to it.
        folder = ROOT / options.get("cwd", "")
        assert (folder / options["policy-pack"]).resolve() == ROOT / "policies", command
        levels = ROOT / "policies" / "config" / folder.relative_to(ROOT)
        assert (folder / options["policy-pack-config"]).resolve() in levels.glob("*.json"), command
