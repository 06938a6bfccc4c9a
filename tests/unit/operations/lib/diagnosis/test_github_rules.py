"""Tests of the check of GitHub's protection rules, with a local server that answers as GitHub documents."""

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from operations.lib.command_line import Options
from operations.lib.diagnosis import github_rules
from operations.lib.diagnosis.collectors.github_rules import collect_github_rules
from operations.lib.run_log import RunLog
from operations.lib.services import github
from tests.unit.workflows.test_workflows import FILES, jobs, load

REPOSITORY = "pipe-dev/infrastructure"
REPO, ORG = f"/repos/{REPOSITORY}", "/orgs/pipe-dev"
WORKFLOW = f"{REPOSITORY}/.github/workflows/{{}}@refs/heads/main"
ANSWERS: dict[str, Any] = {
    REPO: {"id": 456789, "full_name": REPOSITORY, "private": True, "visibility": "private"},
    # https://docs.github.com/en/rest/deployments/environments#get-an-environment
    f"{REPO}/environments/prod": {
        "id": 161088068,
        "name": "prod",
        "protection_rules": [
            {"id": 3736, "type": "wait_timer", "wait_timer": 30},
            {
                "id": 3755,
                "type": "required_reviewers",
                "prevent_self_review": True,
                "reviewers": [{"type": "Team", "reviewer": {"id": 1, "slug": "platform-owners"}}],
            },
            {"id": 3756, "type": "branch_policy"},
        ],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
        "can_admins_bypass": False,
    },
    # https://docs.github.com/en/rest/deployments/branch-policies#list-deployment-branch-policies
    f"{REPO}/environments/prod/deployment-branch-policies": {
        "total_count": 1,
        "branch_policies": [{"id": 361471, "node_id": "x", "name": "main", "type": "branch"}],
    },
    f"{REPO}/environments/sources": {
        "id": 161088069,
        "name": "sources",
        "protection_rules": [{"id": 3757, "type": "branch_policy"}],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
        "can_admins_bypass": False,
    },
    f"{REPO}/environments/sources/deployment-branch-policies": {
        "total_count": 1,
        "branch_policies": [{"id": 361472, "node_id": "y", "name": "main", "type": "branch"}],
    },
    f"{REPO}/environments/drift": {
        "id": 161088070,
        "name": "drift",
        "protection_rules": [{"id": 3758, "type": "branch_policy"}],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
        "can_admins_bypass": False,
    },
    f"{REPO}/environments/drift/deployment-branch-policies": {
        "total_count": 1,
        "branch_policies": [{"id": 361473, "node_id": "z", "name": "main", "type": "branch"}],
    },
    f"{REPO}/environments/preview": {
        "id": 161088071,
        "name": "preview",
        "protection_rules": [
            {
                "id": 3759,
                "type": "required_reviewers",
                "prevent_self_review": True,
                "reviewers": [{"type": "Team", "reviewer": {"id": 1, "slug": "platform"}}],
            }
        ],
        "deployment_branch_policy": None,
        "can_admins_bypass": False,
    },
    # https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
    f"{REPO}/rules/branches/main": [
        {"type": "deletion", "ruleset_source_type": "Repository", "ruleset_id": 42},
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": 1,
                "require_code_owner_review": True,
                "dismiss_stale_reviews_on_push": True,
                "require_last_push_approval": True,
                "allowed_merge_methods": ["merge", "squash"],
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "required_status_checks": [
                    {"context": name, "integration_id": 15368} for name in github_rules.CHECKS
                ],
                "strict_required_status_checks_policy": True,
            },
        },
        {
            "type": "workflows",
            "ruleset_source_type": "Organization",
            "ruleset_id": 45,
            "parameters": {
                "workflows": [
                    {"path": path, "ref": "refs/heads/main", "repository_id": 456789}
                    for path in github_rules.JUDGES
                ]
            },
        },
    ],
    f"{REPO}/rules/branches/deployed/prod": [
        {"type": kind, "ruleset_source_type": "Repository", "ruleset_id": 42}
        for kind in ("creation", "update")
    ],
    f"{REPO}/rulesets/42": {
        "id": 42,
        "target": "branch",
        "bypass_actors": [{"actor_id": 41898282, "actor_type": "User", "bypass_mode": "always"}],
    },
    f"{REPO}/rulesets/45": {
        "id": 45,
        "target": "branch",
        "bypass_actors": [{"actor_id": 41898282, "actor_type": "User", "bypass_mode": "always"}],
    },
    # https://docs.github.com/en/rest/repos/rules#get-all-repository-rulesets
    f"{REPO}/rulesets?targets=push": [
        {"id": 43, "name": "program", "target": "push", "enforcement": "active"},
        {"id": 44, "name": "workflows", "target": "push", "enforcement": "active"},
    ],
    f"{REPO}/rulesets/44": {
        "id": 44,
        "target": "push",
        "enforcement": "active",
        "bypass_actors": [{"actor_id": 2, "actor_type": "Team", "bypass_mode": "always"}],
        "rules": [
            {
                "type": "file_path_restriction",
                "parameters": {"restricted_file_paths": [github_rules.OWN_FILES]},
            }
        ],
    },
    f"{REPO}/rulesets/43": {
        "id": 43,
        "target": "push",
        "enforcement": "active",
        "bypass_actors": [{"actor_id": 1, "actor_type": "Team", "bypass_mode": "always"}],
        "rules": [
            {
                "type": "file_path_restriction",
                "parameters": {"restricted_file_paths": [*github_rules.GUARDED, "docs/**/*"]},
            }
        ],
    },
    f"{REPO}/branches/main": {"name": "main", "protected": True},
    # https://docs.github.com/en/rest/actions/self-hosted-runner-groups
    f"{ORG}/actions/runner-groups/2": {
        "id": 2,
        "name": "stacks",
        "visibility": "selected",
        "default": False,
        "allows_public_repositories": False,
        "restricted_to_workflows": True,
        "selected_workflows": [WORKFLOW.format(file) for file in github_rules.WORKFLOWS],
    },
}
ENVIRONMENT = f"{REPO}/environments/prod"
POLICIES, GROUP = f"{ENVIRONMENT}/deployment-branch-policies", f"{ORG}/actions/runner-groups/2"
RULES = f"{REPO}/rules/branches/main"
PUSHES, WORKFLOW_PUSHES = f"{REPO}/rulesets/43", f"{REPO}/rulesets/44"
ALL = [
    "✓ environment prod: deployments only from main",
    "✓ environment prod: required reviewers",
    "✓ environment prod: no self-review",
    "✓ environment prod: no bypass for administrators",
    "✓ environment sources: deployments only from main",
    "✓ environment sources: no bypass for administrators",
    "✓ environment drift: deployments only from main",
    "✓ environment drift: no bypass for administrators",
    "✓ environment preview: required reviewers",
    "✓ environment preview: no self-review",
    "✓ environment preview: no bypass for administrators",
    "✓ branch main: a review",
    "✓ branch main: a review by code owners",
    "✓ branch main: new commits dismiss approvals",
    "✓ branch main: the last push approved by another person",
    "✓ branch main: only merge commits and squash merges",
    "✓ branch main: no merge queue",
    "✓ branch main: a branch that is up to date",
    "✓ branch main: the job Checks and tests",
    "✓ branch main: the job Owners",
    "✓ branch main: the job Review",
    "✓ branch main: the workflow owners.yml",
    "✓ branch main: the workflow review.yml",
    "✓ branch main: only github-actions[bot] bypasses the rules",
    "✓ branch deployed/prod: only github-actions[bot] pushes to it",
    "✓ push ruleset: only people change the program",
    "✓ push ruleset: only the owners' team changes .github/**/*",
    "✓ push ruleset: only teams bypass it",
    "✓ runner group stacks: only selected repositories",
    "✓ runner group stacks: only workflows of main",
]


