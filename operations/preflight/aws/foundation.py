"""Questions about the foundation: its roles exist, and have the policies that the checkout declares."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from components.common.iam_documents import Statement
from foundation.github_access import deploy_topics
from foundation.permissions.reading import read_settings
from foundation.permissions.scope import Scope
from foundation.service_roles.environment import environment_roles
from foundation.service_roles.role import ServiceRole
from operations.preflight import demand
from operations.preflight.answers import Answer, Question, no, yes
from operations.preflight.aws.quotas import stack_scope
from operations.preflight.subject import Subject


def questions(subject: Subject) -> list[Question]:
    """Return the questions about the foundation."""
    return [
        Question("AWS", "foundation", "roles of the foundation", lambda: ask_roles(subject)),
        Question("AWS", "foundation", "policies of the foundation", lambda: ask_policies(subject)),
    ]


def ask_roles(subject: Subject) -> Iterator[Answer]:
    """Check that each role of the environment exists, and compare the service roles with the checkout's."""
    scope, iam = stack_scope(subject), subject.aws("iam")
    declared = {role.name: role for role in environment_roles(scope)}
    problems = {
        name: _role_problem(iam, name, declared.get(name)) for name in demand.service_role_names(scope)
    }
    return _answers(subject, problems)


def _answers(subject: Subject, problems: dict[str, str]) -> Iterator[Answer]:
    """Yield an answer for each problem with the names that have it, and one for all other names."""
    for problem in dict.fromkeys(filter(None, problems.values())):
        names = [name for name, other in problems.items() if other == problem]
        yield no(f"{', '.join(names)}: {problem}", subject.apply_foundation)
    if current := [name for name, problem in problems.items() if not problem]:
        yield yes(f"{len(current)} exist and are current")


def _role_problem(iam: Any, name: str, declared: ServiceRole | None) -> str:
    """Return the difference between a role and its declaration; an empty string if there is none."""
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        return "does not exist"
    if declared is None:
        return ""
    if not _is_same(role["AssumeRolePolicyDocument"], [declared.trust]):
        return "the trust policy differs from the checkout's"
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    names = {policy["PolicyArn"].partition(":policy/")[2] for policy in attached}
    if lacking := [policy for policy in declared.managed_policies if policy not in names]:
        return f"lacks the managed policies {', '.join(lacking)}"
    if declared.statements:
        try:
            own = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            return "has no policy of its own"
        if not _is_same(own, declared.statements):
            return "the policy differs from the checkout's"
    return ""


def ask_policies(subject: Subject) -> Iterator[Answer]:
    """Compare the policies of the deploy role and the policy `pipe-read` with the checkout's."""
    scope, iam = stack_scope(subject), subject.aws("iam")
    prefix = f"arn:aws:iam::{scope.naming.account}:policy"
    problems = {
        name: _policy_problem(iam, f"{prefix}/{name}", statements)
        for name, statements in managed_policies(scope).items()
    }
    return _answers(subject, problems)


def managed_policies(scope: Scope) -> dict[str, Sequence[Statement]]:
    """Return the statements of each policy that follows from the settings alone, by the policy's name.

    The policies about the state are left out, since they contain the IDs of the state's keys.
    """
    naming = scope.naming
    topics = {f"{naming.name('deploy')}-{topic}": rows for topic, rows in deploy_topics(scope).items()}
    return {f"{naming.service}-read": read_settings(), **topics}


def _policy_problem(iam: Any, arn: str, statements: Sequence[Statement]) -> str:
    try:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    except iam.exceptions.NoSuchEntityException:
        return "does not exist"
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return "" if _is_same(document, statements) else "differs from the checkout's"


def _is_same(document: dict[str, Any], statements: Sequence[Statement]) -> bool:
    return _ordered(document["Statement"]) == _ordered(list(statements))


def _ordered(value: Any) -> Any:
    """Return a part of a policy document in a form in which the order of a list makes no difference.

    IAM may return a list of one item as the item, and the items of a list in another order (IAM user guide,
    grammar of the JSON policy language).
    """
    if isinstance(value, dict):
        return sorted((key, _ordered(item)) for key, item in cast(dict[str, Any], value).items())
    if isinstance(value, (list, tuple)):
        items = sorted((_ordered(item) for item in cast(list[Any], value)), key=repr)
        return items[0] if len(items) == 1 else items
    return value
