"""Protection rules on GitHub that the deployment of a stack relies on.

Each check reads one object of GitHub's REST API and returns the state of its rules. README.md names the
rules and the plan that they need, in its section GitHub.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from operations.lib.diagnosis.findings import Finding
from operations.lib.services.github import GitHubError

BRANCH = "main"
SOURCES = "sources"
"""Environment with the token of the service's and the frontend's repositories."""
DRIFT = "drift"
"""Environment with the read-only tokens of the nightly comparison."""
PREVIEW = "preview"
"""Environment with the read-only tokens of a pull request's preview of dev.

It admits jobs of every branch, but only after an approval by its reviewers.
"""
CHECKS = ("Checks and tests", "Owners", "Review")
"""Names of the jobs that a pull request must pass."""
MERGE_METHODS = {"merge", "squash"}
"""Methods of merging that give main the files that the jobs Owners and Review have judged.

Both merge the pull request's newest commit. A rebase adds its commits one by one and leaves out its merge
commits. So the content that a merge commit of the pull request has taken from main does not count, and main
gets what an earlier commit changed (https://docs.github.com/en/pull-requests/reference/pull-request-merges,
git-rebase(1): `--rebase-merges`).
"""
WORKFLOWS = ("deploy-stack.yml", "drift.yml", "operate.yml")
"""Workflows whose jobs run on a stack's runner."""
GUARDED = (
    "*/**/*",
    ".*/**/*",
    "*.py",
    "*.pyc",
    "*.so",
    "GNUmakefile",
    "makefile",
    "Makefile",
    "Pulumi.json",
    "Pulumi.yaml",
    "Pulumi.yml",
)
"""Some of the file paths that the push ruleset must restrict, since jobs with credentials run them.

The first two match the files in every folder, so also those in a new one such as `yaml/`, which Python would
import in place of the package (File.fnmatch with FNM_PATHNAME: a `*` matches neither `/` nor a leading dot).
"""
README = "README.md, section GitHub"
ENTERPRISE = "a private repository needs GitHub Enterprise Cloud for it"

Get = Callable[[str], Any]


@dataclass(frozen=True)
class Rule:
    """A protection rule and its state."""

    is_set: bool | None
    """True if the rule is set, False if it is not, None if GitHub does not show it."""
    name: str
    detail: str = ""

    def __str__(self) -> str:
        sign = "?" if self.is_set is None else "✓" if self.is_set else "✗"
        return f"{sign} {self.name}{f': {self.detail}' if self.detail else ''}"


def check(get: Get, repository: str, stack: str, *, reviewed: bool, runner_group: int | None) -> list[Rule]:
    """Return the state of each rule for a stack.

    `reviewed` is True if people have to approve the stack's deployments. `runner_group` is the ID of the
    runner's group, or None without a runner.
    """
    try:
        is_private = bool(get(f"repos/{repository}")["private"])
    except GitHubError as error:
        return [Rule(None, f"repository {repository}", str(error))]
    parts: list[tuple[str, Callable[[], Iterator[Rule]]]] = [
        (f"environment {stack}", lambda: _environment(get, repository, stack, reviewed, is_private)),
        (f"environment {SOURCES}", lambda: _environment(get, repository, SOURCES, False, is_private)),
        (f"environment {DRIFT}", lambda: _environment(get, repository, DRIFT, False, is_private)),
        (f"environment {PREVIEW}", lambda: _environment(get, repository, PREVIEW, True, is_private)),
        (f"branch {BRANCH}", lambda: _branch(get, repository)),
        ("push ruleset", lambda: _pushes(get, repository)),
    ]
    if runner_group is not None:
        parts.append((f"runner group {runner_group}", lambda: _group(get, repository, runner_group)))
    rules: list[Rule] = []
    for name, part in parts:
        try:
            rules += part()
        except GitHubError as error:
            rules.append(Rule(None, name, f"{error}{_permission(name, error)}"))
    return rules


def findings(rules: list[Rule]) -> list[Finding]:
    """Return a finding for each rule that is not set, but not for rules whose state is unknown."""
    return [
        Finding("protection rules", rule.name, rule.detail, f"set it on GitHub: {README}")
        for rule in rules
        if rule.is_set is False
    ]