class Api:
    """A local server with GitHub's answers by path; any other path is not found."""

    def __init__(self) -> None:
        self.answers = copy.deepcopy(ANSWERS)
        self.forbidden: set[str] = set()
        self.tokens: set[str] = set()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.tokens.add(self.headers["Authorization"])
                status = 403 if self.path in api.forbidden else 200 if self.path in api.answers else 404
                body = json.dumps(api.answers.get(self.path, {"message": "Not Found"})).encode()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def lines(self, stack: str = "prod", *, reviewed: bool = True) -> list[str]:
        rules = github_rules.check(github.get, REPOSITORY, stack, reviewed=reviewed, runner_group=2)
        return [str(rule) for rule in rules]

    def differing(self) -> list[str]:
        """Return the lines that differ from those of a repository with every rule."""
        return [line for line in self.lines() if line not in ALL]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{api.server.server_port}")
    monkeypatch.setenv("GITHUB_TOKEN", "planted")
    yield api
    api.server.shutdown()


def test_every_rule_that_is_set_is_shown(api: Api) -> None:
    assert api.lines() == ALL
    assert api.tokens == {"Bearer planted"}


def test_a_path_that_the_push_ruleset_lacks_is_named(api: Api) -> None:
    api.answers[PUSHES]["rules"][0]["parameters"]["restricted_file_paths"].remove("*/**/*")
    assert api.differing() == ["✗ push ruleset: only people change the program: it does not restrict */**/*"]


