"""Tests of the workflows' permissions and of the steps that run with credentials."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.workflows.test_workflows import FILES, ROOT, jobs, load, steps
from tools import check_owners, stack_access


def test_only_listed_jobs_have_write_permissions() -> None:
    for file in FILES:
        assert load(file.stem)["permissions"] == {}
    writing = {
        (file, name, right)
        for file, name, job in jobs()
        for right, level in job["permissions"].items()
        if level == "write"
    }
    deploys = {
        ("deploy", stack, right) for stack in ("dev", "stg", "prod") for right in ("contents", "id-token")
    }
    assert writing == deploys | {
        ("deploy", "build", "id-token"),
        ("deploy-stack", "deploy", "contents"),
        ("deploy-stack", "deploy", "id-token"),
        ("operate", "operate", "contents"),
        ("operate", "operate", "id-token"),
        ("drift", "look", "id-token"),
        ("drift", "issue", "issues"),
        ("preview", "preview", "id-token"),
        ("review", "comment", "pull-requests"),
        ("review", "comment", "security-events"),
        ("owners", "owners", "pull-requests"),
    }


def test_no_key_of_a_cloud_is_a_secret() -> None:
    for file in FILES:
        assert not re.search(r"aws-access-key|AWS_SECRET|AWS_ACCESS", file.read_text(), re.IGNORECASE)
    roles = {step["with"]["role-to-assume"] for _, step in steps() if "configure-aws" in step.get("uses", "")}
    assert roles == {"${{ steps.access.outputs.role }}"}


ACCESS = re.compile(r"\.venv/bin/python -m tools\.stack_access (\S+) (\w+)")
STACK = {"deploy-stack/deploy": "inputs", "operate/operate": "inputs", "drift/look": "matrix"}


def test_each_job_assumes_the_role_of_its_stack_and_its_purpose() -> None:
    roles: dict[str, tuple[str, str]] = {}
    for where, step in steps():
        if match := ACCESS.fullmatch(step.get("run", "")):
            stack, role = match.groups()
            if where in STACK:
                assert (stack, step["env"]) == ('"$STACK"', {"STACK": f"${{{{ {STACK[where]}.stack }}}}"})
            roles[where] = ("any" if where in STACK else stack, role)
    assert roles == {
        "deploy/build": ("dev", "build"),
        "deploy-stack/deploy": ("any", "deploy"),
        "operate/operate": ("any", "deploy"),
        "drift/look": ("any", "preview"),
        "preview/preview": ("dev", "preview"),
    }


def test_each_role_trusts_the_workflows_that_assume_it() -> None:
    """Compare with the foundation's constants, read without an import, which would load whole SDKs."""
    source = (ROOT / "foundation" / "github_access.py").read_text()

    def trusted(name: str) -> set[str]:
        [value] = re.findall(rf"^{name} = (.*)$", source, re.MULTILINE)
        return set(re.findall(r'"([\w.-]+)"', value))

    assuming: dict[str, set[str]] = {}
    for where, step in steps():
        if match := ACCESS.fullmatch(step.get("run", "")):
            assuming.setdefault(match[2], set()).add(f"{where.partition('/')[0]}.yml")
    assert assuming["build"] == trusted("BUILD_WORKFLOW")
    assert assuming["deploy"] == trusted("DEPLOY_WORKFLOWS")
    assert assuming["preview"] == trusted("DRIFT_WORKFLOW") | {"preview.yml"}
    assert trusted("PREVIEW_OF_PULL_REQUESTS") == {"dev"}
    # The subjects of these tokens have no environment; those of deployments have the stack's.
    environments = {
        f"{file}/{name}": job["environment"] for file, name, job in jobs() if "environment" in job
    }
    assert environments.pop("deploy/sources") == "sources"  # It assumes no role.
    assert environments.pop("drift/look") == trusted("DRIFT_ENVIRONMENT").pop()
    assert environments.pop("preview/preview") == trusted("PREVIEW_ENVIRONMENT").pop()
    assert environments == dict.fromkeys(("deploy-stack/deploy", "operate/operate"), "${{ inputs.stack }}")


def test_every_secret_belongs_to_an_environment() -> None:
    """Check that the repository has none: every workflow of a pushed branch could read it."""
    bare = [
        f"{file}/{name}: {secret}"
        for file, name, job in jobs()
        for secret in re.findall(r"secrets\.(\w+)", yaml.safe_dump(job))
        if "environment" not in job and secret != "GITHUB_TOKEN"
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("role", "arn"),
    [
        ("deploy", "arn:aws:iam::{account}:role/pipe-prod-deploy"),
        ("preview", "arn:aws:iam::{account}:role/pipe-prod-preview"),
        ("build", "arn:aws:iam::123456789012:role/pipe-build"),
    ],
)
def test_role_region_and_state_follow_from_the_stack_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, arn: str
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.chdir(ROOT)
    assert stack_access.main(["prod", role]) == 0
    account = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]["pipe:service"]["account"]
    assert (tmp_path / "output").read_text().splitlines() == [
        f"role={arn.format(account=account)}",
        "region=ap-northeast-1",
        f"state=s3://pipe-state-{account}?region=ap-northeast-1",
    ]