def _permission(name: str, error: GitHubError) -> str:
    if error.status not in (403, 404) or not name.startswith("runner group"):
        return ""
    # https://docs.github.com/en/rest/actions/self-hosted-runner-groups
    return "; the token needs the organization's permission to read self-hosted runners"


def _environment(get: Get, repository: str, stack: str, reviewed: bool, is_private: bool) -> Iterator[Rule]:
    """Yield the rules of an environment (https://docs.github.com/en/rest/deployments/environments)."""
    name, path = f"environment {stack}", f"repos/{repository}/environments/{quote(stack)}"
    try:
        environment = get(path)
    except GitHubError as error:
        if error.status != 404:
            raise
        yield Rule(False, name, "does not exist")
        return
    if stack != PREVIEW:
        yield _deployment_branches(get, name, path, environment)
    if reviewed:
        review = [rule for rule in environment["protection_rules"] if rule["type"] == "required_reviewers"]
        has_reviewers = any(rule["reviewers"] for rule in review)
        plan = f"; {ENTERPRISE}" if is_private else ""
        detail = "" if has_reviewers else f"nobody has to approve a deployment{plan}"
        yield Rule(has_reviewers, f"{name}: required reviewers", detail)
        is_other = has_reviewers and all(rule.get("prevent_self_review") for rule in review)
        detail = "" if is_other else "whoever starts a deployment can approve it"
        yield Rule(is_other, f"{name}: no self-review", detail)
    bypass = environment.get("can_admins_bypass")
    details = {None: "GitHub does not show it", True: "administrators can bypass the rules", False: ""}
    is_set = None if bypass is None else not bypass
    yield Rule(is_set, f"{name}: no bypass for administrators", details[bypass])


def _deployment_branches(get: Get, name: str, path: str, environment: dict[str, Any]) -> Rule:
    """Return the state of the rule that only main may deploy to an environment."""
    branches: dict[str, Any] = environment.get("deployment_branch_policy") or {}
    if not branches.get("custom_branch_policies"):
        policy = "protected branches" if branches else "any branch"
        return Rule(False, f"{name}: deployments only from {BRANCH}", f"deployments come from {policy}")
    policies = get(f"{path}/deployment-branch-policies")["branch_policies"]
    names = sorted(f"{policy.get('type', 'branch')} {policy['name']}" for policy in policies)
    detail = "" if names == [f"branch {BRANCH}"] else f"deployments come from {', '.join(names) or 'nowhere'}"
    return Rule(not detail, f"{name}: deployments only from {BRANCH}", detail)


def _branch(get: Get, repository: str) -> Iterator[Rule]:
    """Yield the rules of main (https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch)."""
    rules: list[dict[str, Any]] = get(f"repos/{repository}/rules/branches/{BRANCH}")
    parameters: list[dict[str, Any]] = [
        rule.get("parameters", {}) for rule in rules if rule["type"] == "pull_request"
    ]
    if not rules and get(f"repos/{repository}/branches/{BRANCH}")["protected"]:
        yield Rule(None, f"branch {BRANCH}", "has classic protection, which only administrators can read")
        return
    approved = any(entry.get("required_approving_review_count", 0) >= 1 for entry in parameters)
    yield Rule(approved, f"branch {BRANCH}: a review", "" if approved else "changes need no approval")
    owners = any(entry.get("require_code_owner_review") for entry in parameters)
    yield Rule(owners, f"branch {BRANCH}: a review by code owners", "" if owners else "is not required")
    dismissed = any(entry.get("dismiss_stale_reviews_on_push") for entry in parameters)
    detail = "" if dismissed else "an approval also admits commits that are pushed after it"
    yield Rule(dismissed, f"branch {BRANCH}: new commits dismiss approvals", detail)
    by_other = any(entry.get("require_last_push_approval") for entry in parameters)
    detail = "" if by_other else "whoever pushes to the branch of somebody else can approve it"
    yield Rule(by_other, f"branch {BRANCH}: the last push approved by another person", detail)
    # The most restrictive of several rules applies (GitHub: "About rulesets", "About rule layering"). A rule
    # without the list restricts nothing.
    methods = [
        {*entry["allowed_merge_methods"]} for entry in parameters if entry.get("allowed_merge_methods")
    ]
    is_same = any(allowed <= MERGE_METHODS for allowed in methods)
    detail = "" if is_same else "a rebase can give main other files than Owners and Review have judged"
    yield Rule(is_same, f"branch {BRANCH}: only merge commits and squash merges", detail)
    # A queue has a method of its own, which may be a rebase, and merges several pull requests at once.
    has_queue = any(rule["type"] == "merge_queue" for rule in rules)
    detail = "Owners and Review have not judged what the queue merges" if has_queue else ""
    yield Rule(not has_queue, f"branch {BRANCH}: no merge queue", detail)
    checks: list[dict[str, Any]] = [
        rule["parameters"] for rule in rules if rule["type"] == "required_status_checks"
    ]
    is_current = any(entry["strict_required_status_checks_policy"] for entry in checks)
    detail = "" if is_current else "main may have changed since the checks of a pull request"
    yield Rule(is_current, f"branch {BRANCH}: a branch that is up to date", detail)
    contexts = {check["context"] for entry in checks for check in entry["required_status_checks"]}
    for job in CHECKS:
        detail = "" if job in contexts else "is not required"
        yield Rule(job in contexts, f"branch {BRANCH}: the job {job}", detail)