def test_a_push_ruleset_that_is_not_enforced_does_not_count(api: Api) -> None:
    api.answers[f"{REPO}/rulesets?targets=push"][0]["enforcement"] = "evaluate"
    [line] = api.differing()
    assert line.startswith("✗ push ruleset: only people change the program: it does not restrict */**/*, ")


@pytest.mark.parametrize(
    ("kind", "actor"), [("Integration", 15368), ("RepositoryRole", 4), ("User", 41898282)]
)
def test_whoever_bypasses_the_push_ruleset_beside_teams_is_named(api: Api, kind: str, actor: int) -> None:
    api.answers[PUSHES]["bypass_actors"].append({"actor_id": actor, "actor_type": kind})
    assert api.differing() == [f"✗ push ruleset: only teams bypass it: so do {kind} {actor}"]


def test_those_who_bypass_a_push_ruleset_can_be_unknown(api: Api) -> None:
    del api.answers[PUSHES]["bypass_actors"]
    assert api.differing() == ["? push ruleset: only teams bypass it: GitHub does not show it"]


def test_workflows_need_a_push_ruleset_that_only_one_team_bypasses(api: Api) -> None:
    name = "push ruleset: only the owners' team changes .github/**/*"
    api.answers[WORKFLOW_PUSHES]["bypass_actors"].append({"actor_id": 3, "actor_type": "Team"})
    assert api.differing() == [f"✗ {name}: several teams or roles can push it"]
    del api.answers[WORKFLOW_PUSHES]["bypass_actors"]
    assert api.differing()[0] == f"? {name}: GitHub does not show who else can"
    api.answers[f"{REPO}/rulesets?targets=push"].pop()
    assert api.differing() == [f"✗ {name}: no ruleset restricts it"]


def test_a_required_job_may_only_come_from_github_actions(api: Api) -> None:
    checks = api.answers[RULES][2]["parameters"]["required_status_checks"]
    checks[1].pop("integration_id")
    assert api.differing() == ["✗ branch main: the job Owners: any app can report it"]
    checks[1]["integration_id"] = 1
    assert api.differing() == ["✗ branch main: the job Owners: any app can report it"]
    checks.append({"context": "Owners", "integration_id": 15368})
    assert api.differing() == []


@pytest.mark.parametrize(
    "change", [{"ref": "refs/heads/other"}, {"ref": None}, {"repository_id": 1}, {"path": "review.yml"}]
)
def test_main_requires_the_workflows_of_main_and_not_only_the_names_of_their_jobs(
    api: Api, change: dict[str, Any]
) -> None:
    api.answers[RULES][3]["parameters"]["workflows"][1] |= change
    assert api.differing() == ["✗ branch main: the workflow review.yml: is not required as it is in main"]


def test_whoever_bypasses_the_rules_of_a_branch_is_named(api: Api) -> None:
    names = (
        "branch main: only github-actions[bot] bypasses the rules",
        "branch deployed/prod: only github-actions[bot] pushes to it",
    )
    actors = api.answers[f"{REPO}/rulesets/42"]["bypass_actors"]
    actors.append({"actor_id": 5, "actor_type": "RepositoryRole"})
    assert api.differing() == [f"✗ {name}: so do RepositoryRole 5" for name in names]
    del api.answers[f"{REPO}/rulesets/42"]["bypass_actors"]
    assert api.differing() == [f"? {name}: GitHub does not show it" for name in names]
    api.forbidden.add(f"{REPO}/rulesets/42")
    assert api.differing() == [f"? {name}: GET {REPO}/rulesets/42: HTTP 403" for name in names]


def test_a_branch_of_a_deployment_without_a_rule_is_named(api: Api) -> None:
    api.answers[f"{REPO}/rules/branches/deployed/prod"].pop()
    [line] = api.differing()
    assert line.startswith("✗ branch deployed/prod: only github-actions[bot] pushes to it: whoever can push")


def test_deployments_of_dev_need_no_reviewers(api: Api) -> None:
    for path in (ENVIRONMENT, POLICIES, f"{REPO}/rules/branches/deployed/prod"):
        api.answers[path.replace("prod", "dev")] = api.answers.pop(path)
    api.answers[ENVIRONMENT.replace("prod", "dev")]["protection_rules"] = []
    lines = api.lines("dev", reviewed=False)
    assert lines[:2] == [
        "✓ environment dev: deployments only from main",
        "✓ environment dev: no bypass for administrators",
    ]