@pytest.mark.parametrize("arguments", [[], ["dev"], ["dev", "admin"]])
def test_another_role_is_not_looked_up(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert stack_access.main(arguments) == 2
    assert capsys.readouterr().err == "usage: python -m tools.stack_access STACK deploy|preview|build\n"


INSTALLING = re.compile(r"(make (packages|wheels|vercel|test-unit|review|plugins)|scripts/checks\.sh)\b.*")
"""Commands that load packages from a registry, unless WHEELS names a folder."""


def test_no_job_with_a_credential_or_a_write_permission_loads_packages() -> None:
    for file, name, job in jobs():
        runs = [step.get("run", "") for step in job.get("steps", [])]
        loading = [run for run in runs if INSTALLING.match(run) and "WHEELS=" not in run]
        trusted = "write" in job["permissions"].values() or "secrets." in str(job)
        assert not (trusted and loading), f"{file}/{name}: {loading}"


def test_jobs_that_run_code_of_the_packages_have_no_credential() -> None:
    running = {
        f"{file}/{name}": job
        for file, name, job in jobs()
        for step in job.get("steps", [])
        if "--save" in step.get("run", "") or "build_frontend" in step.get("run", "")
    }
    assert set(running) == {"deploy/image", "deploy-stack/frontend"}
    for where, job in running.items():
        assert job["permissions"] == {"contents": "read"}, where
        assert "secrets." not in str(job) and "environment" not in job, where


def test_packages_are_installed_offline_before_credentials_are_obtained() -> None:
    installed: dict[str, bool] = {}
    for file, name, job in jobs():
        runs = [step.get("run", step.get("uses", "")) for step in job.get("steps", [])]
        if roles := [n for n, run in enumerate(runs) if "configure-aws" in run]:
            installed[f"{file}/{name}"] = runs.index("make packages WHEELS=wheels") < roles[0]
    assert installed == dict.fromkeys(
        ("deploy/build", "deploy-stack/deploy", "drift/look", "operate/operate", "preview/preview"), True
    )


SOURCE = (ROOT / "components" / "aws" / "ci_runner.py").read_text()
WORKFLOWS = re.findall(r'"(\w+)"', re.findall(r"^WORKFLOWS = \((.*)\)$", SOURCE, re.MULTILINE)[0])
"""Names of the workflows that the runner accepts, read without an import, which would load whole SDKs."""


def test_no_job_of_a_pull_request_runs_on_a_runner_in_a_vpc() -> None:
    """A job on the runner can read the token of the account's connection to GitHub."""
    runners = {
        f"{file}/{name}": str(job.get("if", ""))
        for file, name, job in jobs()
        if "codebuild" in str(job.get("runs-on", ""))
    }
    assert set(runners) == {"deploy-stack/deploy", "drift/look", "operate/operate"}
    names = {
        load("deploy" if where == "deploy-stack/deploy" else where.split("/")[0])["name"] for where in runners
    }
    assert names == set(WORKFLOWS)  # A called job has the name of the calling workflow.
    triggers = {file.stem: set(load(file.stem)["on"]) for file in FILES}
    assert triggers["drift"] == {"schedule", "workflow_dispatch"}
    assert triggers["operate"] == {"workflow_dispatch"}
    assert triggers["deploy-stack"] == {"workflow_call"}
    for where in ("drift/look", "operate/operate"):
        assert runners[where] == "github.ref == 'refs/heads/main'"  # Any branch can be dispatched.
    assert "refs/heads/main" in load("deploy")["jobs"]["sources"]["if"]


def test_only_dev_is_previewed_for_a_pull_request() -> None:
    preview = load("preview")["jobs"]["preview"]
    assert "strategy" not in preview and preview["runs-on"] == "ubuntu-24.04"
    runs = [step["run"] for step in preview["steps"] if "run" in step]
    assert "scripts/preview.sh dev" in runs
    assert not [run for run in runs if "stg" in run or "prod" in run]


def test_the_job_that_reviews_is_mains_has_no_secrets_and_only_reads() -> None:
    workflow = load("review")
    review = workflow["jobs"]["review"]
    assert set(workflow["on"]) == {"pull_request_target"}  # Its workflow file is main's.
    types = workflow["on"]["pull_request_target"]["types"]
    assert set(types) == {"opened", "reopened", "synchronize", "labeled"}
    assert review["permissions"] == {"contents": "read", "pull-requests": "read"}
    assert "secrets" not in str(review) and "vars" not in str(review)
    head = "${{ github.event.pull_request.head.sha }}"
    runs = [step["run"] for step in review["steps"] if "run" in step]
    # The commit of the event, to which an approval in this event applies, even if newer ones exist by now.
    [fetch] = [step for step in review["steps"] if step.get("run") == '.ci/fetch "$HEAD"']
    assert fetch["env"] == {"GH_TOKEN": "${{ github.token }}", "HEAD": head}
    [command] = [run for run in runs if run.startswith("make review")]
    flags = "--merge $HEAD --approved-by=$OWNER --output $RUNNER_TEMP/report"
    assert command == f'make review BASE=HEAD FLAGS="{flags}"'
    [step] = [step for step in review["steps"] if step.get("run") == command]
    own_settings = {"OWNER": "${{ steps.approval.outputs.owner }}", "SANDBOX_DOWNLOADS": "never"}
    assert step["env"] == {"HEAD": head, **own_settings}
    assert "python3 -m tools.check_owners --approval" in runs


def test_no_job_for_strangers_checks_out_another_commit_than_mains() -> None:
    """A checkout prints words of its commit, and the runner obeys the workflow commands in them."""
    for file, name, job in jobs():
        if {"pull_request_target", "workflow_run"} & set(load(file)["on"]):
            checkouts = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
            assert {step["with"]["ref"] for step in checkouts} == {"main"}, f"{file}/{name}"
            assert not [step for step in checkouts if {"path", "repository"} & set(step["with"])]


def test_no_job_uses_a_cache() -> None:
    """Every job of a push to main can write main's cache, and a job that restores it runs what it contains.

    The actions that set up a language restore a cache, too, unless their inputs forbid it.
    """
    off = {"setup-go": ("cache", "false"), "setup-node": ("package-manager-cache", "false")}
    for where, step in steps():
        action = step.get("uses", "").partition("@")[0]
        assert not action.startswith("actions/cache"), where
        inputs: dict[str, str] = step.get("with", {})
        key, value = off.get(action.removeprefix("actions/"), ("cache", None))
        assert inputs.get(key) == value, where


def test_the_review_builds_its_engine_before_it_runs_code_of_the_pull_request() -> None:
    job_steps = load("review")["jobs"]["review"]["steps"]
    runs = [step.get("run", "") for step in job_steps]
    build = job_steps[runs.index("make engine")]
    assert "if" not in build and build["env"] == {"SANDBOX_DOWNLOADS": "never"}
    assert runs.index("make engine") < next(n for n, run in enumerate(runs) if run.startswith("make review"))


def test_a_forks_preview_has_no_access() -> None:
    assert set(load("preview")["on"]) == {"pull_request"}
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    assert load("preview")["jobs"]["preview"]["if"] == same


def test_the_job_that_comments_runs_no_code_of_the_pull_request() -> None:
    job = load("review")["jobs"]["comment"]
    [checkout] = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert checkout["with"] == {"ref": "main", "persist-credentials": "false"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        'python3 -m tools.comment "$RUNNER_TEMP/report"'
    ]


def test_no_job_takes_a_report_of_the_checkout_for_that_of_the_review() -> None:
    """If a review ends without a report, a file of main with the same name must not replace it."""
    for where, step in steps():
        if where.startswith("review/"):
            inside = {**step.get("with", {}), "run": step.get("run", "")}
            for value in inside.values():
                assert "report" not in re.sub(r"(\$RUNNER_TEMP|\$\{\{ runner\.temp \}\})/report", "", value)


def test_the_check_of_owners_runs_mains_program_on_every_change_of_a_pull_request() -> None:
    workflow = load("owners")
    assert set(workflow["on"]) == {"pull_request_target"}  # Its workflow file is main's.
    types = workflow["on"]["pull_request_target"]["types"]
    assert set(types) == {"opened", "reopened", "synchronize", "labeled", "unlabeled"}
    [job] = workflow["jobs"].values()
    assert "if" not in job  # A skipped job counts as a success.
    checkout, check = job["steps"]
    assert checkout["with"] == {"ref": "main", "persist-credentials": "false"}
    assert check["run"] == "python3 -m tools.check_owners"
    assert f"'{check_owners.LABEL}' && 'Another label' || 'Owners'" in job["name"]


def test_only_jobs_that_commit_keep_git_credentials() -> None:
    keeping = [
        where
        for where, step in steps()
        if "actions/checkout" in step.get("uses", "") and step["with"]["persist-credentials"] != "false"
    ]
    assert keeping == ["deploy-stack/deploy", "operate/operate"]


MATCHER_OWNERS = {"actions/setup-python": "python", "actions/setup-go": "go"}
"""Owner of the problem matchers that an action adds for the rest of its job (matchers.json of setup-go,
.github/python.json of setup-python).
"""


def test_no_line_of_the_review_becomes_an_annotation() -> None:
    own = [step for where, step in steps() if where == "review/review"]
    [review] = [number for number, step in enumerate(own) if "make review" in step.get("run", "")]
    added = {step.get("uses", "").partition("@")[0]: number for number, step in enumerate(own)}
    adding = {name: number for name, number in added.items() if name.startswith("actions/setup-")}
    assert adding.keys() == MATCHER_OWNERS.keys()
    [removal] = [number for number, step in enumerate(own) if step.get("run") == ".ci/remove_matchers"]
    assert max(adding.values()) < removal < review
    output = subprocess.run(
        [ROOT / ".ci" / "remove_matchers"], capture_output=True, text=True, check=True
    ).stdout
    assert sorted(output.splitlines()) == sorted(
        f"::remove-matcher owner={owner}::" for owner in MATCHER_OWNERS.values()
    )
