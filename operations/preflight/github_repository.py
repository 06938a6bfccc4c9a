"""Questions to GitHub: protection rules, the runner's group, and the names of secrets and variables."""

import functools
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from operations.lib import command_line
from operations.lib.diagnosis import github_rules
from operations.lib.services import github
from operations.preflight.answers import Answer, NotAsked, Question, Verdict, no, skipped, yes
from operations.preflight.subject import Subject

KINDS = ("secrets", "variables")
WORKFLOWS = ".github/workflows"
ENVIRONMENT_WORKFLOWS = ("deploy-stack.yml", "operate.yml")
"""Workflows whose jobs belong to the environment of the stack."""
REPOSITORY_WORKFLOWS = ("deploy.yml",)
"""Workflows with jobs that belong to no environment."""
READING_WORKFLOWS = {github_rules.DRIFT: "drift.yml", github_rules.PREVIEW: "preview.yml"}
"""Workflow of each environment that has read-only tokens, by environment."""
OPTIONAL = re.compile(r"SOURCE_TOKEN|FRONTEND_VARIABLES_\w+")
"""Names that may be missing: SOURCE_TOKEN if the other repositories are public, and variables of a frontend
that needs none.
"""
NAME = r"\b{}\.([A-Z][A-Z0-9_]+)"


def questions(subject: Subject) -> list[Question]:
    """Return the questions to GitHub."""
    listed = [Question("GitHub", "github", "rule", lambda: ask_rules(subject))]
    for holder, ask in (("environment", ask_environment), ("repository", ask_repository)):
        for kind in KINDS:
            title = f"{kind} of the {holder}"
            listed.append(Question("GitHub", "github", title, functools.partial(ask, subject, kind)))
    for name in READING_WORKFLOWS:
        ask = functools.partial(ask_reading, subject, name)
        listed.append(Question("GitHub", "github", f"secrets of the environment {name}", ask))
    return listed


def _check_token(subject: Subject) -> Answer | None:
    if subject.is_sandbox:
        return skipped("GitHub deploys no sandbox")
    if not github.token():
        raise NotAsked("GITHUB_TOKEN is not set", "export GITHUB_TOKEN=$(gh auth token)")
    return None


def ask_rules(subject: Subject) -> Iterator[Answer]:
    """Check the protection rules and the runner's group."""
    if answer := _check_token(subject):
        yield answer
        return
    service, runner = subject.settings.service, subject.settings.ci_runner
    rules = github_rules.check(
        github.get,
        service.repository,
        subject.name,
        reviewed=service.environment != "dev",
        runner_group=runner.runner_group if runner.enabled else None,
    )
    verdicts = {True: Verdict.YES, False: Verdict.NO, None: Verdict.UNKNOWN}
    fixes = {
        True: "",
        False: f"set it on GitHub: {github_rules.README}",
        None: "use a token of an administrator, which may read the rule",
    }
    for rule in rules:
        yield Answer(verdicts[rule.is_set], rule.detail or "set", fixes[rule.is_set], rule.name)


def ask_environment(subject: Subject, kind: str) -> Answer:
    """Check that the environment has all secrets or variables.

    Only the names are checked, since GitHub never shows the value of a secret.
    """
    if answer := _check_token(subject):
        return answer
    environment = quote(subject.name)
    expected = required_names(kind, ENVIRONMENT_WORKFLOWS)
    names = _names(f"repos/{subject.settings.service.repository}/environments/{environment}/{kind}", kind)
    return _answer(expected, names, f"gh {kind.removesuffix('s')} set --env {subject.name}")


def ask_reading(subject: Subject, environment: str) -> Answer:
    """Check that an environment with read-only tokens has all its secrets."""
    if answer := _check_token(subject):
        return answer
    expected = required_names("secrets", (READING_WORKFLOWS[environment],))
    path = f"repos/{subject.settings.service.repository}/environments/{environment}/secrets"
    return _answer(expected, _names(path, "secrets"), f"gh secret set --env {environment}")


def ask_repository(subject: Subject, kind: str) -> Answer:
    """Check that the repository or its organization has all secrets or variables."""
    if answer := _check_token(subject):
        return answer
    repository = subject.settings.service.repository
    own = set(required_names(kind, ENVIRONMENT_WORKFLOWS))
    expected = [name for name in required_names(kind, REPOSITORY_WORKFLOWS) if name not in own]
    names = _names(f"repos/{repository}/actions/{kind}", kind)
    if set(expected) - names:
        names |= _names(f"repos/{repository}/actions/organization-{kind}", kind)
    return _answer(expected, names, f"gh {kind.removesuffix('s')} set")


def required_names(kind: str, files: Sequence[str]) -> list[str]:
    """Return the names of the secrets or variables that workflows read and that must be set."""
    pattern = re.compile(NAME.format("secrets" if kind == "secrets" else "vars"))
    texts = [(command_line.ROOT / WORKFLOWS / file).read_text() for file in files]
    names = sorted({name for text in texts for name in pattern.findall(text)})
    return [name for name in names if not OPTIONAL.fullmatch(name)]


def _names(path: str, kind: str) -> set[str]:
    """Return the names that GitHub lists at a path (REST API, Actions secrets and Actions variables)."""
    return {entry["name"] for entry in github.get(f"{path}?per_page=100")[kind]}


def _answer(expected: Sequence[str], names: set[str], command: str) -> Answer:
    if lacking := [name for name in expected if name not in names]:
        return no(f"not set: {', '.join(lacking)}", " && ".join(f"{command} {name}" for name in lacking))
    return yes(", ".join(expected) if expected else "none is needed")