@pytest.mark.parametrize(
    ("path", "changes", "line"),
    [
        (
            ENVIRONMENT,
            {"protection_rules": []},
            "✗ environment prod: required reviewers: nobody has to approve a deployment; a private repository"
            " needs GitHub Enterprise Cloud for it",
        ),
        (
            ENVIRONMENT,
            {"deployment_branch_policy": None},
            "✗ environment prod: deployments only from main: deployments come from any branch",
        ),
        (
            ENVIRONMENT,
            {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}},
            "✗ environment prod: deployments only from main: deployments come from protected branches",
        ),
        (
            POLICIES,
            {"branch_policies": [{"name": "main", "type": "branch"}, {"name": "*", "type": "tag"}]},
            "✗ environment prod: deployments only from main: deployments come from branch main, tag *",
        ),
        (
            ENVIRONMENT,
            {"can_admins_bypass": True},
            "✗ environment prod: no bypass for administrators: administrators can bypass the rules",
        ),
        (
            ENVIRONMENT,
            {"can_admins_bypass": None},
            "? environment prod: no bypass for administrators: GitHub does not show it",
        ),
        (
            GROUP,
            {"restricted_to_workflows": False, "selected_workflows": []},
            "✗ runner group stacks: only workflows of main: every workflow of every branch can use the"
            " runner",
        ),
        (
            GROUP,
            {"selected_workflows": [WORKFLOW.format(file) for file in (*github_rules.WORKFLOWS, "x.yml")]},
            f"✗ runner group stacks: only workflows of main: it also admits {WORKFLOW.format('x.yml')}",
        ),
        (
            GROUP,
            {"selected_workflows": [WORKFLOW.format(file) for file in github_rules.WORKFLOWS[:2]]},
            "✗ runner group stacks: only workflows of main: it does not admit"
            f" {WORKFLOW.format('operate.yml')}",
        ),
        (
            GROUP,
            {"visibility": "all"},
            "✗ runner group stacks: only selected repositories: its visibility is all",
        ),
    ],
)
def test_a_rule_that_is_not_set_is_shown_with_the_reason(
    api: Api, path: str, changes: dict[str, Any], line: str
) -> None:
    api.answers[path] |= changes
    assert api.differing()[0] == line


def test_whoever_starts_a_deployment_must_not_approve_it(api: Api) -> None:
    api.answers[ENVIRONMENT]["protection_rules"][1]["prevent_self_review"] = False
    line = "✗ environment prod: no self-review: whoever starts a deployment can approve it"
    assert api.differing() == [line]


def test_a_preview_of_a_branch_needs_a_reviewer(api: Api) -> None:
    api.answers[f"{REPO}/environments/preview"]["protection_rules"] = []
    assert [line.partition(";")[0] for line in api.differing()] == [
        "✗ environment preview: required reviewers: nobody has to approve a deployment",
        "✗ environment preview: no self-review: whoever starts a deployment can approve it",
    ]


def test_the_token_of_the_sources_is_for_main_alone(api: Api) -> None:
    del api.answers[f"{REPO}/environments/sources"]
    assert api.differing() == ["✗ environment sources: does not exist"]


def test_an_environment_that_is_missing_is_a_rule_that_is_not_set(api: Api) -> None:
    del api.answers[ENVIRONMENT]
    assert api.differing() == ["✗ environment prod: does not exist"]


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (
            1,
            [
                "✗ branch main: a review: changes need no approval",
                "✗ branch main: a review by code owners: is not required",
                "✗ branch main: new commits dismiss approvals: an approval also admits commits that are "
                "pushed after it",
                "✗ branch main: the last push approved by another person: whoever pushes to the branch of "
                "somebody else can approve it",
                "✗ branch main: only merge commits and squash merges: a rebase can give main other files "
                "than Owners and Review have judged",
            ],
        ),
        (
            2,
            [
                "✗ branch main: a branch that is up to date: main may have changed since the checks of a "
                "pull request",
                "✗ branch main: the job Checks and tests: is not required",
                "✗ branch main: the job Owners: is not required",
                "✗ branch main: the job Review: is not required",
            ],
        ),
    ],
)
def test_a_rule_of_main_that_is_missing_is_shown(api: Api, rule: int, lines: list[str]) -> None:
    del api.answers[RULES][rule]
    assert api.differing() == lines


def test_checks_of_a_branch_that_lacks_the_newest_main_do_not_suffice(api: Api) -> None:
    api.answers[RULES][2]["parameters"]["strict_required_status_checks_policy"] = False
    message = "main may have changed since the checks of a pull request"
    assert api.differing() == [f"✗ branch main: a branch that is up to date: {message}"]


