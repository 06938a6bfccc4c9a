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
GITHUB_ACTIONS = 15368
"""ID of the app GitHub Actions, from which the checks have to come: others may report one of the same name.

Source: https://github.com/rust-lang/team/pull/2200 (`app` of a check run in GitHub's API).
"""
BOT = 41898282
"""ID of the user github-actions[bot], which pushes a commit to main in each deployment (README)."""
JUDGES = (".github/workflows/owners.yml", ".github/workflows/review.yml")
"""Workflows that main has to require, as they are in main: another one may have jobs of the same names."""
DEPLOYED = "deployed/"
"""Start of the names of the branches with the commits of the stacks' last deployments."""
PUSHING = ("creation", "update")
"""Types of the rules without which whoever can push to the repository can push to a branch."""
OWN_FILES = ".github/**/*"
"""Path of the files that only the owners may push, since a workflow gets a token that writes checks."""
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
        about = get(f"repos/{repository}")
        is_private = bool(about["private"])
    except GitHubError as error:
        return [Rule(None, f"repository {repository}", str(error))]
    parts: list[tuple[str, Callable[[], Iterator[Rule]]]] = [
        (f"environment {stack}", lambda: _environment(get, repository, stack, reviewed, is_private)),
        (f"environment {SOURCES}", lambda: _environment(get, repository, SOURCES, False, is_private)),
        (f"environment {DRIFT}", lambda: _environment(get, repository, DRIFT, False, is_private)),
        (f"environment {PREVIEW}", lambda: _environment(get, repository, PREVIEW, True, is_private)),
        (f"branch {BRANCH}", lambda: _branch(get, repository, about["id"])),
        (f"branch {DEPLOYED}{stack}", lambda: _deployed(get, repository, f"{DEPLOYED}{stack}")),
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


def _branch(get: Get, repository: str, repository_id: int) -> Iterator[Rule]:
    """Yield the rules of main (https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch).

    The answer has the rules of the organization's rulesets, too.
    """
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
    sources = {
        check["context"]: check.get("integration_id")
        for entry in checks
        for check in sorted(entry["required_status_checks"], key=_comes_from_actions)
    }
    for job in CHECKS:
        detail = "" if sources.get(job) == GITHUB_ACTIONS else "any app can report it"
        detail = detail if job in sources else "is not required"
        yield Rule(not detail, f"branch {BRANCH}: the job {job}", detail)
    workflows = {
        entry["path"]
        for rule in rules
        if rule["type"] == "workflows"
        for entry in rule["parameters"]["workflows"]
        if entry["repository_id"] == repository_id and entry.get("ref") in (BRANCH, f"refs/heads/{BRANCH}")
    }
    for path in JUDGES:
        detail = "" if path in workflows else f"is not required as it is in {BRANCH}"
        yield Rule(path in workflows, f"branch {BRANCH}: the workflow {path.rpartition('/')[2]}", detail)
    name = f"branch {BRANCH}: only github-actions[bot] bypasses the rules"
    yield _bypass_of_branch(get, repository, name, rules)


def _deployed(get: Get, repository: str, branch: str) -> Iterator[Rule]:
    """Yield the rule that only GitHub's bot pushes to a branch with the commit of a deployment."""
    name = f"branch {branch}: only github-actions[bot] pushes to it"
    rules = [
        rule for rule in get(f"repos/{repository}/rules/branches/{quote(branch)}") if rule["type"] in PUSHING
    ]
    if {rule["type"] for rule in rules} == {*PUSHING}:
        yield _bypass_of_branch(get, repository, name, rules)
    else:
        yield Rule(False, name, "whoever can push to the repository can push to it")


def _comes_from_actions(check: dict[str, Any]) -> bool:
    """Return True for a required check that has to come from GitHub Actions, which prevails over another."""
    return check.get("integration_id") == GITHUB_ACTIONS


def _bypass_of_branch(get: Get, repository: str, name: str, rules: list[dict[str, Any]]) -> Rule:
    """Return the state of the rule that only GitHub's bot may bypass the rules of a branch."""
    ids = sorted({rule["ruleset_id"] for rule in rules if rule.get("ruleset_id")})
    try:
        rulesets = [get(f"repos/{repository}/rulesets/{ruleset_id}") for ruleset_id in ids]
    except GitHubError as error:
        return Rule(None, name, f"{error}")
    others = _other_actors(rulesets, lambda actor: (actor["actor_type"], actor["actor_id"]) == ("User", BOT))
    return _bypass_rule(name, rulesets, others)


def _other_actors(rulesets: list[dict[str, Any]], is_allowed: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Return the types and IDs of those who bypass rulesets, although they are not allowed to."""
    actors = [actor for ruleset in rulesets for actor in ruleset.get("bypass_actors") or ()]
    return sorted({f"{actor['actor_type']} {actor['actor_id']}" for actor in actors if not is_allowed(actor)})


def _bypass_rule(name: str, rulesets: list[dict[str, Any]], others: list[str]) -> Rule:
    """Return the state of a rule on the bypass of rulesets.

    GitHub shows the bypass list of a ruleset only to users who may change the ruleset. Source:
    https://docs.github.com/en/rest/repos/rules#get-a-repository-ruleset.
    """
    if others:
        return Rule(False, name, f"so do {', '.join(others)}")
    if not all("bypass_actors" in ruleset for ruleset in rulesets):
        return Rule(None, name, "GitHub does not show it")
    return Rule(True, name)


def _pushes(get: Get, repository: str) -> Iterator[Rule]:
    """Yield the rules of the push rulesets, which prevent GitHub's bot from changing code that jobs run."""
    rulesets: list[dict[str, Any]] = [
        get(f"repos/{repository}/rulesets/{entry['id']}")
        for entry in get(f"repos/{repository}/rulesets?targets=push")
        if entry["enforcement"] == "active"
    ]
    restricted = {path for ruleset in rulesets for path in _restricted(ruleset)}
    missing = [path for path in GUARDED if path not in restricted]
    detail = f"it does not restrict {', '.join(missing)}" if missing else ""
    yield Rule(not missing, "push ruleset: only people change the program", detail)
    own = [ruleset for ruleset in rulesets if OWN_FILES in _restricted(ruleset)]
    bypass = [ruleset.get("bypass_actors") for ruleset in own]
    name = f"push ruleset: only the owners' team changes {OWN_FILES}"
    if not own:
        yield Rule(False, name, "no ruleset restricts it")
    elif any(actors is not None and len(actors) <= 1 for actors in bypass):
        yield Rule(True, name)
    elif None in bypass:
        yield Rule(None, name, "GitHub does not show who else can")
    else:
        yield Rule(False, name, "several teams or roles can push it")
    if rulesets:
        others = _other_actors(rulesets, lambda actor: actor["actor_type"] == "Team")
        yield _bypass_rule("push ruleset: only teams bypass it", rulesets, others)


def _restricted(ruleset: dict[str, Any]) -> set[str]:
    """Return the file paths that a push ruleset restricts."""
    rules = (rule for rule in ruleset["rules"] if rule["type"] == "file_path_restriction")
    return {path for rule in rules for path in rule["parameters"]["restricted_file_paths"]}


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
