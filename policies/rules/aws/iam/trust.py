"""IAM rules on trust: conditions in trust policies, and roles that deploy several environments."""

import re
from collections.abc import Set
from itertools import chain

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Verdicts, disallowed, expected
from policies.engine.topics import IAM
from policies.model.aws.iam_documents import Condition, Statement
from policies.model.aws.iam_policies import ROLE
from policies.model.aws.patterns import NOBODY
from policies.model.checks import check_each_statement
from policies.model.wildcards import matches


@IAM.rule(
    "iam-trust-without-condition",
    types=(ROLE,),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_358"),
    remediation=(
        "Add conditions on `sub` and `aud` for an identity provider; for an account, name its roles or "
        "require an external ID."
    ),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html",
)
def trust(resource: Resource, _: Options) -> Verdicts:
    """Refuse roles that trust everybody, all users of an identity provider, or a whole account.

    A role for certificates of IAM Roles Anywhere names its trust anchor.
    """
    yield from check_each_statement(resource["assumeRolePolicy"], _trust)


_KINDS_OF_SUBJECTS = ("system:serviceaccount:",)
"""Beginnings of `sub` that every subject of an identity provider has, in several parts (EKS user guide,
associate-service-account-role)."""

_KIND = re.compile(r"^[A-Za-z][\w-]*[:/|]")
"""The first part of a `sub`, which other providers use for its kind: `project_path:`, `org/`, `auth0|`."""

_SUBJECT = re.compile(r"[^*?:/|]+([:/|].*)?", re.DOTALL)
"""A `sub` without its kind that begins with a whole name, such as a group, a project or an ID."""

_GITHUB = "token.actions.githubusercontent.com:"

_GITHUB_OWNER = re.compile(
    r"(repo|repository|repository_id|repository_owner|repository_owner_id|job_workflow_ref):[^*?/:]+([/:].*)?"
)
"""A `sub` of GitHub Actions that begins with an owner or a repository. Other claims match any caller."""


_CLAIMS = {"sts:AssumeRoleWithWebIdentity": ("sub", "aud"), "sts:AssumeRoleWithSAML": ("aud",)}
"""The claims that a condition must restrict, by the action that accepts the token or assertion."""

_ACCOUNT = re.compile(r"\d+|arn:[\w-]+:iam::\d+:root")

_MEMBERS = re.compile(
    r"aws:(principalarn|principaltag/.+|sourceip|sourcevpce?|userid|username)|sts:externalid"
)
"""Condition keys that distinguish the principals of an account."""

_ROLES_ANYWHERE = "rolesanywhere.amazonaws.com"
_CERTIFICATES = re.compile(r"aws:(sourcearn|principaltag/x509.+)")
"""Condition keys that distinguish the certificates with which programs outside of AWS take a role (IAM Roles
Anywhere user guide, Trust policy). Without them, every trust anchor of the account is trusted."""


def _trust(statement: Statement) -> Verdicts:
    if not statement.allows:
        return
    conditions = statement.value["Condition"]
    federated = any(kind == "Federated" for kind, _ in statement.principals)
    taken = [claims for action, claims in _CLAIMS.items() if federated and statement.covers(action)]
    for claim in dict.fromkeys(chain.from_iterable(taken)):
        bound = [condition for condition in statement.conditions if condition.key.endswith(f":{claim}")]
        if not bound:
            yield expected(conditions, f"a condition on the claim {claim}")
        elif not any(map(_names_claim, bound)):
            yield expected(conditions, f"a condition that names certain values of {claim}")
    if ("Service", _ROLES_ANYWHERE) in statement.principals and not any(
        item.narrows and _CERTIFICATES.fullmatch(item.key) for item in statement.conditions
    ):
        yield expected(conditions, "a condition on aws:SourceArn, the trust anchor")
    if statement.open:
        yield disallowed(statement.named, "name the principals, or add a condition")
    elif any(kind == "AWS" and _ACCOUNT.fullmatch(name) for kind, name in statement.principals) and not any(
        map(_names_members, statement.conditions)
    ):
        remedy = "name roles of the account, or add a condition such as sts:ExternalId"
        yield disallowed(statement.value["Principal"], remedy)


def _names_members(condition: Condition) -> bool:
    """Return True if a condition distinguishes principals of an account; all its roles are no distinction."""
    if not condition.narrows or not _MEMBERS.fullmatch(condition.key):
        return False
    return condition.key != "aws:principalarn" or all(map(_names_member, condition.values))


def _names_member(arn: str) -> bool:
    if "*" not in arn and "?" not in arn:
        return True
    resource = (*arn.split(":", 5), "*", "*", "*", "*", "*")[5]
    names = (NOBODY, f"{NOBODY}/{NOBODY}")
    return not any(matches(f"{kind}/{name}", resource) for kind in ("role", "user") for name in names)


