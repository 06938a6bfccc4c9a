"""Tests of the workflows' permissions and of the steps that run with credentials."""

import re

from tests.unit.workflows.test_workflows import FILES, jobs, load, steps


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
        ("comment", "comment", "pull-requests"),
        ("comment", "comment", "security-events"),
    }


def test_no_key_of_a_cloud_is_a_secret() -> None:
    for file in FILES:
        assert not re.search(r"aws-access-key|AWS_SECRET|AWS_ACCESS", file.read_text(), re.IGNORECASE)
    roles = {step["with"]["role-to-assume"] for _, step in steps() if "configure-aws" in step.get("uses", "")}
    assert roles == {f"${{{{ vars.{name}_ROLE_ARN }}}}" for name in ("BUILD", "PREVIEW", "DEPLOY")}


def test_packages_are_installed_before_credentials_are_obtained() -> None:
    """Check that these jobs install Python's packages; otherwise, the scripts would install them."""
    installed: dict[str, set[str]] = {}
    for file, name, job in jobs():
        earlier: set[str] = set()
        for step in job.get("steps", []):
            if "configure-aws" in step.get("uses", ""):
                installed[f"{file}/{name}"] = earlier & {"make packages", "make vercel"}
                break
            earlier.add(step.get("run", ""))
    assert installed.pop("deploy-stack/deploy") == {"make packages", "make vercel"}
    assert set(installed) == {"deploy/build", "drift/look", "operate/operate", "preview/preview"}
    assert all(tasks == {"make packages"} for tasks in installed.values()), installed


def test_a_job_that_runs_a_forks_program_has_no_secrets_and_only_reads() -> None:
    review = load("preview")["jobs"]["review"]
    assert set(load("preview")["on"]) == {"pull_request"}
    assert review["permissions"] == {"contents": "read"}
    assert "secrets" not in str(review) and "vars" not in str(review)
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    assert load("preview")["jobs"]["preview"]["if"] == same


def test_the_job_that_comments_runs_no_code_of_the_pull_request() -> None:
    [job] = load("comment")["jobs"].values()
    assert set(load("comment")["on"]) == {"workflow_run"}
    [checkout] = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert checkout["with"] == {"ref": "main", "persist-credentials": "false"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "python3 -m tools.comment review-report"
    ]
    assert load("comment")["on"]["workflow_run"]["workflows"] == [load("preview")["name"]]


def test_only_jobs_that_commit_keep_git_credentials() -> None:
    keeping = [
        where
        for where, step in steps()
        if "actions/checkout" in step.get("uses", "") and step["with"]["persist-credentials"] != "false"
    ]
    assert keeping == ["deploy-stack/deploy", "operate/operate"]
