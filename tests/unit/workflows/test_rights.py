"""Who of the workflows may do what, and what runs beside credentials."""

import re

from tests.unit.workflows.test_workflows import FILES, jobs, load, steps


def test_a_workflow_has_no_rights_but_those_that_a_job_asks_for() -> None:
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


def test_packages_from_the_registry_are_installed_before_there_are_credentials() -> None:
    """Those of Python wherever there will be some: a script that finds none installs them, whoever it is."""
    found: dict[str, set[str]] = {}
    for file, name, job in jobs():
        before: set[str] = set()
        for step in job.get("steps", []):
            if "configure-aws" in step.get("uses", ""):
                found[f"{file}/{name}"] = before & {"make packages", "make vercel"}
                break
            before.add(step.get("run", ""))
    assert found.pop("deploy-stack/deploy") == {"make packages", "make vercel"}
    assert set(found) == {"deploy/build", "drift/look", "operate/operate", "preview/preview"}
    assert all(installed == {"make packages"} for installed in found.values()), found


def test_what_runs_a_forks_program_sees_no_secret_and_may_not_write() -> None:
    review = load("preview")["jobs"]["review"]
    assert set(load("preview")["on"]) == {"pull_request"}
    assert review["permissions"] == {"contents": "read"}
    assert "secrets" not in str(review) and "vars" not in str(review)
    same = "github.event.pull_request.head.repo.full_name == github.repository"
    assert load("preview")["jobs"]["preview"]["if"] == same


def test_what_may_comment_runs_nothing_of_the_pull_request() -> None:
    [job] = load("comment")["jobs"].values()
    assert set(load("comment")["on"]) == {"workflow_run"}
    [checkout] = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert checkout["with"] == {"ref": "main", "persist-credentials": "false"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "python3 -m tools.comment review-report"
    ]
    assert load("comment")["on"]["workflow_run"]["workflows"] == [load("preview")["name"]]


def test_only_what_commits_keeps_its_credentials_for_git() -> None:
    kept = [
        where
        for where, step in steps()
        if "actions/checkout" in step.get("uses", "") and step["with"]["persist-credentials"] != "false"
    ]
    assert kept == ["deploy-stack/deploy", "operate/operate"]
