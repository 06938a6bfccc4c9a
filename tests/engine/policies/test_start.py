"""Other ways to run the pack: as a directory, with other programs, and without the engine."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pulumi_aws as aws
import pulumi_datadog as datadog
import pulumi_kubernetes as kubernetes
import pytest
import yaml
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2_grpc

from policies.engine.catalog import RULES
from tests.support.policies.engine import ROOT, Engine, providers

PACK = ROOT / "policies"
SHIM = "pulumi-analyzer-policy-python"
"""The launcher for Python packs, which the Pulumi distribution installs next to its CLI."""


@pytest.fixture(scope="module")
def attached() -> Iterator[str]:
    with providers() as addresses:
        yield addresses


@pytest.fixture
def foreign(tmp_path: Path, attached: str) -> Engine:
    """A project and a stack that do not belong to this repository."""
    return Engine(tmp_path, attached, stack="live", project="shop")


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the launcher, which runs Python in the folder of the pack, on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    launcher = folder / SHIM
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def shop() -> None:
    """Declare the resources of a shop, with none of the names in this repository."""
    aws.s3.Bucket("photos")
    labels = {"app": "web"}
    kubernetes.apps.v1.Deployment(
        "web",
        spec={
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {"name": "web", "image": "nginx", "ports": [{"container_port": 80}]},
                    ],
                },
            },
        },
    )
    datadog.Monitor(
        "slow",
        name="Shop is slow",
        type="metric alert",
        query="avg(last_5m):avg:shop.latency{*} > 2",
        message="Look at the shop. @slack-shop",
    )


EXPECTED = {
    "s3-encryption-missing": "the bucket is without encryption; "
    "add an aws.s3.BucketServerSideEncryptionConfiguration",
    "workload-image-latest": "spec.template.spec.containers[0].image is 'nginx'; "
    "set it to an image with a version or digest, such as name:1.4.2 or name@sha256:…",
    "workload-memory-limit-missing": "spec.template.spec.containers[0].resources.limits.memory is not set; "
    "set it to a quantity above zero, such as 512Mi",
    "pod-security-privilege-escalation": "spec.template.spec.containers[0].securityContext"
    ".allowPrivilegeEscalation is not set; set it to false",
    "alert-without-runbook": "message is without a runbook; add a link that matches https://\\S+",
}


def test_the_pack_checks_a_program_that_has_no_name_of_ours(foreign: Engine) -> None:
    run = foreign.run(shop)
    assert run.failed
    assert {policy: run.of(policy)[0].partition("\n")[0] for policy in EXPECTED} == EXPECTED
    assert run.of("policy-rule-crashed") == run.of("policy-waiver-invalid") == []
    for violation in run.violations:
        assert "live::shop::" in violation["urn"]
        assert "pipe" not in violation["message"], violation["policy"]


def test_a_foreign_program_comes_up_when_the_pack_only_advises(foreign: Engine) -> None:
    run = foreign.run(shop, "up", config={"all": "advisory"})
    assert not run.failed, run.text
    assert {violation["level"] for violation in run.violations} == {"advisory"}


@pytest.mark.usefixtures("shim")
def test_the_engine_starts_the_pack_as_a_directory(foreign: Engine) -> None:
    run = foreign.run(shop, policy_packs=[str(PACK)])
    assert run.of("workload-image-latest"), run.text


@pytest.mark.usefixtures("shim")
def test_another_repository_uses_the_installed_pack_with_two_lines(
    foreign: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"  # a build writes into its folder
    shutil.copytree(PACK, source / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "eks_versions.py"):
        shutil.copy(ROOT / name, source)
    build = ("-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "-w", str(tmp_path), ".")
    subprocess.run((sys.executable, *build), cwd=source, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    page = (ROOT / "docs" / "policies" / "README.md").read_text()
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in program.splitlines() if line]) == 2
    pack = tmp_path / "policy"
    pack.mkdir()
    (pack / "__main__.py").write_text(program)
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    waived = {"policies": ["workload-image-latest"], "targets": ["urn:pulumi:live::shop::*::web"]}
    texts = {"reason": "a demonstration", "owner": "shop", "ticket": "SHOP-1"}
    expires = date.today() + timedelta(days=30)
    (pack / "waivers.yaml").write_text(yaml.safe_dump([{**texts, "expires": expires, "match": [waived]}]))

    run = foreign.run(shop, policy_packs=[str(pack)])
    assert run.failed
    expected = {policy: text for policy, text in EXPECTED.items() if policy != "workload-image-latest"}
    assert {policy: run.of(policy)[0].partition("\n")[0] for policy in expected} == expected
    assert run.of("policy-rule-crashed") == run.of("policy-waiver-invalid") == []
    assert "waived" in run.of("workload-image-latest")[0]


def test_the_project_file_says_how_to_start_it() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["runtime"]["name"] == "python"
    # Otherwise, the presence of a uv.lock would make the engine install other packages.
    assert project["runtime"]["options"]["toolchain"] == "pip"
    # `make` creates the virtual environment here.
    environment = (PACK / project["runtime"]["options"]["virtualenv"]).resolve()
    assert f"VENV := {environment.relative_to(ROOT)}\n" in (ROOT / "Makefile").read_text()


def test_no_module_of_the_pack_shadows_a_module_of_python() -> None:
    # If Python runs a directory, it looks for modules in that directory first.
    names = {entry.stem for entry in PACK.iterdir() if entry.suffix == ".py" or entry.is_dir()}
    assert names & sys.stdlib_module_names - {"__main__"} == set()


@contextmanager
def started(*command: str, folder: Path) -> Generator[int]:
    """Start a pack without the engine, and yield its port."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "folder"), [((str(PACK),), Path("/")), (("-m", "policies"), ROOT), (("__main__.py",), PACK)]
)
def test_python_starts_the_pack_which_prints_its_port_and_policies(
    arguments: tuple[str, ...], folder: Path
) -> None:
    with (
        started(sys.executable, "-u", *arguments, folder=folder) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        client: Any = analyzer_pb2_grpc.AnalyzerStub(channel)
        info = client.GetAnalyzerInfo(Empty(), timeout=60)
    assert info.name == "pipe"
    assert {rule.name for rule in RULES} <= {policy.name for policy in info.policies}
