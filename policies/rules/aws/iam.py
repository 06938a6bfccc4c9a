"""IAM rules: least privilege in policies, and conditions in trust policies."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import chain

from pulumi_policy import EnforcementLevel, Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Stack,
    Verdicts,
    check_each,
    disallowed,
    expected,
)
from policies.engine.topics import IAM
from policies.model.aws.iam_documents import Condition, Statement
from policies.model.checks import check_each_statement, guarded
from policies.model.property_values import Value

ROLE = "aws:iam/role:Role"


POLICIES = frozenset(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("Policy", "RolePolicy", "UserPolicy", "GroupPolicy")
)


def documents(resource: Resource) -> list[Value]:
    """Return the policy documents of an IAM resource, without trust policies."""
    if resource.type == ROLE:
        return [item["policy"] for item in resource["inlinePolicies"].items()]
    return [resource["policy"]]


def _each_allowed(resource: Resource, check: Callable[[Statement], Verdicts]) -> Verdicts:
    """Check every statement with the effect Allow separately."""

    def allowed(statement: Statement) -> Verdicts:
        if statement.allows:
            yield from check(statement)

    for document in documents(resource):
        yield from guarded(check_each_statement(document, allowed))


@IAM.rule(
    "iam-wildcard-action",
    types=POLICIES | {ROLE},
    severity=Severity.HIGH,
    controls=("CKV_AWS_62", "CKV_AWS_63", "CKV_AWS_286", "CKV_AWS_289", "CIS AWS 1.16"),
    remediation="Name the actions; `*` and `service:*` grow with every action that AWS adds.",
)
def wildcard_action(resource: Resource, _: Options) -> Verdicts:
    """Refuse IAM policies that allow every action, every action of a service, or all but some actions."""
    yield from _each_allowed(resource, _wildcards)


def _wildcards(statement: Statement) -> Verdicts:
    for value in _elements(statement.value["Action"]):
        text = value.text() or ""
        if text == "*" or text.endswith(":*"):
            yield expected(value, "the actions that are needed")
    if not statement.value["NotAction"].absent:
        yield disallowed(statement.value["NotAction"], "name the allowed actions in Action")


def _elements(value: Value) -> list[Value]:
    return value.items() or ([] if value.absent else [value])


_LIST_ONLY = (
    "*:Describe*",
    "*:List*",
    "*:Lookup*",
    "*:Search*",
    # These read settings and metrics. Most other Get actions read data, such as objects or secrets.
    "cloudwatch:GetMetric*",
    "codebuild:BatchGetProjects",
    "codeconnections:GetConnection",
    "iam:Get*",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "s3:GetAccelerateConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "tag:GetResources",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssociateVpcCidrBlock",
    "ecr:GetAuthorizationToken",
    "eks:CreateCluster",
    "kms:CreateKey",
    "logs:CreateLogDelivery",
    "logs:CreateLogGroup",
    "logs:DeleteLogDelivery",
    "sts:GetCallerIdentity",
    "xray:Put*",
    "cloudwatch:PutMetricData",
)


@IAM.rule(
    "iam-wildcard-resource",
    types=POLICIES | {ROLE},
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_355", "CKV_AWS_290", "CKV_AWS_288"),
    remediation=(
        "Name the resources, or add a condition that requires a value; only actions without resource-level "
        "permissions need `*`."
    ),
    options={
        "unrestrictable": Option(
            default=list(_LIST_ONLY),
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": (
                    "Patterns of actions that may use the resource `*`: they have no resource-level "
                    "permissions, or read no data."
                ),
            },
        )
    },
)
def wildcard_resource(resource: Resource, options: Options) -> Verdicts:
    """Refuse the resource `*` for actions with resource-level permissions, unless a condition limits them."""
    patterns = [str(pattern).lower() for pattern in options["unrestrictable"]]

    def check(statement: Statement) -> Verdicts:
        narrow = [
            name
            for name in statement.actions
            if not any(fnmatchcase(name.lower(), known) for known in patterns)
        ]
        if not narrow or statement.narrowed:
            return
        if not (inverted := statement.value["NotResource"]).absent:
            yield disallowed(inverted, "name the allowed resources in Resource, or add a condition")
        if "*" in statement.resources:
            value = next(item for item in _elements(statement.value["Resource"]) if item.text() == "*")
            named = "its actions" if statement.value.secret else narrow[0]
            yield expected(value, f"the resources of {named}, or add a condition")

    yield from _each_allowed(resource, check)


@IAM.rule(
    "iam-administrator-attached",
    types=(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:iam/policyAttachment:PolicyAttachment",
        ROLE,
    ),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_274", "CIS AWS 1.16"),
    remediation="Attach a policy that names what is needed.",
    options={
        "emergencyRoles": Option(
            default=["pipe-break-glass"],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "Names of roles for emergencies; iam-administrator-without-mfa checks them.",
            },
        )
    },
)
def administrator(resource: Resource, options: Options) -> Verdicts:
    """Refuse attachments of AdministratorAccess, except to the roles for emergencies."""
    name = resource["name" if resource.type == ROLE else "role"]
    if name.known and name.text() in options["emergencyRoles"]:
        return
    yield from check_each(
        resource["managedPolicyArns"].items() if resource.type == ROLE else [resource["policyArn"]],
        _administrates,
    )


def _administrates(policy: Value) -> Verdicts:
    if (policy.text() or "").endswith(":policy/AdministratorAccess"):
        yield expected(policy, "a policy that names what is needed")


@IAM.stack_rule(
    "iam-administrator-without-mfa",
    about=(ROLE,),
    severity=Severity.CRITICAL,
    controls=("Design: emergency access needs MFA",),
    remediation="Add the condition Bool aws:MultiFactorAuthPresent true to each trust statement.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html",
)
def without_mfa(stack: Stack, _: Options) -> Verdicts:
    """Require MFA in the trust policy of every role with AdministratorAccess."""
    for role in stack.of((ROLE,)):
        yield from guarded(_requires_mfa(stack, role), role.urn)


def _requires_mfa(stack: Stack, role: Resource) -> Verdicts:
    policies = [*role["managedPolicyArns"].items()]
    for attachment in stack.of(("aws:iam/rolePolicyAttachment:RolePolicyAttachment",)):
        name = attachment["role"]
        named = name.known and role["name"].known and name.text() == role["name"].text()
        if named or role.urn in attachment.property_dependencies.get("role", ()):
            policies.append(attachment["policyArn"])
    if not any(True for policy in policies for _ in _administrates(policy)):
        return
    for verdict in check_each_statement(role["assumeRolePolicy"], _asks_for_mfa):
        yield role.attach(verdict) if isinstance(verdict, Finding) else verdict


def _asks_for_mfa(statement: Statement) -> Verdicts:
    if statement.allows and not any(
        condition.operator == "Bool"
        and condition.key == "aws:multifactorauthpresent"
        and condition.values == ("true",)
        for condition in statement.conditions
    ):
        yield expected(statement.value["Condition"], "Bool aws:MultiFactorAuthPresent true")


@IAM.rule(
    "iam-policy-on-user",
    types=("aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment"),
    severity=Severity.LOW,
    controls=("CKV_AWS_40", "CIS AWS 1.15"),
    remediation="Attach the policy to a role or a group.",
)
def on_user(resource: Resource, _: Options) -> Verdicts:
    """Require permissions on roles and groups instead of users."""
    yield disallowed(resource["user"], "attach the policy to a role or a group")


@IAM.rule(
    "iam-trust-without-condition",
    types=(ROLE,),
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_60", "CKV_AWS_61", "CKV_AWS_358", "CIS AWS 1.20"),
    remediation=(
        "Add conditions on `sub` and `aud` for an identity provider; for an account, name its roles or "
        "require an external ID."
    ),
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html",
)
def trust(resource: Resource, _: Options) -> Verdicts:
    """Refuse roles that trust everybody, all users of an identity provider, or a whole account."""
    yield from check_each_statement(resource["assumeRolePolicy"], _trust)


_ANY_SUBJECT = re.compile(r"(repo|system:serviceaccount|):*([*?].*)?", re.DOTALL)
"""Patterns of `sub` that match every caller of an identity provider, because they fix only the kind."""

_GITHUB = "token.actions.githubusercontent.com:"

_GITHUB_OWNER = re.compile(
    r"(repo|repository|repository_id|repository_owner|repository_owner_id|job_workflow_ref):[^*?/:]+([/:].*)?"
)
"""A `sub` of GitHub Actions that begins with an owner or a repository. Other claims match any caller."""


_CLAIMS = {"sts:AssumeRoleWithWebIdentity": ("sub", "aud"), "sts:AssumeRoleWithSAML": ("aud",)}
"""The claims that a condition must restrict, by the action that accepts the token or assertion."""

_ACCOUNT = re.compile(r"\d+|arn:[\w-]+:iam::\d+:root")

_MEMBERS = re.compile(
    r"aws:(principalarn|principaltag/.+|sourceip|sourcevpce?|userid|username|vpcsourceip)|sts:externalid"
)
"""Condition keys that distinguish the principals of an account."""


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
    if statement.open:
        yield disallowed(statement.named, "name the principals, or add a condition")
    elif any(kind == "AWS" and _ACCOUNT.fullmatch(name) for kind, name in statement.principals) and not any(
        item.narrows and _MEMBERS.fullmatch(item.key) for item in statement.conditions
    ):
        remedy = "name roles of the account, or add a condition such as sts:ExternalId"
        yield disallowed(statement.value["Principal"], remedy)


def _names_claim(condition: Condition) -> bool:
    if not condition.narrows or condition.key.endswith(":aud"):
        return condition.narrows
    if condition.key.startswith(_GITHUB):
        return all(map(_GITHUB_OWNER.fullmatch, condition.values))
    return not any(map(_ANY_SUBJECT.fullmatch, condition.values))


_DEPLOY_SUFFIX = "-deploy"
"""End of the name of a role that deploys an environment, such as pipe-prod-deploy."""


@IAM.stack_rule(
    "iam-environments-share-account",
    about=(ROLE,),
    severity=Severity.HIGH,
    controls=("Well-Architected SEC01-BP01",),
    remediation="Give each environment an account, and with it a stack that declares its deploy role.",
    url=(
        "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/"
        "sec_securely_operate_multi_accounts.html"
    ),
    level=EnforcementLevel.ADVISORY,
)
def environments_share_account(stack: Stack, _: Options) -> Verdicts:
    """Warn about an account with the deploy roles of several environments.

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
