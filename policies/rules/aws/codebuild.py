"""Rules on CodeBuild's webhooks, whose events start builds with the role of a project."""

import re
from collections.abc import Iterable

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Topic, Verdicts, disallowed, expected
from policies.model.checks import guarded
from policies.model.property_values import Value

CODEBUILD = Topic(
    framework="CodeBuild: best practices for webhooks",
    tags=("aws", "codebuild"),
    url="https://docs.aws.amazon.com/codebuild/latest/userguide/webhooks.html",
)
CONTROLS = ("CodeBuild: best practices for webhooks",)

_ACTOR = "ACTOR_ACCOUNT_ID"
_REFERENCES = ("BASE_REF", "HEAD_REF")
_WRITERS_EVENTS = frozenset({"PRERELEASED", "PUSH", "RELEASED"})
"""The events that need write access to the repository. Everybody can open a pull request, whose branch may
contain a workflow with jobs (CodeBuild API Reference, WebhookFilter)."""
_APPROVALS = ("ALL_PULL_REQUESTS", "FORK_PULL_REQUESTS")
"""The policies with which a pull request from a fork starts a build only after the comment of somebody with a
role in the repository (CodeBuild API Reference, PullRequestBuildPolicy)."""
_APPROVERS = frozenset(
    {"BITBUCKET_ADMIN", "BITBUCKET_WRITE", "GITHUB_ADMIN", "GITHUB_MAINTAIN", "GITHUB_WRITE"}
    | {"GITLAB_DEVELOPER", "GITLAB_MAINTAINER", "GITLAB_OWNER"}
)
"""The roles that may push, which are also the default. Everybody can read a public repository, and the pull
request of an approver starts a build by itself (CodeBuild user guide, pull-request-build-policy)."""

_ID = r"(?:[\w:{}-]|\\[.:{}-])+"
_ONE_OR_SEVERAL = rf"\^(?:{_ID}|\((?:\?:)?{_ID}(?:\|{_ID})*\))\$"
_IDS = re.compile(rf"{_ONE_OR_SEVERAL}(?:\|{_ONE_OR_SEVERAL})*", re.ASCII)
"""A pattern that names IDs in full, such as `^(583231|1024025)$`. CodeBuild searches for the pattern in the
ID of the actor: without both anchors, 583231 also admits 15832310."""

_LONGEST = 1000
"""The number of characters of a pattern that is read."""
_TOKEN = re.compile(r"\\.|[][()|]", re.DOTALL)


@CODEBUILD.rule(
    "codebuild-webhook-open",
    types=("aws:codebuild/webhook:Webhook",),
    severity=Severity.HIGH,
    controls=CONTROLS,
    remediation=(
        "Give each group of filters an ACTOR_ACCOUNT_ID with the IDs of those who may start builds, or "
        "require an approval of pull requests by those with write access."
    ),
)
def actors(resource: Resource, _: Options) -> Verdicts:
    """Refuse webhooks that let everybody start builds who can open a pull request.

    Pushes and releases need no filter for actors, because they need write access to the repository. An
    approval of pull requests counts if all roles that can give it have write access.
    """
    groups = resource["filterGroups"]
    if not groups.items():
        yield expected(groups, f"a group with the events and an {_ACTOR}")
    for group in groups.items():
        yield from guarded(_group(group, resource["pullRequestBuildPolicy"]))


def _group(group: Value, policy: Value) -> Verdicts:
    filters = _filters(group)
    if any(item["type"].text() == _ACTOR for item in filters):
        return
    patterns = [item["pattern"].text() or "" for item in filters if item["type"].text() == "EVENT"]
    events = {event.strip() for pattern in patterns for event in pattern.split(",")}
    strangers = [item for item in policy["approverRoles"].items() if item.text() not in _APPROVERS]
    if policy["requiresCommentApproval"].text() in _APPROVALS and not strangers:
        events = {event for event in events if not event.startswith("PULL_REQUEST_")}
    if not patterns or not events <= _WRITERS_EVENTS:
        yield Finding(group["filters"].path, f"without an {_ACTOR}", "add one with the IDs of the actors")


def _filters(group: Value) -> list[Value]:
    """Return the filters that admit what matches; the others admit everything else."""
    return [item for item in group["filters"].items() if not item["excludeMatchedPattern"].flag()]


@CODEBUILD.rule(
    "codebuild-webhook-pattern-unanchored",
    types=("aws:codebuild/webhook:Webhook",),
    severity=Severity.HIGH,
    controls=CONTROLS,
    remediation="Begin each alternative with ^ and end it with $, as in ^(583231|1024025)$.",
)
def anchors(resource: Resource, _: Options) -> Verdicts:
    """Require webhook patterns that match a whole ID of an actor, or a branch from its beginning.

    The pattern of a branch may end in `/` or `.*` instead of `$`, for all branches below a folder.
    """
    for group in resource["filterGroups"].items():
        yield from guarded(_patterns(group))


def _patterns(group: Value) -> Verdicts:
    for item in _filters(group):
        yield from guarded(_pattern(item))


def _pattern(item: Value) -> Verdicts:
    kind, pattern = item["type"].text(), item["pattern"]
    if kind == _ACTOR and not _IDS.fullmatch((pattern.text() or "")[: _LONGEST + 1]):
        yield disallowed(pattern, "name whole IDs, as in '^(583231|1024025)$'")
    elif kind in _REFERENCES and not all(map(_anchored, _alternatives(pattern.text() or ""))):
        yield disallowed(pattern, "begin each alternative with '^' and end it with '$'")


def _alternatives(pattern: str) -> Iterable[str]:
    """Yield the alternatives of a regular expression that no parentheses enclose."""
    if len(pattern) > _LONGEST:
        yield ""
        return
    depth = start = 0
    in_class = False
    for token in _TOKEN.finditer(pattern):
        sign = token[0]
        if sign in "[]":
            in_class = sign == "["
        elif not in_class:
            depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "|" and depth == 0 and not in_class:
            yield pattern[start : token.start()]
            start = token.end()
    yield pattern[start:]


def _anchored(alternative: str) -> bool:
    ends = alternative.endswith(("$", "/", ".*", ".+")) and not alternative.endswith((r"\$", r"\.*", r"\.+"))
    return alternative.startswith("^") and ends