def _names_claim(condition: Condition) -> bool:
    if not condition.narrows or condition.key.endswith(":aud"):
        return condition.narrows
    if condition.key.startswith(_GITHUB):
        return all(map(_GITHUB_OWNER.fullmatch, condition.values))
    return all(map(_names_subject, condition.values))


def _names_subject(pattern: str) -> bool:
    """Return True if a pattern of `sub` names its first part after the kind."""
    if "*" not in pattern and "?" not in pattern:
        return True
    for kind in _KINDS_OF_SUBJECTS:
        if pattern.startswith(kind):
            # A namespace belongs to the cluster that is the provider, so its beginning is enough.
            return pattern.removeprefix(kind)[:1] not in ("", "*", "?", ":")
    return bool(_SUBJECT.fullmatch(_KIND.sub("", pattern)))


_GITHUB_ISSUER = re.compile(
    r"token\.actions\.(?:githubusercontent|[\w-]+\.ghe)\.com(/[\w.-]+)?|\A[\w.:-]+/_services/token(/[\w.-]+)?"
)
"""The issuer of GitHub Actions, also that of an enterprise (GitHub docs, "REST API endpoints for GitHub
Actions OIDC", custom issuer), of one on GHE.com ("Feature overview for GitHub Enterprise Cloud with data
residency") and of a GitHub Enterprise Server ("OpenID Connect reference": `iss`)."""

_ID = re.compile(r"@\d+\Z")
"""The ID of an owner or a repository in `sub`, which is behind its name since 2026 (GitHub changelog,
2026-04-23, immutable subject claims)."""

_REPOSITORY = ("sub", "repository")
"""The claims that name the repository of a job by owner and name.

The claim `job_workflow_ref` names a reusable workflow, which other repositories may call (GitHub docs, "Using
OpenID Connect with reusable workflows")."""


@IAM.rule(
    "iam-trust-other-repository",
    types=(ROLE,),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_358",),
    remediation=(
        "Add a condition on `sub` or `repository` that names a repository in the option `repositories`, "
        "without wildcards in its owner and name."
    ),
    url="https://docs.github.com/en/actions/reference/security/oidc",
    options={
        "repositories": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "GitHub repositories whose jobs may assume roles: owner/name. If empty, all.",
            },
        )
    },
)
def repository(resource: Resource, options: Options) -> Verdicts:
    """Refuse roles that jobs of other repositories on GitHub may assume than those of the option.

    A condition on the workflow alone is not enough, because other repositories may call it.
    """
    repositories = {name.casefold() for name in options["repositories"]}

    def check(statement: Statement) -> Verdicts:
        github = [
            item for item in statement.conditions if _GITHUB_ISSUER.fullmatch(item.key.rpartition(":")[0])
        ]
        if statement.allows and github and not any(_names_repository(item, repositories) for item in github):
            named = " or ".join(options["repositories"])
            yield expected(statement.value["Condition"], f"a condition on sub for the repository {named}")

    if repositories:
        yield from check_each_statement(resource["assumeRolePolicy"], check)


def _names_repository(condition: Condition, repositories: Set[str]) -> bool:
    """Return True if a condition admits jobs of these repositories only."""
    claim = condition.key.rpartition(":")[2]
    return (
        claim in _REPOSITORY
        and condition.narrows
        and all(_repository(claim, value).casefold() in repositories for value in condition.values)
    )


def _repository(claim: str, value: str) -> str:
    """Return the repository that a claim names, as owner/name; another text if it names none."""
    if claim == "repository":
        return value
    kind, _, rest = value.partition(":")
    named, _, _ = rest.partition(":")
    return "/".join(_ID.sub("", part) for part in named.split("/")) if kind == "repo" else value


_DEPLOY_SUFFIX = "-deploy"
"""End of the name of a role that deploys an environment, such as pipe-prod-deploy."""


@IAM.stack_rule(
    "iam-environments-share-account",
    about=(ROLE,),
    severity=Severity.HIGH,
    controls=("Well-Architected SEC01-BP01",),
    remediation="Give each environment its own account, whose stack declares the deploy role.",
    url=(
        "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/"
        "sec_securely_operate_multi_accounts.html"
    ),
    level=EnforcementLevel.ADVISORY,
)
def environments_share_account(stack: Stack, _: Options) -> Verdicts:
    """Refuse an account with the deploy roles of several environments.

    Networks and keys have generated IDs, so each of these roles can change those of the other environments.
    """
    roles: dict[str, Resource] = {}
    for role in stack.of((ROLE,)):
        name = role["name"]
        text = (name.text() or "") if name.known else ""
        if text.endswith(_DEPLOY_SUFFIX):
            service, dash, environment = text.removesuffix(_DEPLOY_SUFFIX).rpartition("-")
            if service and dash and environment:
                roles[environment] = role
    for environment, role in roles.items():
        if others := sorted(roles.keys() - {environment}):
            remedy = f"move {environment} to an account of its own"
            shared = f"in one account with {', '.join(others)}"
            yield Finding(f"the environment {environment}", shared, remedy, urn=role.urn)
