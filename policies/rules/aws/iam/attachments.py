"""IAM rules on attachments: administrators, and policies on users."""

from pulumi_policy import Severity

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
from policies.model.aws.iam_documents import Statement, elements
from policies.model.aws.iam_policies import ROLE
from policies.model.aws.patterns import ADMINISTRATORS
from policies.model.checks import check_each_statement, guarded
from policies.model.property_values import Value

GENERAL = "aws:iam/policyAttachment:PolicyAttachment"
EXCLUSIVE_USER = "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive"
ON_ROLE = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "roleName",
    GENERAL: "roles",
}
"""The types that attach policies to roles, with the property that names the roles."""
ON_USER = {
    "aws:iam/userPolicy:UserPolicy": "user",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "user",
    EXCLUSIVE_USER: "userName",
    GENERAL: "users",
}
"""The types that give policies to users, with the property that names the users."""
ATTACHED = {
    ROLE: "managedPolicyArns",
    GENERAL: "policyArn",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    # These attach the policies that they list, and detach all others.
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
    EXCLUSIVE_USER: "policyArns",
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": "policyArns",
    "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment": "managedPolicyArn",
    "aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive": "managedPolicyArns",
}
"""The types that attach policies, with the property that names the policies."""


@IAM.rule(
    "iam-administrator-attached",
    types=ATTACHED,
    severity=Severity.CRITICAL,
    controls=("CKV_AWS_274", "CKV2_AWS_56", "CIS AWS 1.16"),
    remediation="Attach a policy with only the permissions that are needed.",
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
    """Refuse attachments of AdministratorAccess and IAMFullAccess, except to the roles for emergencies.

    With IAMFullAccess, a principal can attach AdministratorAccess to itself.
    """
    # A general attachment may name groups and users, too, so that no name of a role exempts it.
    name = resource["name" if resource.type == ROLE else ON_ROLE.get(resource.type, "role")]
    if name.known and name.text() in options["emergencyRoles"]:
        return
    yield from check_each(elements(resource[ATTACHED[resource.type]]), _administrates)


def _administrates(policy: Value) -> Verdicts:
    if (policy.text() or "").endswith(tuple(f":policy/{name}" for name in ADMINISTRATORS)):
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
    """Require MFA in the trust policy of every role with AdministratorAccess or IAMFullAccess."""
    for role in stack.of((ROLE,)):
        yield from guarded(_requires_mfa(stack, role), role.urn)


def _requires_mfa(stack: Stack, role: Resource) -> Verdicts:
    policies = [*role["managedPolicyArns"].items()]
    for attachment in stack.of(ON_ROLE):
        names = ON_ROLE[attachment.type]
        named = role["name"].known and any(
            name.known and name.text() == role["name"].text() for name in elements(attachment[names])
        )
        if named or role.urn in attachment.property_dependencies.get(names, ()):
            policies += elements(attachment[ATTACHED[attachment.type]])
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
    types=ON_USER,
    severity=Severity.LOW,
    controls=("CKV_AWS_40", "CIS AWS 1.15"),
    remediation="Attach the policy to a role or a group.",
)
def on_user(resource: Resource, _: Options) -> Verdicts:
    """Require permissions on roles and groups instead of users."""
    lists = {GENERAL: "users", EXCLUSIVE_USER: "policyArns"}
    if resource.type not in lists or resource[lists[resource.type]].items():
        yield disallowed(resource[ON_USER[resource.type]], "attach the policy to a role or a group")
