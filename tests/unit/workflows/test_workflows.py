"""Tests of the workflows: linters, commands of steps, order, concurrency and versions."""

import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.delivery import checks
from operations.lib import health
from tests.support.rows import each_row
from tools import check_workflows

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: (?:[\w.-]+/)+[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
RUNNER = "codebuild-pipe-{}-runner-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}"
ALLOWED = re.compile(
    r"(?:sudo )?(?P<script>(?:\.ci|scripts)/[\w.]+)( \S+)*|make (?P<target>[a-z-]+)( \S+=.*)?"
    r"|(?:python3|\.venv/bin/python) -m (?P<module>(?:operations|tools)\.\w+)( \S+)*"
)
"""Pattern of the commands that a step may run."""


def load(name: str) -> dict[str, Any]:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    return yaml.load(text, yaml.BaseLoader)  # BaseLoader reads `on` as a string, not as a boolean.


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in FILES:
        for name, job in load(file.stem)["jobs"].items():
            yield file.stem, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, name, job in jobs():
        for step in job.get("steps", []):
            yield f"{file}/{name}", step


def number(component: str, name: str) -> int:
    """Return a numeric constant of a component, without an import, which would load whole SDKs."""
    match = re.search(rf"^{name} = (\d+)$", (ROOT / "components" / component).read_text(), re.MULTILINE)
    assert match
    return int(match[1])


TIMEOUT_MINUTES = number("aws/ci_runner.py", "TIMEOUT_MINUTES")
RUNS = [(where, step["run"]) for where, step in steps() if "run" in step]


def test_the_workflows_of_deployment_review_and_drift_exist() -> None:
    assert {file.stem for file in FILES} >= {"deploy", "preview", "review", "drift"}


def finds(command: list[str]) -> str:
    """Return the findings of a linter."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.drill
def test_actionlint_finds_nothing() -> None:
    assert finds(check_workflows.actionlint()) == ""


def test_zizmor_finds_nothing() -> None:
    assert finds(check_workflows.zizmor()) == ""


def test_each_waiver_of_a_linter_has_a_reason() -> None:
    """Accept a reason behind the waiver, or a comment in the line before."""
    waivers: list[tuple[str, str]] = []
    for file in [*FILES, ROOT / ".github" / "zizmor.yml"]:
        lines = ["", *file.read_text().splitlines()]
        waivers += [
            pair for pair in pairwise(lines) if "zizmor: ignore" in pair[1] or "disable: true" in pair[1]
        ]
    assert len(waivers) >= 6
    behind = re.compile(r".*(zizmor: ignore\[[\w-]+\]|disable: true #) \w.*")
    for before, waiver in waivers:
        assert behind.fullmatch(waiver) or before.strip().startswith("# "), waiver


@pytest.mark.parametrize(("actionlint", "zizmor", "code"), [(0, 0, 0), (1, 0, 1), (0, 14, 1)])
def test_the_check_runs_both_linters_and_fails_if_one_does(
    monkeypatch: pytest.MonkeyPatch, actionlint: int, zizmor: int, code: int
) -> None:
    monkeypatch.setattr(check_workflows, "actionlint", lambda: ["sh", "-c", f"exit {actionlint}"])
    monkeypatch.setattr(check_workflows, "zizmor", lambda: ["sh", "-c", f"exit {zizmor}"])
    assert check_workflows.main() == code


def test_every_action_is_pinned_by_a_commit_with_a_version_comment() -> None:
    for file in FILES:
        for line in file.read_text().splitlines():
            if "uses:" in line and "uses: ./" not in line:
                assert PINNED.search(line), f"{file.name}: {line}"


def test_an_action_has_one_commit_in_all_workflows() -> None:
    pins_by_action: dict[str, set[str]] = {}
    for file in FILES:
        for action, pin in re.findall(r"uses: (\S+?)@(\S+ # \S+)", file.read_text()):
            pins_by_action.setdefault(action, set()).add(pin)
    assert len(pins_by_action) >= 10
    assert {action: pins for action, pins in pins_by_action.items() if len(pins) > 1} == {}


@each_row(("where", "command"), RUNS, ids=[f"{where}: {run}" for where, run in RUNS])
def test_every_step_runs_a_task_or_a_tested_script(where: str, command: str) -> None:
    match = ALLOWED.fullmatch(command)
    assert match, command
    if target := match["target"]:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    script = ROOT / (match["script"] or match["module"].replace(".", "/") + ".py")
    assert script.exists()
    stem = script.stem
    package = "(?:operations|tools)"
    uses = rf'"{stem}(\.sh)?"|import {stem}\b|{package}\.{stem}\b|{package} import .*\b{stem}\b'
    tests = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert re.search(uses, tests)


@each_row(("where", "command"), RUNS, ids=[f"{where}: {run}" for where, run in RUNS])
def test_no_expression_is_inserted_into_a_command(where: str, command: str) -> None:
    assert "${{" not in command


def test_one_build_is_deployed_to_each_stack_in_order() -> None:
    stages = load("deploy")["jobs"]
    main = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert stages["packages"]["if"] == stages["sources"]["if"] == main  # All later jobs need these two.
    assert "environment" not in stages["build"]  # The role pipe-build trusts only the branch.
    before = ["test", "packages", "sources", "build"]
    assert stages["dev"]["needs"] == before
    assert stages["stg"]["needs"] == [*before, "dev"]
    assert stages["prod"]["needs"] == [*before, "stg"]
    assert set(stages["build"]["needs"]) == {"test", "packages", "image"}
    versions = {stages[stack]["with"]["version"] for stack in ("dev", "stg", "prod")}
    assert versions == {"${{ needs.build.outputs.version }}"}
    assert [stages[stack]["with"]["stack"] for stack in ("dev", "stg", "prod")] == ["dev", "stg", "prod"]


HANDOVER = re.compile(r"python3 -m tools\.handover (pack|unpack)(?:-file)? (\S+) (\S+)")


def test_the_sources_are_checked_out_once_for_all_stacks() -> None:
    stages = load("deploy")["jobs"]
    elsewhere = {
        where: step["with"]["repository"] for where, step in steps() if "repository" in step.get("with", {})
    }
    assert set(elsewhere) == {"deploy/sources"}
    for part in ("service", "frontend"):
        passed = {stages[stack]["with"][part] for stack in ("dev", "stg", "prod")}
        assert passed == {f"${{{{ needs.sources.outputs.{part} }}}}"}


def test_an_archive_is_unpacked_only_with_the_digest_of_the_job_that_packed_it() -> None:
    """Follow each digest from the step that unpacks, through inputs and outputs, to the step that packs."""
    packed: dict[str, str] = {}
    unpacked: list[tuple[str, str, str]] = []
    for where, step in steps():
        if match := HANDOVER.fullmatch(step.get("run", "")):
            action, name, _ = match.groups()
            if action == "pack":
                assert name not in packed
                packed[name] = f"{where}/{step['id']}"
            else:
                unpacked.append((where, name, step["env"]["DIGEST"]))
    assert {name for _, name, _ in unpacked} == set(packed)
    assert len(unpacked) >= 12
    for where, name, digest in unpacked:
        assert origins(where, digest) == {packed[name]}, (where, name)


def origins(where: str, expression: str) -> set[str]:
    """Return the steps, as workflow/job/step, whose output `digest` an expression gets."""
    file, job = where.split("/")
    match = re.fullmatch(
        r"\$\{\{ (inputs|needs\.(\w+)\.outputs|jobs\.(\w+)\.outputs)\.(\w+) \}\}", expression
    )
    if not match:
        step = re.fullmatch(r"\$\{\{ steps\.([\w-]+)\.outputs\.digest \}\}", expression)
        assert step, expression
        return {f"{where}/{step[1]}"}
    kind, needed, inner, name = match.groups()
    if kind == "inputs":
        callers = [
            (f"{caller}/{caller_job}", content["with"][name])
            for caller, caller_job, content in jobs()
            if content.get("uses", "").endswith(f"/{file}.yml")
        ]
        return set[str]().union(*(origins(caller, passed) for caller, passed in callers))
    other = load(file)["jobs"][needed or inner]
    if "uses" in other:
        called = Path(other["uses"]).stem
        return origins(f"{called}/{job}", load(called)["on"]["workflow_call"]["outputs"][name]["value"])
    return origins(f"{file}/{needed or inner}", other["outputs"][name])


def test_a_called_job_gets_its_environments_secrets() -> None:
    called = {(file, name): job for file, name, job in jobs() if "uses" in job}
    secrets = {f"{file}/{name}": job.get("secrets") for (file, name), job in called.items()}
    deploying = {f"deploy/{stack}": "inherit" for stack in ("dev", "stg", "prod")}
    packages = {f"{file}/packages": None for file in ("deploy", "drift", "operate", "preview")}
    assert secrets == deploying | packages


def test_debians_packages_are_installed_in_debian_as_root() -> None:
    matches = [
        job for _, _, job in jobs() for step in job.get("steps", []) if ".ci/install" in step.get("run", "")
    ]
    assert matches
    for job in matches:
        assert re.fullmatch(r"python:3\.11\.\d+-bookworm", job["container"]["image"])
        assert "--privileged" in job["container"]["options"].split()
        runs = [step["run"] for step in job["steps"] if "run" in step]
        assert runs[:2] == [".ci/own", ".ci/install"]


def test_a_forks_program_runs_after_isolation_is_possible() -> None:
    runs = [step.get("run", "") for step in load("review")["jobs"]["review"]["steps"]]
    assert runs.index(".ci/namespaces") < min(
        n for n, run in enumerate(runs) if run.startswith("make review")
    )


def test_a_stack_is_deployed_in_its_environment_and_network_once_at_a_time() -> None:
    waiting = {"cancel-in-progress": "false", "queue": "max"}
    for file, name in (("deploy-stack", "deploy"), ("operate", "operate")):
        job = load(file)["jobs"][name]
        assert job["environment"] == "${{ inputs.stack }}"
        assert job["runs-on"] == RUNNER.format("${{ inputs.stack }}")
        assert job["concurrency"] == {"group": "stack-${{ inputs.stack }}", **waiting}
        assert job["timeout-minutes"] == str(TIMEOUT_MINUTES)
    drift = load("drift")["jobs"]["look"]
    assert drift["concurrency"] == {"group": "stack-${{ matrix.stack }}", **waiting}
    assert drift["runs-on"] == RUNNER.format("${{ matrix.stack }}")


def test_jobs_that_install_pulumi_name_the_state() -> None:
    """Check the variable, since the action ignores `cloud-url` if it only installs Pulumi."""
    installed = {
        f"{file}/{name}": (step["with"], job["steps"])
        for file, name, job in jobs()
        for step in job.get("steps", [])
        if step.get("uses", "").startswith("pulumi/actions@")
    }
    assert set(installed) == {"deploy-stack/deploy", "drift/look", "operate/operate", "preview/preview"}
    for options, job_steps in installed.values():
        assert set(options) == {"pulumi-version"}
        states = [step.get("env", {}).get("PULUMI_BACKEND_URL") for step in job_steps]
        assert [state for state in states if state] == ["${{ steps.access.outputs.state }}"]


def test_a_push_that_waits_for_approval_does_not_stop_the_next_one() -> None:
    group = load("deploy")["concurrency"]["group"]
    assert group == "deploy-${{ github.event.pull_request.number || github.sha }}"


def test_a_deployment_and_its_rollback_end_before_the_machine_and_its_credentials() -> None:
    job = load("deploy-stack")["jobs"]["deploy"]
    [role] = [step for step in job["steps"] if "configure-aws" in step.get("uses", "")]
    job_seconds = number("kubernetes/data_jobs.py", "MIGRATION_SECONDS") + number(
        "kubernetes/data_jobs.py", "WAIT_SECONDS"
    )
    rollout_seconds = 60 * number("kubernetes/deployments.py", "ROLLOUT_MINUTES")
    up_seconds = start_deadline_seconds() + job_seconds + rollout_seconds
    after = health.READY_SECONDS + health.HEALTH_SECONDS + health.SOAK_SECONDS + health.CHECK_SECONDS
    back = up_seconds + health.READY_SECONDS + health.HEALTH_SECONDS
    # The monitors' data is checked only if nothing was rolled back.
    end = max(back, health.REPORT_SECONDS)
    assert up_seconds + after + end < TIMEOUT_MINUTES * 60 < int(role["with"]["role-duration-seconds"])


def start_deadline_seconds() -> int:
    """Return the longest time, in seconds, in which an image must start in any stack."""
    files = [yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text()) for stack in ("dev", "stg", "prod")]
    return max(file["config"]["pipe:api"]["startDeadlineSeconds"] for file in files)


AS_DATA = {
    "review/comment": "${{ runner.temp }}/report",
    "drift/issue": "found",
}
"""Folders of artifacts without a digest, by the job that only reads them as data."""


def test_an_artifact_without_a_digest_reaches_no_job_that_deploys() -> None:
    """Any job of a run can replace an artifact, so the others come through tools.handover, with a digest."""
    folders: dict[str, set[str]] = {}
    for where, step in steps():
        if "actions/download-artifact" in step.get("uses", ""):
            folders.setdefault(where, set()).add(step["with"]["path"])
    data = {where: {folder} for where, folder in AS_DATA.items()}
    assert {where: paths for where, paths in folders.items() if paths != {".handover"}} == data
    assert "deploy-stack/deploy" in folders


def test_of_the_checks_only_the_record_is_handed_over() -> None:
    """The job that runs the tests can write any file, but a job that deploys gets this one alone."""
    runs = [step["run"] for _, step in steps() if HANDOVER.fullmatch(step.get("run", ""))]
    checked = [run for run in runs if " checks " in run]
    program = "python3 -m tools.handover"
    assert checked == [
        f"{program} unpack-file checks {checks.RECORD}",
        f"{program} pack-file checks {checks.RECORD}",
    ]


def test_the_issue_about_drift_covers_every_compared_stack() -> None:
    stages = load("drift")["jobs"]
    looked_at = stages["look"]["strategy"]["matrix"]["stack"]
    assert stages["issue"]["steps"][-1]["run"].split()[-len(looked_at) :] == looked_at
    assert stages["issue"]["if"] == "always() && github.ref == 'refs/heads/main'"


def test_a_comment_needs_no_report_and_is_written_by_one_run_at_a_time() -> None:
    job = load("review")["jobs"]["comment"]
    assert job["if"].startswith("always() && ")
    [download] = [step for step in job["steps"] if "download-artifact" in step.get("uses", "")]
    assert download["continue-on-error"] == "true"
    assert load("review")["concurrency"]["group"].startswith(
        "review-${{ github.event.pull_request.number }}-"
    )


def test_a_comment_takes_the_report_of_the_job_that_it_needs_and_not_of_an_earlier_attempt() -> None:
    of_attempt = "review-${{ github.run_attempt }}"
    jobs = load("review")["jobs"]
    [upload] = [step for step in jobs["review"]["steps"] if "upload-artifact" in step.get("uses", "")]
    [download] = [step for step in jobs["comment"]["steps"] if "download-artifact" in step.get("uses", "")]
    assert upload["with"]["name"] == jobs["review"]["outputs"]["artifact"] == of_attempt
    # If only the comment runs again, the job that it needs is one of an earlier attempt.
    assert download["with"]["name"] == "${{ needs.review.outputs.artifact }}"


def test_another_label_neither_cancels_a_review_nor_replaces_its_result() -> None:
    workflow = load("review")
    another = "github.event.action == 'labeled' && github.event.label.name != 'owners-approved'"
    assert f"{another} && 'another-label' || 'commits'" in workflow["concurrency"]["group"]
    assert workflow["jobs"]["review"]["name"] == f"${{{{ {another} && 'Another label' || 'Review' }}}}"


def test_engine_and_kubectl_have_the_tested_versions() -> None:
    engine = re.search(r"pulumi/pkg/v3 v([\d.]+)", (ROOT / "sandbox/toolchain/pulumi/go.mod").read_text())
    kubectl = re.search(
        r"k8s\.io/kubernetes (v[\d.]+)", (ROOT / "sandbox/toolchain/kubernetes/go.mod").read_text()
    )
    assert engine and kubectl
    text = "".join(file.read_text() for file in FILES)
    assert set(re.findall(r"pulumi-version: (\S+)", text)) == {engine[1]}
    setups = [step for _, step in steps() if "setup-kubectl" in step.get("uses", "")]
    assert {setup["with"]["version"] for setup in setups} == {kubectl[1]}


def test_the_readme_names_every_variable_and_secret_of_the_workflows() -> None:
    names = {
        name for file in FILES for name in re.findall(r"\b(?:vars|secrets)\.([A-Z_]+)", file.read_text())
    }
    table = (ROOT / "README.md").read_text().partition("### GitHub")[2].partition("\n\nThe ARNs")[0]
    assert len(names) > 10
    assert names <= set(re.findall(r"\b[A-Z_]{8,}\b", table))