def _pushes(get: Get, repository: str) -> Iterator[Rule]:
    """Yield the rules of the push rulesets, which prevent GitHub's bot from changing the code that jobs run.

    GitHub shows the bypass list of a ruleset only to users who may change the ruleset. Source:
    https://docs.github.com/en/rest/repos/rules#get-a-repository-ruleset.
    """
    rulesets = [
        get(f"repos/{repository}/rulesets/{entry['id']}")
        for entry in get(f"repos/{repository}/rulesets?targets=push")
        if entry["enforcement"] == "active"
    ]
    restricted = {
        path
        for ruleset in rulesets
        for rule in ruleset["rules"]
        if rule["type"] == "file_path_restriction"
        for path in rule["parameters"]["restricted_file_paths"]
    }
    missing = [path for path in GUARDED if path not in restricted]
    detail = f"it does not restrict {', '.join(missing)}" if missing else ""
    yield Rule(not missing, "push ruleset: only people change the program", detail)
    if not rulesets:
        return
    bypass = [actor for ruleset in rulesets for actor in ruleset.get("bypass_actors", [])]
    apps = sorted(str(actor["actor_id"]) for actor in bypass if actor["actor_type"] == "Integration")
    shown = all("bypass_actors" in ruleset for ruleset in rulesets)
    is_set = False if apps else True if shown else None
    detail = (
        f"the apps with the IDs {', '.join(apps)} can" if apps else "" if shown else "GitHub does not show it"
    )
    yield Rule(is_set, "push ruleset: no app bypasses it", detail)


def _group(get: Get, repository: str, runner_group: int) -> Iterator[Rule]:
    """Yield the rules of a runner group.

    Source: https://docs.github.com/en/rest/actions/self-hosted-runner-groups.
    """
    group = get(f"orgs/{repository.partition('/')[0]}/actions/runner-groups/{runner_group}")
    name = f"runner group {group['name']}"
    is_selected = group["visibility"] == "selected"
    detail = "" if is_selected else f"its visibility is {group['visibility']}"
    yield Rule(is_selected, f"{name}: only selected repositories", detail)
    expected = {f"{repository}/.github/workflows/{file}@refs/heads/{BRANCH}" for file in WORKFLOWS}
    selected = set(group.get("selected_workflows") or ())
    if not group.get("restricted_to_workflows"):
        detail = "every workflow of every branch can use the runner"
    elif extra := sorted(selected - expected):
        detail = f"it also admits {', '.join(extra)}"
    elif missing := sorted(expected - selected):
        detail = f"it does not admit {', '.join(missing)}"
    else:
        detail = ""
    yield Rule(not detail, f"{name}: only workflows of {BRANCH}", detail)