@pytest.mark.parametrize("methods", [["merge", "squash", "rebase"], ["rebase"], [], None])
def test_a_rebase_that_is_allowed_is_named(api: Api, methods: list[str] | None) -> None:
    api.answers[RULES][1]["parameters"]["allowed_merge_methods"] = methods
    message = "a rebase can give main other files than Owners and Review have judged"
    assert api.differing() == [f"✗ branch main: only merge commits and squash merges: {message}"]


def test_the_ruleset_that_forbids_a_rebase_prevails(api: Api) -> None:
    methods = ["merge", "squash", "rebase"]
    rule = {"type": "pull_request", "parameters": {"allowed_merge_methods": methods}}
    api.answers[RULES].append(rule)
    assert api.differing() == []


@pytest.mark.parametrize("method", ["MERGE", "SQUASH", "REBASE"])
def test_a_merge_queue_of_any_method_is_named(api: Api, method: str) -> None:
    # https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
    api.answers[RULES].append({"type": "merge_queue", "parameters": {"merge_method": method}})
    message = "Owners and Review have not judged what the queue merges"
    assert api.differing() == [f"✗ branch main: no merge queue: {message}"]


def test_no_workflow_passes_for_a_merge_queue() -> None:
    """Without this event, a queue waits in vain for the required jobs, and merges nothing."""
    assert not [file.name for file in FILES if "merge_group" in load(file.stem)["on"]]


def test_classic_protection_of_main_is_unknown(api: Api) -> None:
    api.answers[RULES] = []
    line = "? branch main: has classic protection, which only administrators can read"
    assert api.differing() == [line]
    api.answers[f"{REPO}/branches/main"]["protected"] = False
    assert all(line.startswith("✗ branch main: ") for line in api.differing())


def test_a_group_that_the_token_may_not_read_is_unknown_and_no_finding(api: Api) -> None:
    api.forbidden.add(GROUP)
    assert api.differing() == [
        "? runner group 2: GET /orgs/pipe-dev/actions/runner-groups/2: HTTP 403; the token needs the"
        " organization's permission to read self-hosted runners"
    ]
    rules = github_rules.check(github.get, REPOSITORY, "prod", reviewed=True, runner_group=2)
    assert github_rules.findings(rules) == []


def test_a_repository_that_the_token_may_not_read_is_one_unknown(api: Api) -> None:
    api.answers.clear()
    assert api.lines() == [f"? repository {REPOSITORY}: GET {REPO}: HTTP 404"]


def test_no_response_of_github_is_unknown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    [line] = api.lines()
    assert line.startswith(f"? repository {REPOSITORY}: GET {REPO}: ") and "refused" in line


SETTINGS = {
    "service": {"repository": REPOSITORY, "environment": "prod"},
    "ciRunner": {"enabled": True, "runnerGroup": 2},
}


def test_doctor_shows_the_rules_and_reports_those_that_are_not_set(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers[ENVIRONMENT]["can_admins_bypass"] = True
    options = Options("prod", "real", False, True, SETTINGS)
    log = RunLog("doctor", options)
    with log.step("protection rules on GitHub"):
        rules = collect_github_rules(log, options)
    output = capsys.readouterr().out
    assert all(str(rule) in output for rule in rules) and len(rules) == len(ALL)
    [finding] = github_rules.findings(rules)
    assert (finding.cause, finding.objects, finding.evidence, finding.remedy) == (
        "protection rules",
        "environment prod: no bypass for administrators",
        "administrators can bypass the rules",
        "set it on GitHub: README.md, section GitHub",
    )


@pytest.mark.parametrize("target", ["real", "sandbox"])
def test_doctor_asks_github_only_with_a_token_and_about_real_stacks(
    api: Api, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    if target == "real":
        monkeypatch.delenv("GITHUB_TOKEN")
        monkeypatch.delenv("GH_TOKEN", raising=False)
    options = Options("prod", target, False, True, SETTINGS)
    log = RunLog("doctor", options)
    with log.step("protection rules on GitHub") as step:
        assert collect_github_rules(log, options) == []
    assert step.result == "skipped" and api.tokens == set()


def test_the_rules_name_the_jobs_and_workflows_of_this_repository() -> None:
    names = {str(job.get("name")) for _, _, job in jobs()}
    assert github_rules.CHECKS[0] in names
    assert f"'{github_rules.CHECKS[1]}'" in load("owners")["jobs"]["owners"]["name"]
    on_runner = {f"{file}.yml" for file, _, job in jobs() if "codebuild" in str(job.get("runs-on"))}
    assert on_runner == set(github_rules.WORKFLOWS)
